"""Which device each live run uses."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from vislab.engine.runs.devices import Device
from vislab.engine.runs.events import DecisionMade
from vislab.engine.runs.liveness import last_holder
from vislab.engine.runs.log import EventReader
from vislab.engine.runs.store import Run
from vislab.presets.errors import InputError


class Used(NamedTuple):
    """What a live run uses: what torch calls it, empty until it has chosen; and the UUID if it is a card."""

    device: str
    uuid: str = ""

    def is_among(self, cards: Sequence[Device] | None) -> bool:
        """Whether it is one of these cards; of None, whether it has chosen what is no card."""
        if cards is None:
            return self.device != "" and not self.device.startswith("cuda")
        return any(self.uuid == card.uuid for card in cards)

    def is_on(self, device: Device) -> bool:
        """Whether it is this device."""
        return self.uuid == device.uuid if device.kind == "cuda" else self.device == device.kind


class UsedDevices:
    """What live runs use, again and again at little cost: the log of each is read once a worker."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str], Used] = {}

    def of(self, run: Run) -> Used:
        """What a live run uses, by its present worker: what the log of a resumed run says may be of an earlier one."""
        worker, progress = last_holder(run.lock), run.progress()
        key = (run.id, worker.get("pid", ""), worker.get("started", ""))
        if key not in self._known:
            heard = progress is not None and str(progress.pid) == worker.get("pid") and progress.phase != "starting"
            decided = _decided(run) if heard else None
            if decided is None:
                return Used("" if on_card(run.spec().device, True) else run.spec().device)
            self._known[key] = Used(decided.choice, str(decided.details.get("uuid", "")))
        return self._known[key]

    def on(self, device: Device, live: Iterable[Run]) -> tuple[Run, ...]:
        """The runs that use a device of this machine, those that pause on it included.

        Args:
            live: runs that have a worker; those in another container or on another machine are left out, and those
                that cannot be read.
        """
        found = []
        for run in live:
            try:
                if run.worker() > 0 and self.of(run).is_on(device):
                    found.append(run)
            except (InputError, OSError):
                continue
        return tuple(found)


def _decided(run: Run) -> DecisionMade | None:
    """The last decision on a device; without the fold, which of a long log takes memory."""
    decided = None
    for event in EventReader(run.events).events():
        if isinstance(event, DecisionMade) and event.what == "device":
            decided = event
    return decided


def on_card(device: str, cards: bool) -> bool:
    """Whether a run that asks for `device` asks for an NVIDIA card.

    Args:
        cards: whether there are any.
    """
    return device.startswith("cuda") or (device == "auto" and cards)
