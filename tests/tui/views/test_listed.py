import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.engine.runs.events import TestFigures, encode
from vislab.engine.runs.liveness import RunLock
from vislab.engine.runs.store import Run, create
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import Spec
from vislab.tui.views.history import short_id
from vislab.tui.views.listed import Listed, Quantity, look, ordered, quantity, read

TEST = TestFigures(role="test", images=50, loss=0.2, accuracy=0.91, top5=1.0, macro_f1=0.9, weights="raw", epoch=2)


def test_quantities_are_columns_figures_and_settings(listed):
    row = listed(seed=7, strategy={"learning_rate": 0.5}, dataset={"name": "d", "options": {"extra": 3}}, test=TEST)
    values = {name: quantity(name, [row]).value(row) for name in ("val", "test", "seed", "lr", "extra", "data")}
    assert values == {"val": 0.9, "test": 0.91, "seed": 7, "lr": 0.5, "extra": 3, "data": "d"}
    assert quantity("strategy.epochs").value(row) == Spec().strategy.epochs  # a default
    assert quantity("momentum").value(row) == Spec().strategy.momentum
    with pytest.raises(InputError, match="there is no nothing"):
        quantity("nothing")
    both = listed(dataset={"options": {"extra": 3}}, architecture={"options": {"extra": 3}})
    with pytest.raises(InputError, match=r"extra may mean dataset\.options\.extra or architecture\.options\.extra"):
        quantity("extra", [both])


def test_parameters_are_those_of_the_model_that_was_built(listed, history):
    row = listed(architecture={"parameters": 11_000_000})
    assert quantity("parameters").value(row) == row.run.state().started.parameters != 11_000_000
    assert quantity("parameters").value(listed(accuracies=())) is None


def test_figures_are_those_of_the_best_epoch_or_of_the_last_one(listed, tmp_path, history):
    assert quantity("val").value(listed(accuracies=(0.5, 0.9, 0.6))) == 0.9
    run = create(tmp_path, msgspec.convert({"name": "no validation"}, Spec))
    run.events.write_bytes(b"".join(map(encode, history([1.0, 0.25]))))
    assert quantity("train_loss").value(look(run)) == 0.25 and quantity("val").value(look(run)) is None


def test_rows_without_a_value_come_last_in_both_orders(listed):
    rows = [
        listed(accuracies=()),
        listed(accuracies=(0.3,)),
        listed(accuracies=(float("nan"),)),
        listed(accuracies=(0.8,)),
    ]
    for descending in (True, False):
        found = [quantity("val").value(rows[at]) for at in ordered(rows, quantity("val"), descending=descending)]
        assert found[:2] == ([0.8, 0.3] if descending else [0.3, 0.8])
        assert all(value is None or math.isnan(value) for value in found[2:])


def test_runs_are_sorted_by_the_part_of_an_id_that_the_list_shows():
    ids = ["20241101-120000-z-00ff", "my-run", "20241102-120000-a-fe01", "20241103-120000-a-0a00", "Another"]
    rows = [Listed(folder="", id=identity, status="done") for identity in ids]
    up = [rows[at].id for at in ordered(rows, quantity("id"), descending=False)]
    assert [short_id(identity) for identity in up] == ["00ff", "0a00", "Another", "fe01", "my-run"]
    assert [rows[at].id for at in ordered(rows, quantity("id"), descending=True)] == up[::-1]
    assert quantity("id").value(rows[0]) == ids[0], "a filter knows all of it"


@given(
    st.lists(st.one_of(st.none(), st.integers(-5, 5), st.floats(), st.text(max_size=3), st.booleans())), st.booleans()
)
def test_sorting_keeps_every_row_and_equal_ones_in_their_order(values, descending):
    rows = [Listed(folder="", id=str(index), status="done") for index in range(len(values))]
    place = Quantity("x", "", lambda row: values[int(row.id)])
    places = ordered(rows, place, descending=descending)
    assert sorted(places) == list(range(len(values)))
    numbers = [
        (values[i], i)
        for i in places
        if isinstance(values[i], int | float) and not isinstance(values[i], bool) and not math.isnan(values[i])
    ]
    sign = -1 if descending else 1
    assert numbers == sorted(numbers, key=lambda pair: (sign * pair[0], pair[1]))


def test_a_row_knows_its_run_and_whether_it_was_judged(listed):
    validated = msgspec.structs.replace(TEST, role="validation")
    assert not listed().judged
    for figures, accuracy in ((TEST, 0.91), (validated, None)):
        row = listed(test=figures)
        assert row.judged and row.test_accuracy == accuracy and look(row.run) == row
    assert row.sized(5).size == 5 and row.sized(5).run.path == row.run.path


@pytest.mark.parametrize(("identity", "own"), [("20251111-100000-run-12ab", False), ("my-run", True)])
@pytest.mark.parametrize("readable", [True, False])
def test_a_row_knows_whether_a_person_chose_its_id(listed, tmp_path, identity, own, readable):
    found = read(listed().run) if readable else "broken"
    assert Listed.of(Run(tmp_path / identity), found).own_id is own


def test_a_run_with_a_worker_is_live(listed):
    row = listed(end="")
    assert row.status == "died" and not row.live
    lock = RunLock(row.run.lock)
    assert lock.acquire()
    assert look(row.run).live
    lock.release()
