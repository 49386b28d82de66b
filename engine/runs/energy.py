"""Energy that the training device uses, by its own counter, whoever used it: an NVIDIA card, or the processor."""

from contextlib import suppress
from pathlib import Path
from typing import Protocol

import pynvml

POWERCAP = Path("/sys/class/powercap")
_MICRO = 1e-6


class Counter(Protocol):
    """What tells energy."""

    def joules(self) -> float | None:
        """Since some moment that stays the same; None where it does not tell."""
        ...


class Card:
    """An NVIDIA card; it does not tell of a part of a card.

    Args:
        uuid: as NVML names it; empty: another device.
    """

    def __init__(self, uuid: str) -> None:
        self._uuid = uuid

    def joules(self) -> float | None:
        """What the card has used since its driver was loaded."""
        if not self._uuid:
            return None
        with suppress(pynvml.NVMLError):
            pynvml.nvmlInit()
            try:
                card = pynvml.nvmlDeviceGetHandleByUUID(self._uuid)
                return float(pynvml.nvmlDeviceGetTotalEnergyConsumption(card)) / 1000
            finally:
                pynvml.nvmlShutdown()
        return None


class Packages:
    """All packages of the processor, by the counters of Linux's powercap (RAPL of Intel's and AMD's processors).

    Most systems let only root read them. They begin anew after some minutes at full power: look more often than that.

    Args:
        folder: of the counters.
    """

    def __init__(self, folder: Path = POWERCAP) -> None:
        self._packages = [zone for zone in sorted(folder.glob("intel-rapl:*")) if _name(zone).startswith("package")]
        self._before: list[int] = []
        self._sum = 0

    def joules(self) -> float | None:
        """What the packages have used since the first look."""
        try:
            now = [_number(zone / "energy_uj") for zone in self._packages]
            for zone, before, after in zip(self._packages, self._before, now, strict=False):
                self._sum += after - before + (_number(zone / "max_energy_range_uj") if after < before else 0)
        except (OSError, ValueError):
            return None
        self._before = now
        return self._sum * _MICRO if now else None


class EnergyMeter:
    """Energy since the last question, whoever used the device."""

    def __init__(self, counter: Counter) -> None:
        self._counter = counter
        self._before = counter.joules()

    @property
    def tells(self) -> bool:
        """Whether the device told when it was asked last."""
        return self._before is not None

    def look(self) -> None:
        """Let a counter that begins anew be read in time."""
        if isinstance(self._counter, Packages):
            self._counter.joules()

    def since(self) -> float | None:
        """Joules since the last call, or since this was made; None where the device does not tell."""
        before, self._before = self._before, self._counter.joules()
        return None if before is None or self._before is None else max(0.0, self._before - before)


def _name(zone: Path) -> str:
    try:
        return (zone / "name").read_text(encoding="ascii")
    except OSError:
        return ""


def _number(file: Path) -> int:
    return int(file.read_text(encoding="ascii"))
