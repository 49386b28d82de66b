import time
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.engine.runs.events import EpochEnded
from vislab.engine.runs.store import Run, Summary
from vislab.presets.errors import InputError
from vislab.tui.views import run_filter
from vislab.tui.views.listed import Listed

NOW = time.mktime((2025, 11, 22, 12, 0, 0, 0, 0, -1))
BEST = EpochEnded(
    epoch=3,
    step=30,
    train_loss=0.2,
    train_accuracy=0.95,
    train_top5=1.0,
    val_loss=0.3,
    val_accuracy=0.9749,
    val_top5=1.0,
    val_macro_f1=0.9,
    learning_rate=1e-3,
    best=True,
    seconds=2.0,
    val_seconds=0.1,
    train_images_per_second=400.0,
    elapsed=6.0,
)


def row(identity="20251122-100000-study-a-7f3a", size=None, **words):
    values = {
        "name": "Study A",
        "status": "done",
        "dataset": "digits",
        "architecture": "deit_small",
        "strategy": "scratch",
        "created": NOW - 3600,
        "epochs_done": 10,
        "epochs_planned": 10,
        "best": BEST,
        "last": BEST,
        "test": None,
        "selected_on_test": False,
        "elapsed": 700.0,
        "reason": "",
        "recipe": "study-a-deit",
        "seed": 3,
        "batch_size": 64,
        "parameters": 61_706,
        "settings": {"strategy.learning_rate": 0.002, "strategy.mixup": 0.2},
        "events_bytes": 1,
        "tags": ("quick", "paper 2"),
        "note": "see below",
    }
    return Listed.of(Run(Path("/r") / identity), Summary(id=identity, **values | words), size)


@pytest.mark.parametrize(
    "words",
    [
        "",
        "   ",
        "study",
        "STUDY a",
        "7f3a",
        "quick",
        "below",
        '"study a"',
        "status:done",
        "status:do",
        "arch:deit",
        "architecture:DEIT",
        "data:digits strategy:scratch",
        "tag:quick",
        'tag:"paper 2"',
        "note:below",
        "name:study",
        "val>0.9",
        "val>=0.9749 val<=0.9749",
        "arch:lenet|deit",
        "nothing|study",
        'tag:"paper 2"|none',
        "-status:failed|died",
        "status:done|",
        "seed:1|2|3",
        "params=61706",
        "parameters>6e4",
        "architecture.parameters<62000",
        "val:0.97",
        "acc>97%",
        "loss<0.5",
        "seed=3",
        "seed=3 d",
        "seed:3",
        "epochs:10",
        "time>10m",
        "time<0.2h",
        "size>1GB",
        "size<2000MB",
        "size>80 MB",
        "size>80 mb val>0.9 study",
        "study size>=100 B",
        "age<7 d",
        "time>=10 m",
        "val>97 %",
        'name:"a" arch:deit size<=2 GB',
        "age<7d",
        "age<2h",
        "day:today",
        "day:2025-11",
        "lr<1e-2",
        "learning_rate=0.002",
        "strategy.mixup>0.1",
        "mixup:0.2",
        "strategy.epochs>1",
        "-fail",
        "-status:failed",
        "-val<0.9",
        "status:done -arch:lenet val>0.9 quick",
        "status:",
        "val>",
        "-",
    ],
)
def test_what_fits(words):
    holds = run_filter.parse(words, [row()], NOW)
    assert holds(row(size=1_500_000_000))


@pytest.mark.parametrize("words", ["memory", '"micro-batch 1"', "failed", "-done Study", "reason:memory"])
def test_words_that_stand_in_a_row_or_below_it_are_found(words):
    holds = run_filter.parse(words, [], NOW)
    assert holds(row(status="failed", reason="out of memory at micro-batch 1")) and not holds(row())


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("11", ["eleven"]),
        ("run 11", ["eleven"]),
        ("run", ["eleven", "twelve"]),
        ("run-12", ["twelve"]),
        ("2025", []),
        ("20251111", ["eleven", "twelve"]),
        ("20251111-10", ["eleven"]),
        ("20251111-100000-run-11-12ab", ["eleven"]),
        ("12a", ["chosen"]),
        ("12ab", ["eleven", "chosen"]),
        ("11-12ab", ["eleven"]),
        ("day:2025-11-11", ["eleven", "twelve", "chosen"]),
        ("id:20251111", ["eleven", "twelve"]),
        ("mine", ["chosen"]),
    ],
)
def test_words_are_not_found_in_the_time_and_the_chance_of_an_id(words, found):
    noon = time.mktime((2025, 11, 11, 12, 0, 0, 0, 0, -1))
    ids = {"eleven": "20251111-100000-run-11-12ab", "twelve": "20251111-111111-run-12-1111", "chosen": "mine-12ab-0"}
    empty = {"dataset": "d", "architecture": "a", "strategy": "s", "recipe": "", "note": "", "tags": ()}
    rows = {name: row(identity, name="", created=noon, **empty) for name, identity in ids.items()}
    holds = run_filter.parse(words, list(rows.values()), NOW)
    assert [name for name, listed in rows.items() if holds(listed)] == found


@pytest.mark.parametrize(
    "words",
    [
        "nothing-like-it",
        "status:failed",
        "status=don",
        "arch:lenet",
        "tag:slow",
        "val>0.98",
        "val<0.9749",
        "val:0.98",
        "seed:33",
        "seed:three",
        "time<10m",
        "size>2GB",
        "size>2 GB",
        "size>80 MBs",
        "size>80 below MB",
        "time>1 h",
        "age>1 d",
        '"size>80 MB"',
        "age>1d",
        "day:yesterday",
        "mixup>0.5",
        "test>0",
        "reason:memory",
        "-study",
        "-status:done",
        "study -quick",
        "name>5",
        '"a study"',
        "-status:failed|done",
        "status:failed|died",
        '"study|a"',
    ],
)
def test_what_does_not_fit(words):
    assert not run_filter.parse(words, [row()], NOW)(row(size=1_500_000_000))


def test_figures_are_compared_as_they_are_shown():
    shown = row(best=msgspec.structs.replace(BEST, val_accuracy=0.98606, val_loss=3.2e-5))  # 0.9861 and 3.2e-5
    for words in ("val>=0.9861", "val<=0.9861", "val=0.9861", "val>0.986", "val<0.9862", "loss>0", "loss<=3.2e-5"):
        assert run_filter.parse(words)(shown), words
    for words in ("val>0.9861", "val<0.9861", "val>=0.99"):
        assert not run_filter.parse(words)(shown), words


def test_days_are_said_relatively_and_in_full():
    yesterday = row(created=NOW - 86400)
    assert run_filter.parse("day:yesterday", now=NOW)(yesterday) and run_filter.parse("age>20h", now=NOW)(yesterday)
    assert run_filter.parse("day:2025-11-21", now=NOW)(yesterday) and not run_filter.parse("day:today", now=NOW)(
        yesterday
    )
    assert run_filter.parse('day:"nov 19"', now=NOW)(row(created=NOW - 3 * 86400))


@pytest.mark.parametrize(
    ("words", "why"),
    [("sttus:done", "there is no sttus"), ("val>high", "needs a number"), ("extra>1", "may mean")],
)
def test_mistakes_are_said(words, why):
    rows = [row(settings={"dataset.options.extra": 1, "architecture.options.extra": 1})]
    with pytest.raises(InputError, match=why):
        run_filter.parse(words, rows)


@pytest.mark.parametrize("words", ["val>abc", "age<1x", "nothing:1"])
def test_what_is_not_understood_hides_no_run(words):
    wanted, fault = run_filter.understood(f"arch:deit {words} status:done", [row()], NOW)
    assert fault and wanted(row()) and not wanted(row(architecture="lenet5"))


def test_a_damaged_run_is_found_by_its_id_and_status():
    damaged = Listed.of(row().run, "broken")
    assert run_filter.parse("7f3a")(damaged) and run_filter.parse("status:damaged")(damaged)
    assert run_filter.parse("reason:broken")(damaged)
    assert not run_filter.parse("val>0")(damaged) and not run_filter.parse("age<7d")(damaged)
    assert not run_filter.parse("day:today")(damaged)


@given(st.text(max_size=60))
def test_whatever_is_typed_is_a_filter_or_a_sentence(words):
    rows = [row(), Listed.of(row().run, "broken")]
    try:
        wanted = run_filter.parse(words, rows)
    except InputError as error:
        assert "\n" not in str(error) and "\x1b" not in str(error)
    else:
        assert all(wanted(listed) in (True, False) for listed in rows)


@given(st.text(alphabet='abc "-:>', max_size=20))
def test_a_word_and_its_negation_divide_the_runs(words):
    quoted = words.replace('"', "").strip()
    if quoted:
        found = run_filter.parse(f'"{quoted}"')(row())
        assert run_filter.parse(f'-"{quoted}"')(row()) is not found
