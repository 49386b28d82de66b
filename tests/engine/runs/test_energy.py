# ruff: noqa: N802 (names of NVML)
import pynvml
import pytest

from vislab.engine.runs import energy
from vislab.engine.runs.energy import EnergyMeter


class Card:
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
    card = Card(5_000)
    monkeypatch.setattr(energy, "pynvml", card)
    meter = EnergyMeter("GPU-1")
    card.counter = 7_500
    assert meter.since() == 2.5
    card.counter = 7_600
    assert meter.since() == pytest.approx(0.1) and card.open == 0


def test_a_device_that_does_not_tell_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    card = Card(None)
    monkeypatch.setattr(energy, "pynvml", card)
    assert EnergyMeter("GPU-1").since() is None and EnergyMeter("").since() is None and card.open == 0
    meter = EnergyMeter("GPU-1")
    card.counter = 100
    assert meter.since() is None, "nothing was known before"
    card.counter = 1_100
    assert meter.since() == 1.0
