import math
import re
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vislab.tui.views import text
from vislab.tui.views.curves import Series, in_words
from vislab.tui.widgets.curves import draw, thin

NUMBERS = st.floats(-10, 10) | st.floats() | st.sampled_from([0.0, 1e-320, 1e100, 1e99, -1e99, 1.0])


def curve(ys: list[float], xs: list[float] | None = None, name: str = "train", marker: str = "▪") -> Series:
    return Series(name, xs if xs is not None else [float(i + 1) for i in range(len(ys))], ys, marker, 32)


def drawn(*curves: Series, width: int = 60, height: int = 12, **options) -> list[str]:
    lines = draw(curves, width=width, height=height, colour=False, **options)
    assert len(lines) == height
    assert [text.cells(line) for line in lines] == [width] * height
    return lines


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(NUMBERS, NUMBERS), max_size=12),
    st.lists(st.tuples(NUMBERS, NUMBERS), max_size=4),
    st.integers(0, 70),
    st.integers(0, 16),
    st.booleans(),
    st.none() | st.tuples(st.floats(-20, 1e6), st.floats(0, 1e6)),
    st.none() | NUMBERS,
)
def test_draws_anything(first, second, width, height, log_y, ends, best) -> None:
    one = curve([y for _, y in first], [x for x, _ in first])
    two = curve([y for _, y in second], [x for x, _ in second], "val", "●")
    x_range = None if ends is None else (ends[0], ends[0] + ends[1])
    drawn(one, two, width=width, height=height, log_y=log_y, x_range=x_range, best=best)


@pytest.mark.parametrize("ys", [[], [math.nan] * 3, [math.inf, -math.inf], [1e200]])
@pytest.mark.parametrize("log_y", [False, True])
def test_no_finite_figure_says_so(ys: list[float], log_y: bool) -> None:
    assert ("no figure that can be drawn" if ys else "no figures yet") in "\n".join(drawn(curve(ys), log_y=log_y))


def test_no_series_at_all_says_so() -> None:
    assert "no figures yet" in "\n".join(drawn())


def test_a_single_point_and_a_constant_are_drawn() -> None:
    assert "\n".join(drawn(curve([5.0]))).count("▪") == 2  # the point and the legend
    assert len([line for line in drawn(curve([3.0, 3.0, 3.0])) if line.count("▪") == 3]) == 1


def test_a_legend_without_room_for_all_says_how_many_more_there_are() -> None:
    many = [curve([1.0, 2.0], name=str(number), marker="●") for number in range(1, 21)]
    legend = drawn(*many, width=80, x_label="epoch")[-1]
    shown = legend.count("●")
    assert legend.rstrip().endswith(f"● {shown}  +{20 - shown} more  → epoch") and shown >= 9
    assert text.cells(legend.rstrip()) + text.cells(f"  ● {shown + 1}") > 80, "as many as have room"
    whole = drawn(*many[:9], width=80, x_label="epoch")[-1]
    assert whole.rstrip().endswith("● 9  → epoch")
    assert drawn(*many[:9], width=50, x_label="epoch")[-1].rstrip().endswith("● 9"), "every curve before what x counts"


def test_gaps_are_left_out_and_not_positive_on_a_log_axis() -> None:
    assert "\n".join(drawn(curve([1.0, math.nan, 3.0]))).count("▪") == 3
    assert "\n".join(drawn(curve([0.0, -1.0, 3.0, 2.0]), log_y=True)).count("▪") == 3


def test_no_line_leads_over_a_gap() -> None:
    ys = [1.0, 1.0, math.nan, 1.0, math.inf, 1.0, 1.0]
    (line,) = [line for line in drawn(curve(ys)) if line.count("▪") == 5]
    dotted = ["·" in part for part in line.split("▪")[1:-1]]
    assert dotted == [True, False, False, True]


def test_ticks_are_round_and_enclose_the_figures() -> None:
    lines = drawn(curve([0.93, 0.67, 0.37, 1.21]), x_range=(1.0, 10.0))
    labels = [float(line.split("┤")[0]) for line in lines if "┤" in line]
    assert labels == [1.25, 1.0, 0.75, 0.5, 0.25]
    assert lines[-2].split() == ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10"]


@pytest.mark.parametrize("value", [1.0, 0.9, 0.75, 1e-3])
def test_the_axis_of_a_constant_accuracy_does_not_go_beyond_one(value: float) -> None:
    lines = drawn(curve([value] * 4))
    labels = [float(line.split("┤")[0]) for line in lines if "┤" in line]
    assert 0 <= labels[-1] < value <= labels[0] <= 1
    assert sum(line.count("▪") == 4 for line in lines) == 1


def test_log_ticks_are_powers_of_ten() -> None:
    lines = drawn(curve([1000.0, 1.0, 0.01]), log_y=True, height=20)
    assert [float(line.split("┤")[0]) for line in lines if "┤" in line] == [1000, 100, 10, 1, 0.1, 0.01]


def test_the_x_axis_stands_still_while_the_curve_grows() -> None:
    few = drawn(curve([1.0, 0.5]), x_range=(1.0, 50.0))
    many = drawn(curve([1.0] + [0.5] * 30), x_range=(1.0, 50.0))
    assert few[-3:] == many[-3:]


def test_neighbouring_epochs_of_a_long_run_have_labels_of_their_own() -> None:
    long = curve([0.5] * 40, [999_961.0 + at for at in range(40)], "val", "●")
    lines = drawn(long, x_range=(999_961.0, 1_000_000.0), best=999_990.0)
    assert lines[-2].split() == ["999961", "999970", "999980", "999990", "1000000"]
    assert lines[-1].split() == ["●", "val", "★", "best", "999990"]
    assert in_words(long, "loss").startswith("val loss: last 0.5000 at epoch 1000000, lowest 0.5000 at epoch 999961")


def test_the_best_has_a_star_and_a_legend() -> None:
    train, val = curve([1.0, 0.5, 0.4]), curve([1.1, 0.6, 0.7], name="val", marker="●")
    lines = drawn(train, val, best=2.0, title="loss", x_label="epoch")
    assert lines[0].strip() == "loss"
    assert lines[-1].split() == ["▪", "train", "●", "val", "★", "best", "2", "→", "epoch"]
    assert "★" in "\n".join(lines[:-1])
    assert "★" not in "\n".join(drawn(train, val, best=7.0))


def test_colour_changes_nothing_but_colour() -> None:
    curves = [curve([1.0, 0.5, 0.4]), curve([1.1, 0.6, 0.7], name="val", marker="●")]
    coloured = draw(curves, width=60, height=12, best=2.0)
    assert "\x1b[38;5;32m" in "".join(coloured)
    assert [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in coloured] == drawn(*curves, best=2.0)
    assert all(line.rfind("\x1b[0m") >= line.rfind("\x1b[38") for line in coloured), "no line colours the next"


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(-1e6, 1e6)), max_size=200), st.integers(1, 40))
def test_thinning_keeps_the_ends_of_every_column(points, columns: int) -> None:
    kept = thin(points, columns)
    assert len(kept) <= max(2 * columns, 0)
    assert set(kept) <= set(points)
    for column in range(columns):
        bucket = [y for x, y in points if min(columns - 1, int(x * columns)) == column]
        left = [y for x, y in kept if min(columns - 1, int(x * columns)) == column]
        if bucket:
            assert (min(left), max(left)) == (min(bucket), max(bucket))


def test_plotext_is_imported_only_when_something_is_drawn() -> None:
    code = "import sys, vislab.tui.widgets.curves; sys.exit('plotext' in sys.modules or 'rich' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
