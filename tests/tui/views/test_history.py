import math
import time
import types

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.engine.runs.events import RunEnded, TestFigures, encode
from vislab.engine.runs.liveness import RunLock
from vislab.engine.runs.store import Labels, Run, create
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import Spec
from vislab.tui.views import history as views
from vislab.tui.views.text import cells

NOW = time.mktime((2025, 11, 22, 12, 0, 0, 0, 0, -1))
TEST = TestFigures(role="test", images=50, loss=0.2, accuracy=0.91, top5=1.0, macro_f1=0.9, weights="raw", epoch=2)


@pytest.fixture
def listed(tmp_path, history):
    def make(name="run", accuracies=(0.5, 0.9), *, end="done", reason="", labels=None, test=None, **spec):
        run = create(tmp_path, msgspec.convert({"name": name} | spec, Spec), labels=labels)
        events = history([1.0] * len(accuracies), val_accuracy=list(accuracies)) if accuracies else []
        if end:
            events.append(RunEnded(status=end, reason=reason, step=9, epoch=2, elapsed=61.0, exit_code=0, test=test))
        run.events.write_bytes(b"".join(map(encode, events)))
        return views.look(run)

    return make


def by(name):
    return views.quantity(name)


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


@given(st.integers(0, 10**7), st.integers(0, 10**7))
def test_epochs_are_never_cut_so_that_they_read_as_others(done, planned):
    summary = types.SimpleNamespace(epochs_done=done, epochs_planned=planned)
    column = next(column for column in views.columns(200) if column.title == "epochs")
    words = column.cell(types.SimpleNamespace(summary=summary), NOW)
    assert len(words) <= column.width and "…" not in words
    for written, meant in zip(words.split("/"), (done, planned), strict=False):
        thousand = 1000 if written.endswith("k") else 1
        assert int(written.removesuffix("k")) * thousand <= meant < (int(written.removesuffix("k")) + 1) * thousand


def test_ids_that_a_person_chose_are_told_apart(tmp_path):
    column = next(column for column in views.columns(80) if column.title == "id")

    def cell(name):
        return column.cell(types.SimpleNamespace(run=Run(tmp_path / name)), NOW)

    assert (cell("longb"), cell("long1"), cell("my-best-run-2")) == ("longb", "long1", "…un-2")
    assert cell("20261122-072740-digits-lenet5-db7b") == "db7b"


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 200, 300])
def test_lines_and_titles_fit_and_stand_under_each_other(listed, width):
    row = listed("[b]名前\x1b[2J" * 50, labels=Labels(tags=("<b>" * 40,)), architecture={"name": "\u202eabc" * 30})
    for quantity in (by("started"), by("val"), by("strategy.epochs"), by("reason")):
        columns = views.columns(width, quantity)
        head, line = views.header(columns, quantity, descending=True), views.line(columns, row, NOW)
        assert cells(head) == cells(line) <= max(width, 40)
        assert "\x1b" not in line and "\u202e" not in line
        assert quantity.name == "started" or width < 40 or ("▼" in head)


def test_wide_lists_show_more(listed):
    titles = [column.title for column in views.columns(200)]
    assert {"data", "architecture", "strategy", "size", "tags", "test acc", "val loss"} <= set(titles)
    assert [column.title for column in views.columns(200, by("strategy.mixup"))].count("mixup") == 1


def test_a_click_finds_its_column():
    columns = views.columns(80)
    line = views.header(columns, by("id"), descending=False)
    for column in columns:
        place = line.index(column.title.rstrip("▲") if column.title != "id" else "id")
        found = views.column_at(columns, place)
        assert found is not None and found.title == column.title
    assert views.column_at(columns, 0) is None and views.column_at(columns, 500) is None


def test_quantities_are_columns_figures_and_settings(listed):
    row = listed(seed=7, strategy={"learning_rate": 0.5}, dataset={"name": "d", "options": {"extra": 3}}, test=TEST)
    values = {name: views.quantity(name, [row]).value(row) for name in ("val", "test", "seed", "lr", "extra", "data")}
    assert values == {"val": 0.9, "test": 0.91, "seed": 7, "lr": 0.5, "extra": 3, "data": "d"}
    assert views.quantity("strategy.epochs").value(row) == Spec().strategy.epochs  # a default
    assert views.quantity("momentum").value(row) == Spec().strategy.momentum
    with pytest.raises(InputError, match="there is no nothing"):
        views.quantity("nothing")
    both = listed(dataset={"options": {"extra": 3}}, architecture={"options": {"extra": 3}})
    with pytest.raises(InputError, match=r"extra may mean dataset\.options\.extra or architecture\.options\.extra"):
        views.quantity("extra", [both])


def test_figures_are_those_of_the_best_epoch_or_of_the_last_one(listed, tmp_path, history):
    assert by("val").value(listed(accuracies=(0.5, 0.9, 0.6))) == 0.9
    run = create(tmp_path, msgspec.convert({"name": "no validation"}, Spec))
    run.events.write_bytes(b"".join(map(encode, history([1.0, 0.25]))))
    assert by("train_loss").value(views.look(run)) == 0.25 and by("val").value(views.look(run)) is None


def test_rows_without_a_value_come_last_in_both_orders(listed):
    rows = [
        listed(accuracies=()),
        listed(accuracies=(0.3,)),
        listed(accuracies=(float("nan"),)),
        listed(accuracies=(0.8,)),
    ]
    for descending in (True, False):
        found = [by("val").value(row) for row in views.ordered(rows, by("val"), descending=descending)]
        assert found[:2] == ([0.8, 0.3] if descending else [0.3, 0.8])
        assert all(value is None or math.isnan(value) for value in found[2:])


@given(
    st.lists(st.one_of(st.none(), st.integers(-5, 5), st.floats(), st.text(max_size=3), st.booleans())), st.booleans()
)
def test_sorting_keeps_every_row_and_equal_ones_in_their_order(values, descending):
    rows = [views.Listed(Run.__new__(Run), None, str(index)) for index in range(len(values))]
    quantity = views.Quantity("x", "", lambda row: values[int(row.fault)])
    places = [int(row.fault) for row in views.ordered(rows, quantity, descending=descending)]
    assert sorted(places) == list(range(len(values)))
    numbers = [
        (values[i], i)
        for i in places
        if isinstance(values[i], int | float) and not isinstance(values[i], bool) and not math.isnan(values[i])
    ]
    sign = -1 if descending else 1
    assert numbers == sorted(numbers, key=lambda pair: (sign * pair[0], pair[1]))


def test_a_damaged_run_is_listed_with_its_fault(listed, tmp_path):
    row = listed()
    (row.run.path / "spec.toml").write_text("no = toml = here")
    (row.run.path / "summary.json").unlink()
    damaged = views.look(row.run)
    assert damaged.status == "damaged" and not damaged.live and views.sign(damaged) == "!"
    assert row.run.id in views.line(views.columns(80), damaged, NOW)[:60] or "damaged" in views.line(
        views.columns(80), damaged, NOW
    )
    assert "spec.toml" in views.reason(damaged) and "spec.toml" in views.details(damaged)
    for name in views.QUANTITIES:
        views.QUANTITIES[name].value(damaged)


def test_details_and_reasons(listed):
    row = listed(
        end="failed",
        reason="out of [memory]\x1b",
        labels=Labels(name="mine", tags=("a", "b"), note="n\nn"),
        dataset={"name": "animals"},
    )
    assert views.reason(row) == "out of [memory]\x1b"
    row = row._replace(size=1_500_000)
    words = views.details(row)
    for part in (row.run.id, "animals", "1.5 MB", "tags: a, b", "note: n⏎n"):
        assert part in words
    assert views.reason(listed(end="")) == "its worker ended without a word"
    assert views.reason(listed(end="stopped", reason="asked")) == ""


def test_a_run_with_a_worker_is_live(listed):
    row = listed(end="")
    assert row.status == "died" and not row.live
    lock = RunLock(row.run.lock)
    assert lock.acquire()
    assert views.look(row.run).live
    lock.release()
