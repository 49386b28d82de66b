"""How fast a spec trains here, and where the time goes: measured inside a real run, of which nothing is kept."""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Annotated, Any

import msgspec
import torch

from vislab.engine.analysis.cost import feature_pass
from vislab.engine.data.batches import Batch
from vislab.engine.runs import devices, store
from vislab.engine.runs.control import ControlReader
from vislab.engine.runs.log import EventWriter
from vislab.engine.runs.reporter import Reporter
from vislab.engine.runs.state import RunState, fold
from vislab.engine.runs.temporary import temporary_folder
from vislab.engine.training.controls import Controls
from vislab.engine.training.endings import STOPPED, Interrupted
from vislab.engine.training.loop import Loop
from vislab.engine.training.precision import autocast
from vislab.engine.training.run import Training
from vislab.engine.training.torch_settings import set_variables, settle_torch
from vislab.engine.worker import with_copied_code
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import load_settings

_PARTS = 0.25  # time for each part alone, in that of the training
_WARM = 2  # updates before a part is timed


class BenchRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A spec, and how long it may take.

    Attributes:
        spec: as in spec.toml.
        code: the user's own files that it names.
        seconds: of training, evaluation included; it ends earlier where the run does.
    """

    spec: Spec
    code: list[str] = []
    seconds: Annotated[float, msgspec.Meta(gt=0.0)] = 10.0


def answer(request: dict[str, Any], tell: Callable[[str, int, int], None]) -> dict[str, Any]:
    """Train for a while in a temporary folder; then time each part alone, on the same model and data.

    Returns:
        images_per_second: of `data` (batches made and thrown away), `step` (forward, backward and optimizer on one
        resident batch) and `full` (the run's own loop, without evaluation); epoch_seconds: what an epoch takes by
        part: data, forward, backward, optimizer, evaluation and rest (all else that the loop does, checkpoints
        included; below zero where the parts alone were slower than together); measured: updates, images and seconds
        of the full run; epoch_images; parameters and trained_parameters; features: where the head alone trains, on
        what the frozen part made of each image before the first epoch: images, seconds of that pass and
        images_per_second (None where the cache does not know them), spent (seconds here) and source (`computed`,
        `partly from the cache` or `from the cache`), else None; batch_size; arithmetic; device and device_name.

    Raises:
        InputError: whatever is wrong with the spec, its data or its network.
    """
    wanted = msgspec.convert(request, BenchRequest)
    settings, chosen = load_settings(), devices.choose(wanted.spec.device)
    set_variables(wanted.spec, chosen, settings)
    settle_torch(wanted.spec, chosen.device, wanted.spec.threads)
    with temporary_folder("vislab-bench-") as folder:
        run = store.create(folder, wanted.spec, code=[Path(file) for file in wanted.code])
        writer = EventWriter(run.events)
        try:
            measuring = _Measuring(run, wanted.seconds, tell)
            training = Training(
                run,
                with_copied_code(wanted.spec, run.code),
                settings,
                torch.device(chosen.torch_name),
                Reporter(run, writer),
                measuring,
                fold(()),
            )
            measuring.training = training
            try:
                training()
                assert training.loop is not None
                measuring.measure(training.loop)  # it was over before its time
            except Interrupted:
                if measuring.found is None:
                    raise
        finally:
            writer.close()
    assert measuring.found is not None
    return {
        **measuring.found,
        "batch_size": training.spec.strategy.decided_batch_size,
        "arithmetic": str(training.arithmetic),
        "device": chosen.torch_name,
        "device_name": chosen.device.name,
    }


class _Measuring(Controls):
    """Lets a run train for a while, measures its parts where it stands, and ends it."""

    def __init__(self, run: store.Run, seconds: float, tell: Callable[[str, int, int], None]) -> None:
        super().__init__(ControlReader(run.control), lambda request: None)
        self._run = run
        self._seconds = seconds
        self._tell = tell
        self._measures = False
        self.training: Training | None = None
        self.found: dict[str, Any] | None = None

    def check(self) -> None:
        """Called by the run between updates.

        Raises:
            Interrupted: all is measured.
        """
        loop = self.training.loop if self.training is not None else None
        if loop is None or self._measures:
            return
        position = loop.training.position
        self._tell("updates", position.step, 0)
        evaluated = position.step_in_epoch < loop.plan.steps_per_epoch
        if position.step and evaluated and position.elapsed >= self._seconds:
            self.measure(loop)
            raise Interrupted("measured", STOPPED)

    def measure(self, loop: Loop) -> None:
        """Time the parts of a run alone, where it stands."""
        self._measures = True
        self.found = self._measured(loop)

    def _measured(self, loop: Loop) -> dict[str, Any]:
        state, position = self._run.state(), loop.training.position
        assert state.started is not None
        in_all = sum(state.started.counts["train"])
        epochs, updates = divmod(position.step, loop.plan.steps_per_epoch)
        images = epochs * in_all + updates * state.started.batch_size
        began = time.perf_counter()
        _wait(loop.step.device)  # for updates that the loop has not waited for yet
        seconds = sum(row.seconds - row.val_seconds for row in state.epochs) + position.epoch_seconds
        seconds += time.perf_counter() - began
        if state.epochs:
            evaluation = median(row.val_seconds for row in state.epochs)
        else:
            began = time.perf_counter()
            if loop.validation is not None:
                loop.judge.figures(loop.validation, "validation")
            evaluation = time.perf_counter() - began
        limit = _PARTS * seconds
        data, batch = _data(loop, limit)
        step = sum(_updates(loop, batch, limit, apart=False))
        forward, backward, optimizer = _updates(loop, batch, limit, apart=True)
        parts = {"data": data, "forward": forward, "backward": backward, "optimizer": optimizer}
        epoch_seconds = {name: in_all * each for name, each in parts.items()}
        rest = in_all * seconds / images - sum(epoch_seconds.values())
        return {
            "images_per_second": {"data": 1 / data, "step": 1 / step, "full": images / seconds},
            "epoch_seconds": {**epoch_seconds, "evaluation": evaluation, "rest": rest},
            "measured": {"updates": position.step, "images": images, "seconds": seconds},
            "epoch_images": in_all,
            "parameters": state.started.parameters,
            "trained_parameters": state.started.trained_parameters,
            "features": _features(state),
        }


def _features(state: RunState) -> dict[str, Any] | None:
    taken = feature_pass(state)
    if taken is None:
        return None
    seconds = taken.seconds if taken.known else None
    return {
        "images": taken.images,
        "seconds": seconds,
        "images_per_second": taken.images / seconds if seconds else None,
        "spent": taken.spent,
        "source": taken.source,
    }


def _data(loop: Loop, limit: float) -> tuple[float, Batch]:
    """Seconds an image of making batches, and the first of them; for so many seconds or an epoch."""
    first, images = None, 0
    began = time.perf_counter()
    for batch in loop.batches.epoch(2):
        first = first or batch
        images += len(batch)
        if time.perf_counter() - began > limit:
            break
    _wait(loop.step.device)
    assert first is not None
    return (time.perf_counter() - began) / images, first


def _updates(loop: Loop, batch: Batch, limit: float, *, apart: bool) -> list[float]:
    """Seconds an image of forward, backward and optimizer, over and over on one batch.

    Args:
        apart: wait for the device after each of the three, so that each has its own time; else only at the end, since
            the run's own loop goes ahead of the device as well.
    """
    training, step = loop.training, loop.step
    seconds = [0.0, 0.0, 0.0]
    forward = step.forward_of(batch)
    parts = batch.split(max(step.accumulate, training.position.accumulate))
    mark = began = time.perf_counter()

    def lap(which: int, *, wait: bool = apart) -> None:
        nonlocal mark
        if wait:
            _wait(step.device)
        now = time.perf_counter()
        seconds[which] += now - mark
        mark = now

    made = 0
    while made <= _WARM or mark - began < limit:
        if made == _WARM:
            lap(2, wait=True)
            seconds[:] = [0.0, 0.0, 0.0]
        training.drop_gradients()
        for part in parts:
            with autocast(step.precision, step.device):
                logits = forward(training.model, part.images)
            loss = step.loss(logits, part).sum() / len(batch)
            lap(0)
            training.scaler.scale(loss).backward()
            lap(1)
        training.scaler.step(training.optimizer)
        training.scaler.update()
        lap(2)
        made += 1
    lap(2, wait=True)
    return [each / (made - _WARM) / len(batch) for each in seconds]


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()
