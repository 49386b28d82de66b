"""What the launch screen does beside the screen: starting runs, and looking at devices, queue and earlier runs."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from vislab.engine.runs import store, studies
from vislab.engine.runs.devices import Device, choose, list_devices
from vislab.engine.runs.queue import enqueue, queued
from vislab.engine.runs.start import start
from vislab.engine.runs.store import Run
from vislab.engine.runs.used import UsedDevices
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings
from vislab.tui.draft import Draft, resolve
from vislab.tui.facts import DeviceUser, measured_seconds_per_epoch
from vislab.tui.views.named import named

How = Literal["watch", "background", "queue"]

_RUNS = 300  # newest runs among which one of the same work is looked for


@dataclass(frozen=True)
class Launched:
    """Runs that were started or queued, and why others were not."""

    runs: tuple[Run, ...]
    problems: tuple[str, ...]


def launch(drafts: Sequence[Draft], settings: Settings, how: How, study: str = "") -> Launched:
    """Make the runs of some drafts and start or queue them, in order; none is made unless all can be put together.

    Args:
        study: what they are the runs of, which is noted as by `vislab study`; empty: of none.
    """
    from vislab.tui.commands.run import own_files

    resolved = [resolve(draft, settings) for draft in drafts]
    problems = [problem for one in resolved for problem in one.problems]
    if problems:
        return Launched((), tuple(dict.fromkeys(problems)))
    runs: list[Run] = []
    try:
        for draft, one in zip(drafts, resolved, strict=True):
            assert one.spec is not None
            run = store.create(
                settings.runs_dir, one.spec, code=own_files(one.spec), labels=store.Labels(name=draft.name)
            )
            (enqueue if how == "queue" else start)(run, settings)
            runs.append(run)
            if study:
                studies.save(settings.runs_dir, _record(study, drafts, runs, settings))
    except InputError as error:
        return Launched(tuple(runs), (str(error),))
    return Launched(tuple(runs), ())


def _record(study: str, drafts: Sequence[Draft], runs: Sequence[Run], settings: Settings) -> studies.Record:
    """The note of a study: its runs, and the command that runs it, with the data set that was chosen for all."""
    from vislab.tui import study as studying

    question, _ = studying.study(study, settings)
    chosen = {draft.dataset for draft in drafts}
    asked = studying.Asked(dataset=chosen.pop() if len(chosen) == 1 else "")
    return studies.Record(
        name=study, question=question, command=asked.command(study), runs=tuple(run.id for run in runs)
    )


@dataclass(frozen=True)
class Looked:
    """What was seen.

    Attributes:
        spec: the selection that it was seen for.
        device: what the selection asks for.
        chosen: what that means here now; None: nothing, and `trouble` says why.
        users: runs that have it already, those that train first.
        queued: runs that wait.
        searched: whether a run of the same work was looked for; nothing runs where there is no device.
        seconds_per_epoch: of that run; None where there is none.
        runs_folder: why no run can be made in the folder of runs, as far as that is seen; empty: nothing is.
    """

    spec: Spec | None
    device: str
    devices: tuple[Device, ...]
    chosen: Device | None
    trouble: str
    users: tuple[DeviceUser, ...]
    queued: int
    searched: bool
    seconds_per_epoch: float | None
    runs_folder: str


def look_around(
    spec: Spec | None, settings: Settings, train_images: int, live: Sequence[Run], used: UsedDevices
) -> Looked:
    """Look at devices and who is on them, at the queue, and for an earlier run of the same work.

    Args:
        live: the runs that have a worker.
        used: the same each time.
    """
    device = spec.device if spec is not None else "auto"
    chosen: Device | None = None
    trouble, seconds = "", None
    try:
        chosen = choose(device).device
    except InputError as error:
        trouble = str(error)
    if spec is not None and chosen is not None and train_images:
        runs = [Run(settings.runs_dir / name) for name in store.ids(settings.runs_dir)[:_RUNS]]
        seconds = measured_seconds_per_epoch(runs, spec, chosen.name, train_images)
    return Looked(
        spec,
        device,
        tuple(list_devices()),
        chosen,
        trouble,
        _users(used.on(chosen, live)) if chosen is not None else (),
        len(queued(settings.runs_dir)),
        spec is not None and train_images > 0,
        seconds,
        unwritable(settings.runs_dir),
    )


def unwritable(folder: Path) -> str:
    """Why nothing can be made in a folder, which need not exist; empty where nothing is seen. Writes nothing."""
    there = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
    if not os.path.isdir(there):  # noqa: PTH112  (unlike Path.is_dir, it does not raise for what may not be entered)
        return f"{there} is no folder"
    if not os.access(there, os.W_OK | os.X_OK):
        return f"no permission to write into {there}"
    return "" if _holds_files(there) else f"{there} is no place for files"


def _holds_files(folder: Path) -> bool:
    """Whether its file system has room for files at all: /proc has none, and does not say so to the superuser."""
    try:
        system = os.statvfs(folder)
    except OSError:
        return True
    return bool(system.f_blocks or system.f_files)


def _users(runs: Sequence[Run]) -> tuple[DeviceUser, ...]:
    """Those that train come first: where there is little room, they are named."""
    users = []
    for run in runs:
        progress = run.progress()
        users.append(DeviceUser(named(run), paused=progress is not None and progress.phase == "paused"))
    return tuple(sorted(users, key=lambda user: user.paused))


def next_device(devices: Sequence[Device], now: str) -> str:
    """What can be asked for after `now`: auto, then each card by its number, then what else there is, and again."""
    cards = [device for device in devices if device.kind == "cuda"]
    names = ["auto", *(f"cuda:{index}" for index in range(len(cards)))]
    names += [device.kind for device in devices if device.kind != "cuda"]
    return names[(names.index(now) + 1) % len(names)] if now in names else names[0]
