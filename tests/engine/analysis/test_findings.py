import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.engine.analysis.compared_log import in_short
from vislab.engine.analysis.findings import findings
from vislab.engine.runs.events import ControlApplied, EpochEnded, StepsLogged
from vislab.engine.runs.state import Fold, fold
from vislab.presets.schema.spec import Spec
from vislab.presets.schema.strategy import Strategy

SPEC = Spec()
SOUND = [1.0, 0.6, 0.45, 0.40, 0.39, 0.385, 0.382, 0.381, 0.381, 0.380]


def strategy(**values: object) -> Spec:
    return Spec(strategy=msgspec.structs.replace(Strategy(), **values))


def found_in(events, spec: Spec):
    state = fold(events)
    found = findings(state, spec)
    assert findings(in_short(state), spec) == found  # as a comparison keeps it
    return found


def kinds(events, spec: Spec = SPEC) -> list[str]:
    return [finding.kind for finding in found_in(events, spec)]


def the(kind: str, events, spec: Spec = SPEC):
    (finding,) = [finding for finding in found_in(events, spec) if finding.kind == kind]
    return finding


def test_a_sound_run_has_none(history) -> None:
    assert kinds(history(SOUND, val_loss=[x + 0.02 for x in SOUND])) == []


def test_a_run_that_has_said_nothing_has_none() -> None:
    assert findings(Fold().state(), SPEC) == []


def test_overfitting_by_the_gap(history) -> None:
    losses = [1.0, 0.5, 0.2, 0.1, 0.05]
    found = the("overfitting", history(losses, [0.5, 0.7, 0.9, 0.95, 0.98], [1.0] * 5, [0.4, 0.48, 0.5, 0.5, 0.5]))
    assert "0.9800 on training images against 0.5000" in found.text
    assert "gap of 0.4800" in found.text
    assert "pretrained weights" in found.remedy


def test_a_gap_within_the_noise_of_few_images_is_none(history) -> None:
    few = {"val_counts": (4, 3, 3)}
    events = history([1.0, 0.5], [0.8, 0.85], [0.6, 0.5], [0.7, 0.7], **few)
    assert "overfitting" not in kinds(events)
    assert "overfitting" in kinds(history([1.0, 0.5], [0.8, 0.85], [0.6, 0.5], [0.7, 0.7]))


def test_overfitting_by_a_rising_validation_loss(history) -> None:
    events = history([1.0, 0.5, 0.4, 0.3, 0.2], [0.8] * 5, [0.6, 0.5, 0.55, 0.6, 0.65], [0.79] * 5)
    assert "rose from 0.5000 at epoch 2 to 0.6500 at epoch 5" in the("overfitting", events).text
    lucky = history([1.0, 0.5, 0.4, 0.3, 0.2], [0.8] * 5, [0.9, 0.5, 0.7, 0.6, 0.65], [0.79] * 5)
    assert "overfitting" not in kinds(lucky), "one lucky evaluation is no turning point"


@pytest.mark.parametrize("val", [[0.5, 0.7, 0.9, 1.1, 1.3], [0.5, 0.9, 1.5, 2.5, 4.0], [0.5, 0.7, 0.9, 0.88, 1.2]])
def test_a_validation_loss_that_climbs_from_the_first_epoch_is_overfitting_and_not_unstable(history, val) -> None:
    found = kinds(history([0.5, 0.4, 0.3, 0.2, 0.1], [0.8] * 5, val, [0.79] * 5))
    assert "overfitting" in found and "unstable" not in found


def test_no_gap_remedy_of_pretrained_weights_for_a_pretrained_run(history) -> None:
    events = history([1.0, 0.1], [0.5, 0.98], [1.0, 1.0], [0.5, 0.5])
    assert "pretrained weights" not in the("overfitting", events, strategy(pretrained=True)).remedy


@pytest.mark.parametrize(
    ("better_at", "epochs", "patience"),
    [
        ([1, 2, 3], 4000, 5),  # however many are planned
        ([1, 10], 40, 9),  # the best came after nine evaluations
        ([1, 100], 400, 20),
    ],
)
def test_the_patience_of_a_remedy_follows_from_the_history(history, better_at, epochs, patience) -> None:
    ran = max(better_at) + 10
    accuracies = [0.5 + 0.001 * sum(epoch >= at for at in better_at) for epoch in range(1, ran + 1)]
    events = history([1 / epoch for epoch in range(1, ran + 1)], [0.99] * ran, [1.0] * ran, accuracies, epochs=epochs)
    assert f"fewer epochs (strategy.patience = {patience})." in the("overfitting", events).remedy
    assert f"(strategy.patience = {patience})." in the("overfitting", events, strategy(patience=patience + 1)).remedy
    assert the("overfitting", events, strategy(patience=patience)).remedy.endswith("or fewer epochs.")


@given(st.lists(st.integers(0, 60).map(lambda figure: figure / 60), min_size=2, max_size=60))
def test_that_patience_would_have_reached_the_best_epoch(history, accuracies: list[float]) -> None:
    ran = len(accuracies)
    events = history([1 / epoch for epoch in range(1, ran + 1)], [1.0] * ran, [1.0] * ran, accuracies)
    remedies = " ".join(finding.remedy for finding in findings(fold(events), SPEC))
    for patience in map(int, re.findall(r"strategy\.patience = (\d+)", remedies)):
        assert 5 <= patience <= 20
        waited, reached = 0, -1.0
        for accuracy in accuracies:
            waited = 0 if accuracy > reached else waited + 1
            reached = max(reached, accuracy)
            if waited >= patience:
                break
        assert reached == max(accuracies) or patience == 20


@pytest.mark.parametrize(
    ("losses", "unstable"),
    [
        ([1.0, 0.5, 1.2, 0.6, 0.5], True),  # one big jump
        ([1.0, 0.5, 0.7, 0.5, 0.7], True),  # two small ones
        ([1.0, 0.5, 0.7, 0.6, 0.5], False),  # one small one
        ([1.0, 0.02, 0.04, 0.02, 0.04], False),  # tiny beside where it began
        ([1.0, 0.05, 0.1, 0.05, 0.1], True),  # small ones that double it
        ([1.0, 0.8, 0.6, 0.5, 0.4], False),
    ],
)
def test_unstable_loss(history, losses: list[float], unstable: bool) -> None:
    assert ("unstable" in kinds(history(losses))) is unstable


def test_unstable_validation_loss(history) -> None:
    falling, jumping = [1.2, 0.33, 0.16, 0.14, 0.12], [0.57, 0.2, 0.31, 0.1, 0.2]
    events = history(falling, [0.9] * 5, jumping, [0.9] * 5)
    found = the("unstable", events)
    assert "The validation loss is unstable: it jumped up 2 times in 5 epochs, most by 0.1100 at epoch 3" in found.text
    assert "strategy.ema" in found.remedy
    assert "unstable" not in kinds(history(falling, [0.9] * 5, jumping, [0.9] * 5, val_counts=(30, 30, 30)))


def test_the_remedy_of_an_unstable_loss_is_a_lower_rate(history) -> None:
    found = the("unstable", history([1.0, 0.5, 1.2, 0.6, 0.5]), strategy(learning_rate=3e-3))
    assert "most by 0.7000 at epoch 3" in found.text
    assert "learning_rate = 1.0e-3 (now 3.0e-3)" in found.remedy


def test_the_remedy_of_a_rate_far_above_the_usual_is_the_usual_one(history) -> None:
    events = history([1.0, 0.5, 1.2, 0.6, 0.5])

    def remedy(**values: object) -> str:
        return the("unstable", events, strategy(**values)).remedy

    assert "strategy.learning_rate = 1.0e-1 (now 1.0e20)" in remedy(optimizer="sgd", learning_rate=1e20)
    assert "strategy.learning_rate = 1.0e-3 (now 1.0e0)" in remedy(optimizer="adamw", learning_rate=1.0)
    assert "strategy.learning_rate = 5.0e-1 (now 1.5e0)" in remedy(optimizer="nesterov", learning_rate=1.5)
    both = remedy(learning_rate=1e20, head_learning_rate=3e-3)
    assert "learning_rate = 1.0e-3 (now 1.0e20) and strategy.head_learning_rate = 1.0e-3 (now 3.0e-3)" in both


def test_not_finite(history) -> None:
    found = the("not_finite", history([1.0, float("nan")], val_loss=[1.0, 1.0]), SPEC)
    assert found.severity == "error"
    assert "training loss is not finite from epoch 2, step" in found.text
    found = the("not_finite", history([1.0, 0.9], val_loss=[1.0, float("inf")]), Spec(precision="fp16"))
    assert "validation loss is not finite from epoch 2" in found.text
    assert "bf16" in found.remedy


def test_still_improving(history) -> None:
    falling = [1.0 - 0.08 * i for i in range(10)]
    found = the("still_improving", history(falling, val_loss=falling))
    assert "validation loss of the last 2 evaluations is 0.3200, of as many before 0.4800" in found.text
    assert "strategy.epochs = 20 (now 10)" in found.remedy
    assert "training loss" in the("still_improving", history(falling)).text
    assert "still_improving" not in kinds(history(falling, val_loss=falling, epochs=40))


def test_nobody_is_told_to_train_longer_and_to_stop_early(history) -> None:
    falling = [1 / (1 + n) for n in range(10)]
    found = kinds(history(falling, [0.9] * 10, falling, [0.5, 0.9] + [0.85] * 8))
    assert "plateau" in found and "still_improving" not in found


def test_plateau(history) -> None:
    accuracies = [0.5, 0.7, 0.8] + [0.79] * 7
    found = the("plateau", history(SOUND, [0.8] * 10, [0.5] * 10, accuracies))
    assert "no better validation accuracy since epoch 3, for 7 evaluations" in found.text
    assert "patience = 5" in found.remedy
    assert "cosine" in found.remedy
    assert (
        "patience"
        not in the("plateau", history(SOUND, [0.8] * 10, [0.5] * 10, accuracies), strategy(patience=9)).remedy
    )


def test_small_validation(history) -> None:
    few = {"val_counts": (10, 10, 10)}
    found = the("small_validation", history([1.0], [0.9], [0.5], [0.9], **few))
    assert "30, so an accuracy of 0.9000 means [0.74, 0.97]" in found.text
    assert "all folds" in the("small_validation", history([1.0], [0.9], [0.5], [0.9], **few), strategy(folds=5)).remedy


def test_imbalance(history) -> None:
    uneven = history(SOUND, val_loss=SOUND, train_counts=(500, 120, 50))
    assert "500 training images in the largest class, 50 in the smallest (butterfly against horse)" in (
        the("imbalance", uneven).text
    )
    assert "imbalance" not in kinds(uneven, strategy(class_weights="balanced"))
    assert "imbalance" not in kinds(uneven, strategy(balance_to=500))
    assert "imbalance" not in kinds(history(SOUND, val_loss=SOUND, train_counts=(140, 120, 50)))
    assert "imbalance" in kinds(history(SOUND, val_loss=SOUND, train_counts=(140, 120, 0)))


def test_selected_on_test(history) -> None:
    found = the("selected_on_test", history(SOUND, val_loss=SOUND, selected_on_test=True))
    assert "epoch 10, accuracy" in found.text
    assert "no_validation" not in kinds(history(SOUND, val_loss=SOUND, selected_on_test=True))


def test_no_validation(history) -> None:
    found = the("no_validation", history(SOUND))
    assert "all 1200 images train" in found.text
    assert '"80/20"' in found.remedy


def test_the_most_severe_comes_first(history) -> None:
    events = history([1.0, float("nan")], val_loss=[1.0, 1.0], train_counts=(500, 5, 5), val_counts=(5, 5, 5))
    severities = [finding.severity for finding in findings(fold(events), SPEC)]
    assert severities == sorted(severities, key=["error", "warning", "info"].index)
    assert len(set(severities)) == 3


any_loss = st.floats(width=32)  # as torch computes it


@given(st.lists(st.tuples(any_loss, st.floats(0, 1), any_loss, st.floats(0, 1)), max_size=12), st.booleans())
def test_any_history_can_be_judged(history, rows, validated: bool) -> None:
    columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[], [], [], []]
    events = history(*columns) if validated else history(*columns[:2])
    for end in range(len(events) + 1):
        assert all(finding.text and finding.remedy for finding in findings(fold(events[:end]), SPEC))


def test_a_loss_that_is_finite_again_is_no_error(history):
    events = history((1.0, 0.8, 0.6, 0.5))
    bad = msgspec.structs.replace(next(e for e in events if isinstance(e, StepsLogged)), loss="nan")
    events = [bad if isinstance(e, StepsLogged) and e.step == bad.step else e for e in events]
    found = the("not_finite", events)
    assert found.severity == "warning" and "is finite again" in found.text
    nan = float("nan")
    found = the("not_finite", history([1.0, nan, 0.6, 0.5], val_loss=[1.0, nan, 0.7, 0.6]))
    assert found.severity == "warning" and "at epoch 2, step 12, and is finite again" in found.text
    found = the("not_finite", history([1.0, 0.9, 0.8], val_loss=[1.0, nan, nan]))
    assert found.severity == "error", "training goes on, but the last answers were none"


def test_a_head_with_a_rate_of_its_own_is_named_and_alone_where_the_rest_is_frozen(history):
    events, keys = history([1.0, 0.5, 1.2, 0.6, 0.5]), {"learning_rate": 3e-4, "head_learning_rate": 3e-3}
    head = "strategy.head_learning_rate = 1.0e-3 (now 3.0e-3)"
    both = the("unstable", events, strategy(**keys)).remedy
    assert f"strategy.learning_rate = 1.0e-4 (now 3.0e-4) and {head}" in both
    assert f"rate: {head}" in the("unstable", events, strategy(**keys, freeze="backbone")).remedy
    asked = [*events, ControlApplied(request="r", action="set_learning_rate", value="6e-4", step=1)]
    assert "strategy.head_learning_rate = 2.0e-3 (now 6.0e-3)" in the("unstable", asked, strategy(**keys)).remedy


def test_a_plateau_is_seen_where_few_epochs_are_validated(history):
    events = [
        msgspec.structs.replace(event, epoch=3 * event.epoch) if isinstance(event, EpochEnded) else event
        for event in history([0.5] * 8, [0.8] * 8, [0.5] * 8, [0.7, 0.8] + [0.79] * 6, epochs=24)
    ]
    assert "since epoch 6, for 6 evaluations" in the("plateau", events, strategy(evaluate_every=3)).text
    assert "plateau" not in kinds(
        [event for event in events if getattr(event, "epoch", 0) <= 18], strategy(evaluate_every=3)
    )


def test_remedies_are_not_refused_and_change_something(history):
    falling = [1.0 - 0.08 * i for i in range(10)]
    events = history(falling, val_loss=falling, val_counts=(10, 10, 10))  # ten updates an epoch
    for steps, remedy in {
        90: "strategy.epochs = 18 (now 10) and strategy.max_steps = 180 (now 90).",
        100: "strategy.epochs = 20 (now 10) and strategy.max_steps = 200 (now 100).",
        200: "strategy.epochs = 20 (now 10).",
    }.items():
        found = the("still_improving", events, strategy(max_steps=steps))
        assert found.remedy == f"Train for longer: {remedy}"
    told = the("small_validation", events, strategy(validation="test")).remedy
    assert 'strategy.folds = 5, strategy.validation = "held_out"' in told


def test_a_solved_task_does_not_improve_and_small_losses_have_their_digits(history):
    falling = [1e-3 * 0.5**epoch for epoch in range(10)]
    assert "still_improving" not in kinds(history(falling, [1.0] * 10, falling, [1.0] * 10))
    assert "is 2.9e-6, of as many before 1.2e-5" in the("still_improving", history(falling)).text


def test_of_a_very_long_run_evaluations_are_counted_although_few_epochs_are_kept(history) -> None:
    losses = [1.0, 0.5, *[0.4] * 998]
    events = history(losses, val_loss=losses, val_accuracy=[0.5, 0.9, *[0.8] * 998])
    told = [
        next(finding for finding in findings(fold(events, most_epochs=most), SPEC) if finding.kind == "plateau").text
        for most in (None, 40)
    ]
    assert "for 998 evaluations" in told[0] and told[1] == told[0]


def test_of_a_very_long_run_the_first_epoch_that_is_not_finite_and_the_longest_wait_are_known(history) -> None:
    losses = [1.0 - epoch / 2000 for epoch in range(1000)]
    bad = [*losses[:333], float("nan"), *losses[334:]]
    for most in (None, 40):
        state = fold(history(bad, val_loss=losses, val_accuracy=losses[::-1]), most_epochs=most)
        (told,) = (finding.text for finding in findings(state, SPEC) if finding.kind == "not_finite")
        assert "at epoch 334, and is finite again" in told or "step" in told
    flat = [*losses[:500], *[losses[499]] * 500]
    rising = [0.1 + epoch / 2000 for epoch in range(500)] + [0.1] * 500
    remedies = [
        next(
            finding
            for finding in findings(fold(history(flat, None, flat, rising), most_epochs=most), SPEC)
            if finding.kind == "plateau"
        ).remedy
        for most in (None, 400)
    ]
    assert remedies[0] == remedies[1] and "patience = 5" in remedies[0]
