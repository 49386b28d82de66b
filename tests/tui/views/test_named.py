from pathlib import Path

import pytest

from vislab.engine.runs.progress import Progress, write
from vislab.engine.runs.queue import Wait
from vislab.engine.runs.store import Labels, Run, create
from vislab.presets.schema.spec import Spec
from vislab.presets.schema.strategy import Strategy
from vislab.tui.views import named, queued

LONG = "bold-red-butterflies-of-the-amazon-with-mixup"


@pytest.fixture
def runs(tmp_path: Path) -> list[Run]:
    """Two of one study, made by name."""
    spec = Spec(name="study", strategy=Strategy(epochs=30))
    made = [create(tmp_path, spec, identity=f"20261122-22200{i}-study-{i}a5c") for i in range(2)]
    made[1].set_labels(Labels(name=LONG))
    return made


def test_a_run_is_told_by_name_epoch_id_and_work(runs: list[Run], tmp_path: Path) -> None:
    spec = runs[0].spec()
    work = "  " + " · ".join(filter(None, (spec.dataset.name, spec.architecture.name, spec.strategy.name)))
    assert named.training(runs[0]) == ["study · 0a5c", work]
    write(runs[1].progress_file, Progress(time=0.0, pid=1, host="", phase="training", epoch=12, epochs=30))
    runs[1].events.write_bytes(b"no log is read here")
    assert named.training(runs[1])[0] == "bold-red-butterfl…-amazon-with-mixup · epoch 12/30 · 1a5c"
    write(runs[1].progress_file, Progress(time=0.0, pid=1, host="", phase="paused", epoch=12, epochs=30))
    assert named.training(runs[1])[0].endswith(" · epoch 12/30 · paused · 1a5c")
    assert named.training(Run(tmp_path / "damaged")) == ["damaged"] == [named.named(Run(tmp_path / "damaged"))]


@pytest.mark.parametrize(
    ("device", "taken_by", "choosing", "behind", "told"),
    [
        ("cpu", 1, 0, 1, ("It asks for the processor, which A has.", "Place 2 in the queue, behind A.")),
        ("cuda", 2, 0, 0, ("It asks for a GPU; A and B have one.", "Place 1 in the queue.")),
        ("cuda:1", 0, 0, 6, ("It asks for cuda:1, which no run here is known to have.", "behind A, B, A and 3 more.")),
        ("cuda:1", 0, 1, 0, ("It asks for cuda:1; A is about to choose a device.", "Place 1 in the queue.")),
        ("cuda", 1, 2, 0, ("It asks for a GPU; A has one; A and B are about to choose a device.", "in the queue.")),
        ("\x1b[31mred", 1, 0, 0, ("It asks for ␛[31mred, which A has.", "in the queue.")),
    ],
)
def test_what_a_queued_run_waits_for(
    runs: list[Run], device: str, taken_by: int, choosing: int, behind: int, told: tuple
) -> None:
    words = queued.sentences(Wait(device, *(tuple((3 * runs)[:most]) for most in (taken_by, choosing, behind))))
    names = {"A": "study (0a5c)", "B": "bold-red-butterfl…-amazon-with-mixup (1a5c)"}
    for sentence, expected in zip(words, told, strict=True):
        for sign, name in names.items():
            sentence = sentence.replace(name, sign)
        assert sentence.endswith(expected)
