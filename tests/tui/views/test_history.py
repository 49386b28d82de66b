import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.engine.runs.events import TestFigures
from vislab.engine.runs.store import Labels
from vislab.tui.views import history as views
from vislab.tui.views.listed import QUANTITIES, Listed, look, quantity
from vislab.tui.views.text import cells

NOW = time.mktime((2025, 11, 22, 12, 0, 0, 0, 0, -1))
TEST = TestFigures(role="test", images=50, loss=0.2, accuracy=0.91, top5=1.0, macro_f1=0.9, weights="raw", epoch=2)


def test_a_row_says_what_the_sketch_says(listed):
    row = listed("study-b", test=TEST)
    columns = views.columns(80)
    assert [column.title for column in columns] == ["id", "started", "name", "status", "epochs", "val acc", "time"]
    line = views.line(columns, row, time.time())
    assert line.startswith(f"  ✔ {row.run.id[-4:]}  ") and cells(line) <= 80
    assert [word for word in line.split() if not word.startswith(time.strftime("%H:"))][2:] == [
        "study-b",
        "done",
        "2/2",
        "0.9000",
        "1m01s",
    ]
    assert views.line(columns, row, time.time(), marked=True).startswith("▸ ✔ ")


def test_figures_of_test_images_that_chose_the_epoch_are_marked(listed):
    columns = views.columns(240, on_test=True)
    titles = [column.title for column in columns]
    assert {"acc", "loss", "test acc"} <= set(titles) and not {"val acc", "val loss"} & set(titles)
    assert [column.title for column in views.columns(80, on_test=True)][5] == "acc"

    def shown(row):
        return {column.title: column.cell(row, NOW) for column in columns}

    chosen, held_out = shown(listed(test=TEST, on_test=True)), shown(listed(test=TEST))
    for title in ("acc", "macro F1", "test acc"):
        assert chosen[title] == held_out[title][:-1] + "†" and held_out[title][-1] == " ", "digits stand in line"
    assert chosen["loss"] == held_out["loss"]
    assert shown(listed(accuracies=()))["acc"] == "- "
    assert shown(listed(accuracies=(0.5, float("nan")), on_test=True))["acc"] == "0.5000†"


def epochs_cell(done: int, planned: int, width: int) -> str:
    (column,) = (column for column in views.columns(width) if column.title == "epochs")
    row = Listed(folder="/r", id="run", status="done", epochs_done=done, epochs_planned=planned)
    words = views.line((column,), row, NOW).split()[-1]
    assert len(words) <= column.width
    return words


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.sampled_from([80, 200]))
def test_epochs_are_never_cut_so_that_they_read_as_others(done, planned, width):
    for written, meant in zip(epochs_cell(done, planned, width).split("/"), (done, planned), strict=False):
        thousand = 1000 if written.endswith("k") else 1
        if written != "…":
            assert int(written.removesuffix("k")) * thousand <= meant < (int(written.removesuffix("k")) + 1) * thousand


def test_epochs_of_a_long_run_that_goes_on_are_seen_to_grow():
    assert [epochs_cell(done, 3000, 80) for done in (999, 1000, 1685, 3000)] == [
        "999/3k",
        "1000/3k",
        "1685/3k",
        "3k/3k",
    ]
    assert epochs_cell(1685, 2500, 80) == "1685/…" and epochs_cell(30_000, 30_000, 80) == "30k/30k"
    assert epochs_cell(1685, 2500, 200) == "1685/2500" and epochs_cell(100_000, 100_000, 200) == "100k/100k"


def test_ids_that_a_person_chose_are_told_apart(tmp_path):
    def seen(name, width, **ids):
        listed = Listed(folder=str(tmp_path), id=name, status="done")
        line = views.line(views.columns(width, dated=False, **ids), listed, NOW)
        assert cells(line) <= width
        return line.split()[1]

    assert [seen(name, 79, longest_id=8) for name in ("zzero", "zallzero")] == ["zzero", "zallzero"]
    assert [seen(name, 55, longest_id=8) for name in ("zzero", "zallzero")] == ["zze…", "zal…"]
    assert seen("my-best-run-of-all", 200, longest_id=18) == "my-be…of-all"
    assert seen("20261122-072740-digits-lenet5-db7b", 79) == "db7b"


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 200, 300])
def test_lines_and_titles_fit_and_stand_under_each_other(listed, width):
    row = listed("[b]名前\x1b[2J" * 50, labels=Labels(tags=("<b>" * 40,)), architecture={"name": "\u202eabc" * 30})
    for by in (quantity("started"), quantity("val"), quantity("strategy.epochs"), quantity("reason")):
        columns = views.columns(width, by)
        head, line = views.header(columns, by, descending=True), views.line(columns, row, NOW)
        assert cells(head) == cells(line) <= max(width, 40)
        assert "\x1b" not in line and "\u202e" not in line
        assert by.name == "started" or width < 40 or ("▼" in head)


def test_wide_lists_show_more(listed):
    titles = [column.title for column in views.columns(200)]
    assert {"data", "architecture", "strategy", "size", "tags", "test acc", "val loss"} <= set(titles)
    assert [column.title for column in views.columns(200, quantity("strategy.mixup"))].count("mixup") == 1
    untagged = views.columns(200, tagged=False)
    name = next(column for column in untagged if column.title == "name")
    assert "tags" not in [column.title for column in untagged] and name.width > 22
    assert "tags" in [column.title for column in views.columns(200, quantity("tag"), tagged=False)]


@pytest.mark.parametrize("by", [None, *QUANTITIES, "strategy.learning_rate"])
def test_the_id_stays_whatever_a_list_of_80_cells_is_sorted_by(by):
    columns = views.columns(79, by and quantity(by), dated=False)
    assert "id" in [column.title for column in columns]
    assert sum(column.width + views.GAP for column in columns) + 2 <= 79
    assert views.columns(79, dated=False)[2].width == len("study-a-deit-transfer")


@pytest.mark.parametrize("width", range(75, 240, 3))
def test_a_name_is_cut_for_no_column_that_the_details_say_too(width):
    columns = views.columns(width)
    name = next(column for column in columns if column.title == "name")
    assert name.width >= len("study-a-deit-transfer") or len(columns) <= 7


def test_a_table_for_other_programs_leaves_empty_what_is_not_counted(listed):
    row = listed()
    titles, rows = views.table([row, row.sized(2_000_000)], QUANTITIES["started"], NOW)
    assert [cells[titles.index("size")] for cells in rows] == ["", "2.0 MB"]
    assert len(titles) == len(rows[0]) and "tags" in titles


def test_a_copied_table_has_no_column_of_sizes_that_nobody_has_counted(listed):
    row = listed("study-b")
    titles, rows = views.table([row, row], QUANTITIES["started"], NOW)
    every, sized = views.table([row.sized(10), row], QUANTITIES["started"], NOW)
    assert "size" not in titles and [title for title in every if title != "size"] == titles
    assert all(len(cells) == len(titles) for cells in rows) and all(len(cells) == len(every) for cells in sized)


def test_a_click_finds_its_column():
    columns = views.columns(80)
    line = views.header(columns, quantity("id"), descending=False)
    for column in columns:
        place = line.index(column.title.rstrip("▲") if column.title != "id" else "id")
        found = views.column_at(columns, place)
        assert found is not None and found.title == column.title
    assert views.column_at(columns, 0) is None and views.column_at(columns, 500) is None


def test_a_damaged_run_is_listed_with_its_fault(listed, tmp_path):
    row = listed()
    (row.run.path / "spec.toml").write_text("no = toml = here")
    (row.run.path / "summary.json").unlink()
    damaged = look(row.run)
    assert damaged.status == "damaged" and not damaged.live and views.sign(damaged) == "!"
    assert row.run.id in views.line(views.columns(80), damaged, NOW)[:60] or "damaged" in views.line(
        views.columns(80), damaged, NOW
    )
    assert "spec.toml" in damaged.reason and "spec.toml" in views.details(damaged, views.columns(80), 78)[1]
    for name in QUANTITIES:
        QUANTITIES[name].value(damaged)


def test_details_and_reasons(listed):
    row = listed(
        end="failed",
        reason="out of [memory]\x1b",
        labels=Labels(name="mine", tags=("a", "b"), note="n\nn"),
        dataset={"name": "animals"},
    )
    assert row.reason == "out of [memory]\x1b"
    row = row.sized(1_500_000)
    assert views.details(row, views.columns(80), 78) == (
        f"animals · scratch   1.5 MB   {row.run.id}",
        "tags: a, b   note: n⏎n",
    )
    shown, _ = views.details(row, views.columns(240), 238)
    assert shown == row.run.id, "the columns say the rest"
    short, _ = views.details(row, views.columns(60), 50)
    assert (
        cells(short) == 50
        and short.startswith("animals · scratch   1.5 MB   2")
        and short.endswith(row.run.id[-5:])
        and "…" in short
    )
    assert listed(end="").reason == "its worker ended without a word"
    assert listed(end="stopped", reason="asked").reason == ""


def test_a_setting_called_name_has_no_room_of_a_name() -> None:
    by = quantity("strategy.name")
    assert sum(column.width + views.GAP for column in views.columns(80, by)) <= 80
