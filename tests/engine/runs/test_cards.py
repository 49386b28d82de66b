"""Cards that another process asks about, which runs the code of a made NVML."""

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from vislab.engine.runs import cards
from vislab.engine.runs.ask import JobProcess
from vislab.engine.runs.devices import Device
from vislab.engine.runs.meters import Reading

CARD = Device("cuda", 0, "Made", "GPU-aa1", 80, 60, 1, "580.1", "13.0")
READING = Reading(card=True, name="Made (GPU 0)", busy=0.5, memory_used=20, memory_total=80, power=99.5)
DRIVER = f"""
from vislab.engine.runs import nvml
from vislab.engine.runs.devices import Device
from vislab.engine.runs.meters import Reading

nvml.list_cards = lambda: ([{CARD!r}], "trouble")
nvml.read_card = lambda worker, name: {READING!r} if (worker, name) == (7, "Made") else None
nvml.main()
"""


@pytest.fixture
def beside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[JobProcess]:
    """Another process asks; its driver is made."""
    (tmp_path / "made_driver.py").write_text(DRIVER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with JobProcess(program=("made_driver",)) as process:
        monkeypatch.setattr(cards, "_beside", process)
        yield process


def test_another_process_tells_what_the_driver_says(beside: JobProcess) -> None:
    before = {child.pid for child in psutil.Process().children()}
    assert cards.list_cards() == ([CARD], "trouble")
    assert cards.read_card(7, "Made") == READING
    assert cards.read_card(8, "Made") is None
    assert len({child.pid for child in psutil.Process().children()} - before) == 1  # one process for all questions


def test_a_process_that_dies_is_a_driver_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "made_driver.py").write_text("raise SystemExit('the bus is on fire')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with JobProcess(program=("made_driver",)) as process:
        monkeypatch.setattr(cards, "_beside", process)
        found, trouble = cards.list_cards()
        assert found == [] and trouble.startswith("the NVIDIA driver does not answer") and "on fire" in trouble
        assert cards.read_card(7, "Made") is None


def test_the_real_program_answers_also_where_there_is_no_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "_beside", None)
    cards.ask_beside()
    assert isinstance(cards._beside, JobProcess)
    with cards._beside:
        found, trouble = cards.list_cards()
        assert found or trouble
        assert cards.read_card(1, "no such card") is None
