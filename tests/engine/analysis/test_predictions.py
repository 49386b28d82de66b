import csv
import io
import math
import os
import tracemalloc

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.engine.analysis.predictions import Names, Prediction, Predictions, joined, of_run, read, why_none, worst
from vislab.engine.data.source import storable
from vislab.engine.runs.cells import guard
from vislab.engine.runs.events import RunEnded, RunResumed, TestFigures, printable
from vislab.engine.runs.state import fold
from vislab.engine.runs.store import create
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import Spec

ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=8)
"""Surrogates too."""
SHARES = st.sampled_from((0.0, 0.25, 0.5, 1.0, math.nan, math.inf))
ROWS = st.lists(st.builds(Prediction, ANY_TEXT, *[st.sampled_from(("a", "b", "", "\ud800"))] * 2, SHARES), max_size=20)
FILE_NAMES = st.binary(max_size=9).map(os.fsdecode) | st.sampled_from(
    ("=1+1", "'-x", "a,b", 'say "x"', "two\nlines", "\r")
)
CLASSES = FILE_NAMES.map(storable)


def told(rows):
    """As text: NaN is not equal to itself."""
    return [repr(row) for row in rows]


@given(ROWS)
def test_rows_come_back_as_they_were(rows):
    kept = Predictions(iter(rows))
    assert len(kept) == len(rows) and told(kept) == told(rows) == told(kept[:])
    assert told(kept[place] for place in range(-len(rows), len(rows))) == told(rows * 2)
    assert told(kept[1::2]) == told(rows[1::2]) and list(kept.names[::-1]) == [row.name for row in reversed(rows)]
    assert list(kept.right) == [row.right for row in rows]
    assert kept.names.distinct == (len({row.name for row in rows}) == len(rows))
    finite = [row for row in rows if not math.isnan(row.confidence)]
    assert Predictions(finite) == Predictions(finite) != Predictions([*finite, Prediction("a", "b", "c", 0.5)])
    with pytest.raises(IndexError):
        kept[len(rows)]
    assert told(joined([kept, Predictions(), kept])) == told(rows * 2) and joined([kept]) is kept


@given(st.lists(st.tuples(FILE_NAMES, CLASSES, CLASSES, SHARES), max_size=9))
def test_what_is_written_is_read(tmp_path_factory, rows):
    folder, text = tmp_path_factory.mktemp("run"), io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["name", "label", "predicted", "confidence"])
    writer.writerows([*map(guard, words), f"{share:.6f}"] for *words, share in rows)
    (folder / "predictions.csv").write_bytes(text.getvalue().encode("utf-8", "surrogateescape"))
    assert told(read(folder)) == told(Prediction(*row) for row in rows)


def test_a_class_of_an_earlier_versions_run_is_called_as_in_its_log(tmp_path):
    """There this file alone holds the bytes of a name that is no UTF-8; an image's name opens its file."""
    (tmp_path / "predictions.csv").write_bytes(b"name,label,predicted,confidence\n\xff/\xe9.png,\xff,caf\xe9,0.5\n")
    assert list(read(tmp_path)) == [(os.fsdecode(b"\xff/\xe9.png"), *printable(["\udcff", "caf\udce9"]), 0.5)]


@pytest.mark.parametrize("classes", [2, 256, 257, 65_536, 65_537])
def test_any_number_of_classes_is_told_apart(classes):
    kept = Predictions(Prediction("x", str(index), str(index // 2), 0.5) for index in range(classes))
    assert len(kept.classes) == classes and sum(kept.right) == 1
    for place in {0, 1, classes // 2, classes - 1}:
        assert kept[place] == ("x", str(place), str(place // 2), 0.5)


def test_runs_judged_by_the_same_images_share_their_names():
    def judged(count, share):
        return Predictions(Prediction(f"{index}.png", "a", "a", share) for index in range(count))

    first, second, other = judged(9, 0.5), judged(9, 0.7), judged(10, 0.7)
    assert first.names is second.names and first != second
    assert other.names is not first.names and other.names != first.names
    assert Names(["ab", "c"]) != Names(["a", "bc"])


def test_a_hundred_thousand_images_take_no_more_room_than_their_names_and_numbers(tmp_path):
    rows = "".join(f"val/ILSVRC2012_val_{index:08}.JPEG,c{index % 9},c{index % 8},0.5\n" for index in range(100_000))
    (tmp_path / "predictions.csv").write_text("name,label,predicted,confidence\n" + rows)
    del rows
    tracemalloc.start()
    kept = read(tmp_path)
    now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(kept) == 100_000 and now < 6e6 and peak < 12e6, "as objects with strings 30 MB"


@given(ROWS)
def test_the_worst_mistakes_are_the_surest_ones(rows):
    kept = Predictions(rows)
    wrong = [row for row in rows if not row.right and math.isfinite(row.confidence)]
    lost = [row for row in rows if not row.right and not math.isfinite(row.confidence)]
    wrong.sort(key=lambda row: (-row.confidence, row.name))
    expected = [*wrong, *lost, *(row for row in rows if row.right)]
    assert told(kept[place] for place in kept.worst_first) == told(expected)
    for limit in (0, 1, 3, len(rows)):
        assert worst(kept, limit) == wrong[:limit]


def test_names_with_commas_quotes_lines_and_bytes_come_back(tmp_path):
    (tmp_path / "predictions.csv").write_bytes(
        b'name,label,predicted,confidence\r\n"a,b.jpg","x ""y""","[red]",0.5\r\n"two\nlines\xff",c,b,nan\r\n'
    )
    first, second = read(tmp_path)
    assert first == Prediction("a,b.jpg", 'x "y"', "[red]", 0.5) and not first.right
    assert second.name == "two\nlines\udcff" and second.label == "c" and math.isnan(second.confidence)


def test_a_run_without_predictions_has_none(tmp_path):
    assert read(tmp_path) == Predictions()


@pytest.mark.parametrize(
    "content",
    [
        *("", "a,b\n", "\x01\x7f," * 9999),
        *("name,label,predicted,confidence\na,b,c\n", "name,label,predicted,confidence\na,b,c,d\n"),
    ],
)
def test_a_damaged_file_is_said(tmp_path, content):
    (tmp_path / "predictions.csv").write_text(content)
    with pytest.raises(InputError, match=r"predictions\.csv.*damaged") as said:
        read(tmp_path)
    assert len(str(said.value)) < len(str(tmp_path)) + 100


def test_answers_of_earlier_weights_are_refused_until_the_run_is_judged_again(tmp_path, history):
    run = create(tmp_path, Spec(name="x"))
    (run.path / "predictions.csv").write_text("name,label,predicted,confidence\n1.png,a,a,0.5\n")
    test = TestFigures(role="test", images=1, loss=0.1, accuracy=1, top5=1, macro_f1=1, weights="raw", epoch=2)
    done = history([1.0, 0.5], val_accuracy=[0.5, 0.7], test=test)
    resumed = [*done, RunResumed(checkpoint="20", step=20, epochs=9, environment={})]
    stopped = [*resumed, RunEnded(status="stopped", reason="", step=30, epoch=3, elapsed=9.0, exit_code=130)]
    for events in (resumed, stopped):
        with pytest.raises(InputError, match="resumed since"):
            of_run(run, fold(events))
    for events in (done, [*stopped, resumed[-1], done[-1]]):
        assert of_run(run, fold(events)) == Predictions([Prediction("1.png", "a", "a", 0.5)])
    (run.path / "predictions.csv").unlink()
    assert of_run(run, fold(resumed)) == Predictions()
    assert why_none(run, fold(done)) == "No predictions: predictions.csv is no longer in the folder of this run."


def test_it_is_told_why_there_are_no_predictions(tmp_path, history):
    run, to_come = create(tmp_path, Spec()), "No predictions: they are written when a run is done"
    held_out, published = history([1.0], val_accuracy=[0.5]), history([1.0], test_counts=(10, 10, 10))
    for events in ([], held_out, published, history([1.0], val_accuracy=[0.5], selected_on_test=True)):
        assert why_none(run, fold(events)).startswith(to_come)
    ended = RunEnded(status="done", reason="", step=10, epoch=1, elapsed=9.0, exit_code=0)
    judged = history([1.0], val_loss=[1.0], val_accuracy=[0.5], ended=ended)
    never_best = [msgspec.structs.replace(event, best=False) if hasattr(event, "best") else event for event in judged]
    assert "has no best epoch to judge, since none had a finite validation loss" in why_none(run, fold(never_best))
    for events in (history([1.0]), history([1.0], ended=ended)):
        why = why_none(run, fold(events))
        assert why.startswith("No predictions: this run holds no images out for validation or test. ")
        assert why.endswith(f"vislab evaluate {run.id} --data PATH")
