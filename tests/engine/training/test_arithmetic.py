"""Precision, memory format and threads of a run: obeyed, measured once, remembered, reused."""

import os
from dataclasses import dataclass, field

import pytest
import torch

from vislab.engine.runs.events import DecisionMade
from vislab.engine.runs.state import fold
from vislab.engine.training.arithmetic import Settling, decided_arithmetic
from vislab.engine.training.precision import Arithmetic
from vislab.engine.training.probing import Choice, Probe
from vislab.presets.errors import InputError

CPU = torch.device("cpu")
FASTEST = Arithmetic("bf16", "channels_last", 1)
AUTO = {"precision": "auto", "memory_format": "auto", "threads": "auto"}


@dataclass
class Voice:
    """Takes what would be said into a log."""

    decisions: list = field(default_factory=list)
    notices: list = field(default_factory=list)

    def decide(self, what, choice, why, **details):
        self.decisions.append(DecisionMade(what=what, choice=choice, why=why, details=details))

    def notice(self, level, topic, text):
        self.notices.append((level, topic, text))


@pytest.fixture(autouse=True)
def threads():
    """Leaves the number of threads as it was."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def settle(make_spec, tmp_path):
    """Settles the arithmetic of a spec; returns it, what was said, and how often it was measured."""
    (tmp_path / "code").mkdir()

    def settled(*, before=(), choice=None, classes=3, **keys):
        voice, measured = Voice(), []
        torch.set_num_threads(2)  # as a new process would begin

        def measure(default):
            measured.append(default)
            return choice or Choice(FASTEST, "measured: faster", {"some table": 1.5}, lasting=True)

        state = fold(before)
        settling = Settling(make_spec(**keys), CPU, voice, state, tmp_path / "measured", tmp_path / "code")
        return settling(classes, measure), voice, len(measured)

    return settled


def test_what_the_spec_says_is_obeyed_and_nothing_is_measured(settle) -> None:
    found, voice, measured = settle(precision="bf16", memory_format="channels_last", threads=1)
    assert (found, measured) == (FASTEST, 0)
    assert {row.what: row.choice for row in voice.decisions} == {
        "precision": "bf16",
        "memory format": "channels_last",
        "threads": "1",
    }
    assert torch.get_num_threads() == 1


def test_what_is_chosen_is_recorded_with_its_table_and_told(settle) -> None:
    found, voice, measured = settle(**AUTO)
    assert (found, measured) == (FASTEST, 1)
    assert decided_arithmetic(fold(voice.decisions)) == FASTEST
    assert voice.decisions[0].details == {"some table": 1.5}
    assert [topic for _, topic, text in voice.notices if "bf16" in text] == ["precision"]


def test_what_was_measured_is_remembered(settle) -> None:
    settle(**AUTO)
    found, voice, measured = settle(**AUTO)
    assert (found, measured) == (FASTEST, 0)
    assert voice.decisions[0].why.endswith("remembered")


@pytest.mark.parametrize(
    "other",
    [
        {"strategy": {"batch_size": 16}},
        {"strategy": {"optimizer": "sgd"}},
        {"preprocessing": {"image_size": 16}},
        {"architecture": {"options": {"width": 7}}},
        {"classes": 4},
        {"threads": 1},
    ],
)
def test_other_work_is_measured_again(settle, other) -> None:
    settle(**AUTO)
    assert settle(**AUTO | other)[2] == 1


def test_where_the_head_trains_on_features_it_is_measured_apart(settle) -> None:
    transfer = {"strategy": {"freeze": "backbone"}}
    settle(**AUTO, **transfer)
    assert settle(**AUTO, **transfer, cache_features=False)[2] == 1


def test_a_change_of_ones_own_file_is_measured_again(settle, tmp_path) -> None:
    settle(**AUTO)
    (tmp_path / "code" / "mine.py").write_text("changed = True\n")
    assert settle(**AUTO)[2] == 1


def test_a_choice_that_does_not_last_is_not_remembered(settle) -> None:
    short = Choice(Arithmetic(), "too short to measure: training takes about 3 s")
    assert settle(choice=short, **AUTO)[0] == Arithmetic()
    assert settle(**AUTO)[2] == 1


@pytest.mark.parametrize("damage", ["", "{", '{"choice": {"precision": "int4"}, "why": "", "table": {}}'])
def test_damaged_memory_is_measured_again(settle, tmp_path, damage) -> None:
    settle(**AUTO)
    (file,) = (tmp_path / "measured").glob("*.json")
    file.write_text(damage)
    assert settle(**AUTO)[2] == 1


def test_a_deterministic_run_measures_nothing(settle) -> None:
    found, _, measured = settle(deterministic=True, **AUTO)
    assert (found.precision, found.memory_format, measured) == ("fp32", "contiguous", 0)


def test_a_precision_that_the_device_lacks_is_refused(settle) -> None:
    with pytest.raises(InputError, match="fp16 needs a CUDA GPU"):
        settle(precision="fp16")


def test_a_resumed_run_keeps_what_it_decided_and_says_when_cores_are_missing(settle) -> None:
    many = (os.cpu_count() or 1) + 1
    log = [
        DecisionMade(what="precision", choice="bf16", why=""),
        DecisionMade(what="memory format", choice="contiguous", why=""),
        DecisionMade(what="threads", choice=str(many), why=""),
    ]
    found, voice, measured = settle(before=log, **AUTO)
    assert (found, measured) == (Arithmetic("bf16", "contiguous", many), 0)
    assert voice.decisions == []
    assert f"began with {many} threads" in voice.notices[0][2]


def test_a_run_of_before_there_was_a_choice_keeps_its_own(settle) -> None:
    log = [
        DecisionMade(what="threads", choice="1", why="torch's own choice for this machine"),
        DecisionMade(what="precision", choice="bf16", why="", details={"memory_format": "channels_last"}),
    ]
    assert settle(before=log, **AUTO)[::2] == (FASTEST, 0)


def test_a_run_with_auto_equals_one_with_the_same_values_also_when_resumed(
    make_run, train, trained, interrupt, monkeypatch
) -> None:
    measured = []

    def probe(self, default):
        measured.append(default)
        return Choice(FASTEST, "measured", {"table": 1.0}, lasting=True)

    monkeypatch.setattr(Probe, "__call__", probe)
    explicit = make_run(precision="bf16", memory_format="channels_last", threads=1)
    assert train(explicit) == 0
    run = make_run(**AUTO)
    interrupt(run, lambda phase, step, epoch, done: phase == "training" and step == 3)
    assert train(run) == 0
    assert len(measured) == 1
    assert trained(run) == trained(explicit)
    assert {row.what: row.choice for row in run.state().decisions}["precision"] == "bf16"
