"""A worker without torch that trains nothing, for the live view: obeys requests, and tells each step.

VISLAB_FAKE_EPOCHS: how many; VISLAB_FAKE_PAUSE: seconds a step. With VISLAB_FAKE_END = `die` it kills itself after the
last epoch, with `fail` it says that it failed, with `full` it waits for room on the disk; else it is done.
"""

import math
import os
import signal
import sys
import time
from pathlib import Path

import msgspec

from vislab.engine.runs import control, progress
from vislab.engine.runs.events import (
    AnyEvent,
    CheckpointSaved,
    ControlApplied,
    DecisionMade,
    EndStatus,
    EpochEnded,
    Phase,
    RunEnded,
    RunStarted,
    StepsLogged,
)
from vislab.engine.runs.liveness import RunLock
from vislab.engine.runs.log import EventWriter
from vislab.engine.runs.store import Run

STEPS = 10
EPOCHS = int(os.environ.get("VISLAB_FAKE_EPOCHS", "1000"))
PAUSE = float(os.environ.get("VISLAB_FAKE_PAUSE", "0.02"))
END = os.environ.get("VISLAB_FAKE_END", "done")

run = Run(Path(sys.argv[1]))
lock = RunLock(run.lock)
assert lock.acquire()
log = EventWriter(run.events)
requests = control.ControlReader(run.control)
step = epoch = 0
stopping = False


def say(event: AnyEvent) -> None:
    log.append(msgspec.structs.replace(event, time=time.time()))


def end(status: EndStatus, reason: str, code: int) -> None:
    say(RunEnded(status=status, reason=reason, step=step, epoch=epoch, elapsed=step / 10, exit_code=code))
    sys.exit(code)


def beat(phase: Phase, done: int) -> None:
    position = progress.Progress(
        time=time.time(),
        pid=os.getpid(),
        host="here",
        phase=phase,
        epoch=epoch,
        step=step,
        done=done,
        total=STEPS,
        images_per_second=1234.0,
        elapsed=step / 10,
    )
    progress.write(run.progress_file, position)


def obey() -> bool:
    """Obey what was asked; whether the run rests now."""
    global paused, stopping
    for request in requests.poll():
        say(ControlApplied(request=request.id, action=request.action, step=step, value=request.value))
        if request.action == "stop":
            end("stopped", "stopped on request", 130)
        if request.action in ("pause", "unpause"):
            paused = request.action == "pause"
        stopping = stopping or request.action == "stop_after_epoch"
        if request.action == "checkpoint":
            say(CheckpointSaved(kind="full", path=str(step), step=step, epoch=epoch, bytes=1, seconds=0.1))
    return paused


paused = False
print("a library says [red]hello\x1b[31m", flush=True)
say(DecisionMade(what="device", choice="cpu", why="there is no GPU", details={"name": "A processor"}))
say(
    RunStarted(
        environment={"torch": "0"},
        classes=("cat", "[red]dog\x1b[31m"),
        counts={"train": (40, 40), "validation": (10, 10)},
        split="80/20",
        selected_on_test=False,
        parameters=1000,
        trained_parameters=1000,
        head=("head",),
        batch_size=20,
        steps_per_epoch=STEPS,
        epochs=EPOCHS,
        log_every=1,
        evaluated_weights="raw",
    )
)
best = 0.0
while epoch < EPOCHS:
    epoch += 1
    for done in range(1, STEPS + 1):
        while obey():
            beat("paused", done)
            time.sleep(0.05)
        step += 1
        time.sleep(PAUSE)
        say(
            StepsLogged(
                step=step,
                epoch=epoch,
                loss=1 / math.sqrt(step) + 0.05 * (step % 3),
                accuracy=1 - 0.9 / math.sqrt(step),
                learning_rate=1e-3,
                gradient_norm=1.0,
                images_per_second=1234.0,
                waiting=0.03,
                elapsed=step / 10,
            )
        )
        beat("training", done)
    accuracy = 1 - 0.9 / math.sqrt(epoch)
    say(
        EpochEnded(
            epoch=epoch,
            step=step,
            train_loss=1 / math.sqrt(epoch),
            train_accuracy=accuracy,
            train_top5=1.0,
            val_loss=1.1 / math.sqrt(epoch),
            val_accuracy=accuracy - 0.05,
            val_top5=1.0,
            val_macro_f1=accuracy,
            learning_rate=1e-3,
            best=accuracy > best,
            seconds=0.5,
            val_seconds=0.1,
            train_images_per_second=1234.0,
            elapsed=step / 10,
        )
    )
    best = max(best, accuracy)
    if stopping:
        end("stopped", "stopped on request after the epoch", 130)
if END == "die":
    print("fatal: cosmic ray", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
while END == "full":
    obey()
    beat("full disk", STEPS)
    time.sleep(0.1)
if END == "fail":
    end("failed", "The loss is not finite.", 1)
end("done", "", 0)
