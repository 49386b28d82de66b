import pytest

from vislab.engine.runs.state import Fold, fold
from vislab.tui.views import epochs, run_report

LOSSES = ([0.9287, 0.6703, 0.3747], [0.826, 0.8762, 0.9306], [0.8436, 0.5731, 0.3776], [0.8667, 0.8667, 0.9])


def test_the_table_at_80_columns(history) -> None:
    shown = epochs.lines(fold(history(*LOSSES, epochs=10)), 80)
    assert shown[0] == "  epoch │ train loss    acc │  val loss    acc │      lr │  img/s │      s"
    assert shown[1] == "      1 │     0.9287 0.8260 │    0.8436 0.8667 │  1.0e-3 │    412 │    2.0"
    assert shown[3] == "    ★ 3 │     0.3747 0.9306 │    0.3776 0.9000 │  1.0e-3 │    412 │    2.0"
    assert len(shown) == 4


@pytest.mark.parametrize("width", [30, 40, 60, 80, 100, 140])
def test_lines_fit_and_have_one_width(history, width: int) -> None:
    for figures in (LOSSES, LOSSES[:2]):
        shown = epochs.lines(fold(history(*figures)), width)
        assert {len(line) for line in shown} == {len(shown[0])}
        assert len(shown[0]) <= width
        assert "train loss" in shown[0]


def test_what_a_run_is_judged_on_has_one_name_at_every_width(history) -> None:
    def titles(state, width: int) -> str:
        return epochs.lines(state, width)[0]

    held_out, on_test = fold(history(*LOSSES)), fold(history(*LOSSES, selected_on_test=True))
    assert [titles(state, 30).split("│")[-1].strip() for state in (held_out, on_test)] == ["val acc", "acc"]
    assert titles(on_test, 36).endswith("train loss │ test acc")
    assert "│ test loss    acc │" in titles(on_test, 80) and "val" not in titles(on_test, 200)
    titles = epochs.figures(on_test)[0]
    assert {"val_loss", "val_macro_f1"} <= set(titles) <= set(run_report.csv_rows(on_test)[0]), "as programs read them"
    assert "  test loss 0.3776 acc" in epochs.plain_line(on_test, on_test.epochs[2])


def test_large_losses_keep_their_exponent(history) -> None:
    state = fold(history([1e300], [0.1], [6.916e299], [0.1]))
    shown = epochs.lines(state, 60)[1]
    assert "1.0e300" in shown and "6.9e299" in shown and "…" not in shown


def test_wide_tables_show_more(history) -> None:
    many = tuple(f"class {i}" for i in range(10))
    titles = [column.title for column in epochs.columns(fold(history(*LOSSES, classes=many)), 120)]
    assert "top-5" in titles
    assert "macro F1" in titles
    few = [column.title for column in epochs.columns(fold(history(*LOSSES)), 120)]
    assert "top-5" not in few


def test_no_validation_no_columns(history) -> None:
    state = fold(history([0.9, 0.8]))
    shown = epochs.lines(state, 80)
    assert "val" not in shown[0]
    assert not any(epochs.STAR in line for line in shown)
    assert "val" not in epochs.plain_line(state, state.epochs[0])


def test_figures_that_are_not_there_or_not_finite(history) -> None:
    state = fold(history([float("nan")], [0.1], [float("inf")], [0.1]))
    row = epochs.values(epochs.columns(state, 80), state.epochs[0])
    assert row[:5] == ["1", "nan", "0.1000", "inf", "0.1000"]


def test_plain_line(history) -> None:
    state = fold(history(*LOSSES, epochs=10))
    assert epochs.plain_line(state, state.epochs[2]) == (
        "epoch  3/10  train loss 0.3747 acc 0.9306  val loss 0.3776 acc 0.9000 *best  lr 1.0e-3  412 img/s  2.0 s"
    )
    assert "*best" not in epochs.plain_line(state, state.epochs[1])


def test_a_run_that_has_said_nothing() -> None:
    assert len(epochs.lines(Fold().state(), 80)) == 1
