"""How busy a worker keeps its device: NVIDIA cards by NVML, the processor by psutil."""

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # imported when a device is looked at: a screen that shows a run must not wait for them
    import psutil


FAMILY_EVERY = 4
"""Looks at a worker between two looks for its children, which read all processes of the machine."""


@dataclass(frozen=True)
class Reading:
    """One look at a device. None stands where it does not say.

    Attributes:
        card: an NVIDIA card; else the processor.
        name: of the card, with its number; empty for the processor.
        busy: of a card the share of time that it computed, in [0, 1]; of the processor the cores that the worker keeps
            busy, 1.0 a core.
        cores: logical cores of the machine.
        memory_used, memory_total: bytes; of the processor the worker's own and the machine's.
        temperature: degrees Celsius.
        power: watts.
    """

    card: bool
    name: str = ""
    busy: float | None = None
    cores: int = 0
    memory_used: int | None = None
    memory_total: int | None = None
    temperature: float | None = None
    power: float | None = None


class Meter:
    """Looks at the device of one worker again and again; shares are means since the last look."""

    def __init__(self) -> None:
        self._processes: dict[int, psutil.Process] = {}
        self._looks = 0

    def read(self, worker: int, device: str, name: str = "") -> Reading | None:
        """A reading; None when the worker or its card cannot be seen from here.

        Args:
            worker: process id.
            device: what torch calls it: cpu, mps or cuda:N.
            name: of the card, which tells where process ids do not (in a container).
        """
        if not device.startswith("cuda"):
            return self._read_processor(worker)
        from vislab.engine.runs.cards import read_card

        return read_card(worker, name)

    def _read_processor(self, worker: int) -> Reading | None:
        import psutil

        try:
            known = self._processes
            if worker not in known or self._looks % FAMILY_EVERY == 0:
                process = known.get(worker) or psutil.Process(worker)
                family = {child.pid: child for child in (process, *process.children(recursive=True))}
                self._processes = {pid: known.get(pid, one) for pid, one in family.items()}
            elif not known[worker].is_running():
                raise psutil.NoSuchProcess(worker)
        except psutil.Error:
            self._processes = {}
            return None
        self._looks += 1
        percent, memory = 0.0, 0
        for one in self._processes.values():
            with suppress(psutil.Error):  # a child that has just ended
                percent += one.cpu_percent()
                memory += one.memory_info().rss
        return Reading(
            card=False,
            busy=percent / 100 if worker in known else None,  # the first look has nothing to compare with
            cores=psutil.cpu_count() or 1,
            memory_used=memory,
            memory_total=psutil.virtual_memory().total,
        )
