"""One row of a list of runs: a rebuildable cache of the fold, in summary.json."""

from pathlib import Path
from typing import Any, Literal

import msgspec

from vislab.engine.runs.batch_size import of_run
from vislab.engine.runs.events import EpochEnded, TestFigures
from vislab.engine.runs.progress import Progress
from vislab.engine.runs.reserve import is_full
from vislab.engine.runs.state import RunState, Status
from vislab.presets.keys import flatten
from vislab.presets.schema.spec import Spec

RunStatus = Literal["new", "queued", "full disk", "died"] | Status
"""`new`: never started. `queued`: it waits for a device. `full disk`: its worker waits until it can write again.
`died`: no worker, and the log does not say that it ended."""

LIVE: tuple[RunStatus, ...] = ("starting", "training", "paused", "full disk")
"""A worker has the run."""

_STARTING = ("starting", "downloading", "reading data", "building", "measuring")


def live_status(state: RunState, progress: Progress | None, worker: int, folder: Path) -> RunStatus:
    """What a run with a worker does, by the log and the worker's heartbeat.

    Args:
        progress: the last heartbeat; one of an earlier worker counts for nothing.
        worker: process id, -1 where it has no number here.
        folder: the run's. A worker that gives no heartbeat on a disk that is full waits for room.
    """
    phase = progress.phase if progress is not None and worker in (-1, progress.pid) else None
    if phase == "full disk" or phase == "paused":
        return phase
    if phase is None and is_full(folder):
        return "full disk"
    if phase in _STARTING or (phase is None and state.ended is not None):
        return "starting"  # what the log says is of an earlier worker
    return "training" if state.ended is not None else state.status


class Labels(msgspec.Struct, frozen=True, kw_only=True):
    """The person's own words about a run, in labels.toml; never the worker's."""

    name: str = ""
    tags: tuple[str, ...] = ()
    note: str = ""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What a list says of a run. In the cache stand the spec's name and no tags: labels are read anew each time."""

    id: str
    name: str
    status: RunStatus
    dataset: str
    architecture: str
    strategy: str
    created: float
    epochs_done: int
    epochs_planned: int
    best: EpochEnded | None
    last: EpochEnded | None
    test: TestFigures | None
    """The last evaluation, on test images or on validation images."""
    selected_on_test: bool
    """Whether the best epoch is chosen by the test images, so that the validation figures are of them."""
    elapsed: float
    reason: str
    recipe: str
    seed: int
    batch_size: int | None
    """None until the worker has decided what `auto` means."""
    parameters: int | None
    """Of the model that was built; None until it is."""
    settings: dict[str, Any]
    """Settings that differ from the schema's defaults, by dotted key."""
    events_bytes: int
    """Size of events.jsonl when this was made; another size means that the cache is stale."""
    tags: tuple[str, ...] = ()
    note: str = ""

    def labelled(self, labels: Labels) -> "Summary":
        """The same with the person's own words."""
        name = labels.name or self.name
        if (name, labels.tags, labels.note) == (self.name, self.tags, self.note):
            return self
        return msgspec.structs.replace(self, name=name, tags=labels.tags, note=labels.note)


def summarise(
    identity: str, spec: Spec, state: RunState, status: RunStatus, *, created: float, events_bytes: int
) -> Summary:
    """The summary of a run, without labels."""
    return Summary(
        id=identity,
        name=spec.name,
        status=status,
        dataset=spec.dataset.name,
        architecture=spec.architecture.name,
        strategy=spec.strategy.name,
        created=created,
        epochs_done=state.epochs_done,
        epochs_planned=state.epochs_planned or spec.strategy.epochs,
        best=state.best,
        last=state.epochs[-1] if state.epochs else None,
        test=state.ended.test if state.ended else None,
        selected_on_test=state.started is not None and state.started.selected_on_test,
        elapsed=state.elapsed,
        reason=state.ended.reason if state.ended else "",
        recipe=spec.recipe,
        seed=spec.seed,
        batch_size=of_run(spec, state),
        parameters=state.started.parameters if state.started is not None else None,
        settings={key: value for key, value in settings_of(spec).items() if value != DEFAULTS.get(key)},
        events_bytes=events_bytes,
    )


def settings_of(spec: Spec) -> dict[str, Any]:
    """Every setting of a spec by dotted key, as plain data; without the run's name, lines of help and origins."""
    return {
        key: value
        for key, value in flatten(msgspec.to_builtins(spec))
        if key != "name" and not key.startswith("origins") and key.rpartition(".")[2] != "help"
    }


DEFAULTS = settings_of(Spec())
"""The schema's defaults."""
