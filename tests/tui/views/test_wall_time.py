import msgspec
import pytest

from vislab.engine.analysis.comparison import look
from vislab.engine.analysis.groups import Group
from vislab.engine.runs.events import DecisionMade, encode
from vislab.engine.runs.store import create
from vislab.presets.schema.spec import Spec
from vislab.tui.views import compare, wall_time


@pytest.fixture
def took(tmp_path, history):
    """A run whose epochs took so many seconds each, validated or not, after a pass that took its features."""

    def made(seconds, accuracies, features=0.0, validated=True):
        run = create(tmp_path, Spec(name="a"))
        events = [
            msgspec.structs.replace(event, elapsed=event.elapsed * seconds / 2) if hasattr(event, "elapsed") else event
            for event in history([1.0] * len(accuracies), val_accuracy=list(accuracies) if validated else None)
        ]
        if features:
            details = {"images": 9, "computed": 9, "seconds": features}
            events.append(DecisionMade(what="features", choice="once per image", why="", details=details))
        run.events.write_bytes(b"".join(map(encode, events)))
        return look(run)

    return made


def drawn(among):
    by_epoch = [band.mean for band in compare.group_curves(among, "accuracy")]
    return [(list(curve.xs), list(curve.ys)) for curve in wall_time.by_time(among, by_epoch)]


def test_the_mean_of_runs_stands_at_the_mean_of_their_times(took):
    group, alone = Group((took(2, (0.2, 0.4, 0.9)), took(6, (0.4, 0.8)))), Group((took(3, (0.5, 0.6)),))
    assert drawn([group, alone]) == [
        ([4.0, 8.0], pytest.approx([0.3, 0.6])),
        ([3.0, 6.0], [0.5, 0.6]),
    ]
    assert drawn([Group((took(3, (0.5, 0.6), features=2.5),))])[0][0] == [5.5, 8.5]
    assert wall_time.label([group, alone]) == "mean seconds" and wall_time.label([alone]) == "seconds"
    assert compare.x_range([*group.runs, *alone.runs], "time") == (0.0, 12.0)


def test_long_runs_are_timed_in_minutes_or_hours_and_without_validation_by_their_training_figures(took):
    minutes, hours = Group((took(600, (0.5, 0.6)),)), Group((took(5400, (0.5, 0.6), validated=False),))
    assert drawn([minutes])[0][0] == [10.0, 20.0] and wall_time.label([minutes]) == "minutes"
    assert drawn([hours]) == [([1.5, 3.0], [0.5, 0.5])] and wall_time.label([hours]) == "hours"
