import msgspec
import pytest

from vislab.engine.analysis import comparison, groups
from vislab.engine.runs.events import ControlApplied, DecisionMade, EpochEnded, RunEnded, TestFigures, encode
from vislab.engine.runs.log import EventReader
from vislab.engine.runs.store import Labels, create
from vislab.presets.schema.spec import Spec


def spec(**keys):
    return msgspec.convert({"name": "x"} | keys, Spec)


def differences(*specs):
    return comparison.differences([comparison.chosen(one) for one in specs])


@pytest.fixture
def make(tmp_path, history):
    def made(name="x", accuracies=(0.5, 0.7, 0.6), answers="", *, data="f", test=None, **keys):
        run = create(tmp_path, spec(name=name, **keys))
        events = [
            *history([1.0] * len(accuracies), val_accuracy=list(accuracies), val_counts=(10, 10, 10), test=test),
            DecisionMade(what="data", choice=data, why=""),
        ]
        run.events.write_bytes(b"".join(map(encode, events)))
        if answers:
            lines = [f"{i},a,{'a' if right == '1' else 'b'},0.5" for i, right in enumerate(answers)]
            (run.path / "predictions.csv").write_text("\n".join(["name,label,predicted,confidence", *lines, ""]))
        return run

    return made


def test_only_what_differs_is_told_with_the_shortest_label_that_is_clear():
    a = spec(seed=1, strategy={"learning_rate": 0.1, "name": "a"}, origins={"seed": "command line"})
    b = spec(name="y", strategy={"learning_rate": 0.2, "name": "b", "help": "other"})
    found = differences(a, b, a)
    assert [(row.label, row.values) for row in found] == [
        ("seed", (1, 0, 1)),
        ("strategy", ("a", "b", "a")),
        ("learning_rate", (0.1, 0.2, 0.1)),
    ]
    assert differences(a, a) == differences(a) == []


def test_labels_are_longer_where_two_keys_end_alike():
    a = spec(dataset={"options": {"size": 1}}, architecture={"options": {"size": 1}})
    b = spec(dataset={"options": {"size": 2}}, architecture={"options": {"size": 3}})
    assert [row.label for row in differences(a, b)] == [
        "dataset.options.size",
        "architecture.options.size",
    ]
    c = spec(dataset={"options": {"size": 1, "only": 2}}, architecture={"options": {"size": 1}})
    assert [(row.label, row.values) for row in differences(a, c)] == [("only", (None, 2))]


def test_figures_come_with_their_interval_and_their_cost(make):
    test = TestFigures(role="test", images=30, loss=0.1, accuracy=0.8, top5=1.0, macro_f1=0.8, weights="raw", epoch=2)
    row = comparison.look(make(test=test))
    assert (row.accuracy, row.images, row.best.epoch, row.test_accuracy, row.status) == (0.7, 30, 2, 0.8, "done")
    assert row.interval == pytest.approx((0.5212, 0.8334), abs=1e-4)
    assert (row.seconds_per_epoch, row.seconds, row.images_per_second) == (2.0, 6.0, 412.0)
    assert row.trained_parameters == 30_000


def test_runs_are_compared_by_the_batch_size_that_they_decided(make):
    run = make(strategy={"batch_size": "auto"})
    given, open_ = comparison.look(make(strategy={"batch_size": 32})), comparison.look(run)
    assert [row.values for row in differences(given.spec, open_.spec)] == [(32, "auto")]
    with run.events.open("ab") as file:
        file.write(encode(DecisionMade(what="batch size", choice="32", why="measured")))
    assert differences(given.spec, comparison.look(run).spec) == []


def test_a_run_that_was_changed_on_its_way_is_no_repeat_of_another(make):
    plain, longer, slower = (make(seed=seed, strategy={"schedule": "cosine"}) for seed in (1, 2, 3))
    longer_, slower_ = (
        DecisionMade(what="epochs", choice="20", why="", details={"extensions": "15 hold, 20 stretch"}),
        ControlApplied(request="r", action="set_learning_rate", value="1e-4", step=4),
    )
    for run, event in ((longer, longer_), (slower, slower_)):
        with run.events.open("ab") as file:
            file.write(encode(event))
    runs = [comparison.look(run) for run in (plain, longer, slower)]
    assert len(groups.groups(runs)) == 3
    found = {row.key: row.values for row in comparison.differences([run.settings for run in runs]) if row.key != "seed"}
    assert found == {
        "strategy.epochs": (10, 20, 10),
        "strategy.learning_rate": (0.001, 0.001, "0.001, 0.0001 from step 4"),
        "strategy.schedule": ("cosine", "cosine to epoch 10, hold to epoch 15, stretch to epoch 20", "cosine"),
    }


def test_a_run_that_has_not_begun_has_no_figures(tmp_path):
    row = comparison.look(create(tmp_path, spec(), labels=Labels(name="mine")))
    assert row.name == "mine" and row.status == "new"
    assert [measure.read(row) for measure in comparison.FIGURES.values()] == [None] * len(comparison.FIGURES)
    assert row.interval is None and row.trained_parameters is None


def test_figures_that_are_not_finite_are_none(make):
    row = comparison.look(make(accuracies=(0.5, float("nan"))))
    assert row.accuracy == 0.5
    lost = comparison.look(make(accuracies=(float("nan"),)))
    assert lost.accuracy is None and lost.interval is None


@pytest.mark.parametrize(
    ("values", "largest", "best"),
    [
        ([0.5, 0.7, None], True, {1}),
        ([0.5, 0.7, 0.7], True, {1, 2}),
        ([0.5, 0.7, 0.6], False, {0}),
        ([0.5, None], True, set()),
        ([0.5, 0.5], True, set()),
        ([], True, set()),
    ],
)
def test_the_best_is_marked_where_there_is_one(values, largest, best):
    assert comparison.best_of(values, largest=largest) == best


def test_every_run_is_tested_against_the_best_and_p_values_are_adjusted(make):
    runs = [
        comparison.look(make(accuracies=(accuracy,), answers=answers))
        for accuracy, answers in ((0.2, "0" * 8 + "11"), (0.9, "1" * 10), (0.5, "1" * 9 + "0"))
    ]
    among = [groups.Group((run,)) for run in runs]
    assert groups.winner(among) == 1
    first, second = groups.tests_against(among, 1)
    (test,) = first.tests
    assert (first.a, first.b, test.test.only_a, test.test.only_b) == (1, 0, 8, 0)
    assert test.test.p == pytest.approx(2 * 2 / 2**8) and first.shown
    assert second.tests[0].test.p == 1.0 and not second.shown


def test_without_common_images_the_reason_stands_in_place_of_the_test(make):
    runs = [comparison.look(make(answers=answers)) for answers in ("11", "111", "")]
    damaged = make()
    (damaged.path / "predictions.csv").write_text("nonsense\n")
    runs.append(comparison.look(damaged))
    pairs = groups.tests_against([groups.Group((run,)) for run in runs], 0)
    refused = [pair.refused for pair in pairs]
    assert "different images" in refused[0] and "no predictions" in refused[1] and "damaged" in refused[2]
    assert all(pair.tests == () for pair in pairs)


def test_whether_the_same_data_were_read(make):
    a, b, c = comparison.look(make()), comparison.look(make()), comparison.look(make(data="g"))
    assert comparison.same_data([a, b]) and not comparison.same_data([a, c])


def test_without_any_figure_the_first_run_is_the_reference(make, history):
    runs = [comparison.look(make(accuracies=())) for _ in range(2)]
    assert groups.winner([groups.Group((run,)) for run in runs]) == 0
    run = make()
    run.events.write_bytes(
        run.events.read_bytes()
        + encode(RunEnded(status="failed", reason="x", step=1, epoch=1, elapsed=1.0, exit_code=1))
    )
    assert groups.winner([groups.Group((run,)) for run in (*runs, comparison.look(run))]) == 2


def test_energy_is_the_sum_of_epochs_that_all_told_it(make):
    run = make()
    events = [
        msgspec.structs.replace(event, energy=2.5) if isinstance(event, EpochEnded) else event
        for event in EventReader(run.events).events()
    ]
    assert comparison.look(run).energy is None
    run.events.write_bytes(b"".join(encode(event) for event in events if event is not None))
    assert comparison.look(run).energy == 7.5
