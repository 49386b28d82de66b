"""Findings about the learning rate, underfitting and copies of training images."""

import math

import msgspec
import pytest

from vislab.engine.analysis.findings import findings
from vislab.engine.runs.events import DecisionMade, StepsLogged
from vislab.engine.runs.state import fold
from vislab.presets.schema.spec import Spec
from vislab.presets.schema.strategy import Strategy

GUESSING = math.log(3)


def strategy(**values: object) -> Spec:
    return Spec(strategy=msgspec.structs.replace(Strategy(), **values))


def told(events, spec: Spec | None = None) -> dict:
    return {finding.kind: finding for finding in findings(fold(events), spec or Spec())}


def with_losses(events, losses: list[float]):
    rest = iter(losses)
    return [
        msgspec.structs.replace(event, loss=next(rest)) if isinstance(event, StepsLogged) else event for event in events
    ]


def test_a_loss_that_shoots_up_inside_epochs(history) -> None:
    events = history([0.9, 0.8, 0.7, 0.6])
    shot = with_losses(events, [1.1] * 4 + [9.0] * 5 + [1.0] * 11)
    found = told(shot)["rate_too_high"]
    assert "to 9.0000 in epoch 1, step 18" in found.text and found.severity == "warning"
    assert "learning_rate = 1.0e-4 (now 1.0e-3)" in found.remedy and "warmup_epochs = 1" in found.remedy
    assert "learning_rate = 1.0e-3 (now 1.0e20)" in told(shot, strategy(learning_rate=1e20))["rate_too_high"].remedy
    wild = with_losses(events, [47747718.65] * 5 + [1.97e17] * 5 + [1.0] * 10)
    assert "shot up from 4.8e7 to 2.0e17 in epoch" in told(wild)["rate_too_high"].text
    assert "warm" not in told(shot, strategy(warmup_epochs=1.0))["rate_too_high"].remedy
    assert "rate_too_high" not in told(with_losses(events, [1.1] * 4 + [9.0] + [1.0] * 15)), "one unlucky batch"
    assert "rate_too_high" not in told(shot, strategy(loss="focal")), "of another loss nothing is known"


@pytest.mark.parametrize(
    ("losses", "kind", "words"),
    [
        ([GUESSING, GUESSING + 0.003, GUESSING - 0.002, GUESSING], "rate_too_low", "1.0e-2 (now 1.0e-3)"),
        ([GUESSING + 0.02, GUESSING + 0.012, GUESSING + 0.007, GUESSING + 0.005], "rate_too_low", "1.0e-2"),  # cosine
        ([400.0, 1.9, 1.12, GUESSING], "rate_too_high", "1.0e-4 (now 1.0e-3)"),
        ([1.2, 1.5, 1.12, GUESSING], "rate_too_high", "1.0e-4"),
        ([1.5, 1.12, GUESSING, GUESSING], "nothing_learnt", "vislab find-lr"),
    ],
)
def test_a_loss_that_stays_where_guessing_is(history, losses: list[float], kind: str, words: str) -> None:
    found = told(history(losses, [0.33] * 4, losses, [0.33] * 4))
    assert found.keys() & {"rate_too_low", "rate_too_high", "nothing_learnt", "underfitting", "still_improving"} == {
        kind
    }
    assert "no better than guessing (ln 3 = 1.0986)" in found[kind].text
    assert words in found[kind].remedy
    assert kind not in told(history(losses[:2]))


def test_a_loss_that_was_thrown_up_inside_the_first_epoch_and_taught_nothing(history) -> None:
    still = history([1.11, GUESSING, GUESSING, GUESSING])
    thrown = with_losses(still, [1.1] * 2 + [1.4] * 5 + [GUESSING] * 13)
    assert "rate_too_low" in told(with_losses(still, [1.11] * 5 + [GUESSING] * 15))
    assert "rate_too_high" in told(thrown) and "rate_too_low" not in told(thrown)


@pytest.mark.parametrize(
    ("losses", "low"),
    [
        ([1.098, 1.094, 1.090, 1.086], True),
        ([1.098, 0.9, 0.7, 0.5], False),  # fast
        ([1.098, 1.05, 1.04, 1.039], False),  # slows down: another cause
        ([1.06, 1.05, 1.055, 1.05], False),  # not steady
        ([0.20, 0.199, 0.198, 0.197], False),  # near its end
        ([0.0, -0.1, -0.2, -0.3], False),  # no cross-entropy
    ],
)
def test_a_loss_that_falls_steadily_but_hardly(history, losses: list[float], low: bool) -> None:
    found = told(history(losses, [0.4] * len(losses), losses, [0.4] * len(losses)))
    assert ("rate_too_low" in found) == low
    if low:
        assert "only by 1.1 % in 4 epochs" in found["rate_too_low"].text
        assert "learning_rate = 1.0e-2" in found["rate_too_low"].remedy
        assert "still_improving" not in found


def test_underfitting_needs_a_low_training_accuracy_without_a_gap(history) -> None:
    losses = [1.0, 0.95, 0.94, 0.94, 0.94]
    events = history(losses, [0.4, 0.5, 0.55, 0.56, 0.56], losses, [0.4, 0.5, 0.55, 0.56, 0.57])
    found = told(events)
    assert "accuracy only 0.5600 on training images (0.5700 on validation images)" in found["underfitting"].text
    assert "or pretrained weights, longer training (strategy.epochs)" in found["underfitting"].remedy
    ended = told(events, strategy(epochs=10, max_steps=50))["underfitting"]
    assert "longer training (strategy.max_steps)" in ended.remedy
    for epochs, steps in ((5, 50), (5, 99), (10, 80)):
        both = told(events, strategy(epochs=epochs, max_steps=steps))["underfitting"]
        assert "longer training (strategy.epochs and strategy.max_steps)" in both.remedy
    assert (
        "longer training (strategy.epochs)." in told(events, strategy(epochs=5, max_steps=100))["underfitting"].remedy
    )
    gap = history(losses, [0.4, 0.5, 0.55, 0.65, 0.68], losses, [0.4, 0.5, 0.5, 0.5, 0.5])
    assert "underfitting" not in told(gap)
    early = history(losses[:3], [0.4, 0.5, 0.55], losses[:3], [0.4, 0.5, 0.55], epochs=10)
    assert "underfitting" not in told(early)
    learning = history([1.0, 0.9, 0.8, 0.7, 0.6], [0.5] * 5, losses, [0.5] * 5)
    assert "underfitting" not in told(learning)
    frozen = told(
        history(losses, [0.5] * 5, losses, [0.5] * 5), strategy(freeze="backbone", pretrained=True, mixup=0.2)
    )
    assert "underfitting" not in frozen, "accuracy on mixed images says nothing"


def test_copies_of_training_images_are_told_by_their_part(history) -> None:
    decided = DecisionMade(what="duplicates", choice="7", why="", details={"validation": 7, "test": 0})
    events = [*history([0.5, 0.4], [0.9, 0.9], [0.5, 0.4], [0.9, 0.9]), decided]
    assert "Duplicates: 7 of 3000 validation images have exactly the pixels" in told(events)["duplicates"].text
    assert "duplicates" not in told(events[:-1])
