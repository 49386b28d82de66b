# ruff: noqa: N802 (names of NVML)
from pathlib import Path

import pynvml
import pytest

from vislab.engine.runs import energy
from vislab.engine.runs.energy import EnergyMeter, Packages


class NVML:
    """As much of pynvml as is asked for; `counter` in millijoules, None: not supported."""

    NVMLError = pynvml.NVMLError

    def __init__(self, counter: int | None) -> None:
        self.counter = counter
        self.open = 0

    def nvmlInit(self) -> None:
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlDeviceGetHandleByUUID(self, uuid: str) -> str:
        assert self.open == 1
        return uuid

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:
        assert handle == "GPU-1"
        if self.counter is None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return self.counter


def test_joules_since_the_last_look(monkeypatch: pytest.MonkeyPatch) -> None:
    card = NVML(5_000)
    monkeypatch.setattr(energy, "pynvml", card)
    meter = EnergyMeter(energy.Card("GPU-1"))
    card.counter = 7_500
    assert meter.since() == 2.5
    card.counter = 7_600
    assert meter.since() == pytest.approx(0.1) and card.open == 0


def test_a_device_that_does_not_tell_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    card = NVML(None)
    monkeypatch.setattr(energy, "pynvml", card)
    assert (
        EnergyMeter(energy.Card("GPU-1")).since() is None
        and EnergyMeter(energy.Card("")).since() is None
        and card.open == 0
    )
    meter = EnergyMeter(energy.Card("GPU-1"))
    card.counter = 100
    assert meter.since() is None, "nothing was known before"
    card.counter = 1_100
    assert meter.since() == 1.0


@pytest.fixture
def powercap(tmp_path: Path) -> Path:
    """Two packages, a part of one, and the whole machine."""
    for zone, name in (("0", "package-0"), ("0:0", "core"), ("1", "package-1"), ("2", "psys")):
        folder = tmp_path / f"intel-rapl:{zone}"
        folder.mkdir()
        (folder / "name").write_text(f"{name}\n")
        (folder / "max_energy_range_uj").write_text("9000000\n")
        (folder / "energy_uj").write_text("1000000\n")
    return tmp_path


def test_packages_are_added_up_though_their_counters_begin_anew(powercap: Path) -> None:
    meter = EnergyMeter(Packages(powercap))
    assert meter.tells
    for counted in (4_000_000, 500_000, 1_000_000):  # 3 J, 5.5 J over the end, 0.5 J
        (powercap / "intel-rapl:0" / "energy_uj").write_text(f"{counted}\n")
        (powercap / "intel-rapl:2" / "energy_uj").write_text("7\n")
        meter.look()
    (powercap / "intel-rapl:1" / "energy_uj").write_text("2000000\n")
    assert meter.since() == pytest.approx(3 + 5.5 + 0.5 + 1)
    assert meter.since() == 0


@pytest.mark.parametrize("lacks", ["counters", "leave", "sense"])
def test_a_processor_that_does_not_tell_has_none(powercap: Path, lacks: str) -> None:
    file = powercap / "intel-rapl:1" / "energy_uj"
    if lacks == "leave":
        file.unlink()
        file.mkdir()  # root may read every file, but no folder as one
    elif lacks == "sense":
        file.write_text("<not counted>")
    meter = EnergyMeter(Packages(powercap / "nothing" if lacks == "counters" else powercap))
    meter.look()
    assert not meter.tells and meter.since() is None
