"""How busy a worker keeps its device: NVIDIA cards by NVML, the processor by what the system says of processes."""

import os
import time
from dataclasses import dataclass

from vislab.engine.runs.processes import Usage, family, usage

FAMILY_EVERY = 4
"""Looks at a worker between two looks for its children, for which some systems read all processes of the machine."""


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
        self._family: list[int] = []
        self._used: dict[int, Usage] = {}
        self._looked = 0.0
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
        if self._looks % FAMILY_EVERY == 0:
            self._family = family(worker)
        self._looks += 1
        now, before, then = time.monotonic(), self._used, self._looked
        used = {pid: found for pid in self._family if (found := usage(pid)) is not None}
        self._used, self._looked = used, now
        if worker not in used:
            self._used, self._looks = {}, 0
            return None
        known = [pid for pid, found in used.items() if pid in before and before[pid].started == found.started]
        seconds = sum(used[pid].seconds - before[pid].seconds for pid in known)
        return Reading(
            card=False,
            busy=seconds / (now - then) if worker in known and now > then else None,  # else nothing to compare with
            cores=os.cpu_count() or 1,
            memory_used=sum(found.memory for found in used.values()),
            memory_total=os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"),
        )
