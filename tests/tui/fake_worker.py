"""A worker without torch: takes the run's lock and says what a short training would; started by `follow_fake.py`.

VISLAB_FAKE chooses how it ends: `done`, `die` (killed in epoch 2), `fail`, `refuse` (a mistake in the input), `stop`
(goes on until it is asked to stop, saving when it is asked to) or `deaf` (goes on and on).
"""

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
    Notice,
    RunEnded,
    RunStarted,
    StepsLogged,
    TestFigures,
)
from vislab.engine.runs.liveness import RunLock
from vislab.engine.runs.log import EventWriter
from vislab.engine.runs.store import Run

STEPS = 4
MODE = os.environ.get("VISLAB_FAKE", "done")
EPOCHS = 3 if MODE in ("done", "die", "fail", "refuse") else 999

run = Run(Path(sys.argv[1]))
lock = RunLock(run.lock)
assert lock.acquire()
reader = control.ControlReader(run.control, run.control.stat().st_size if run.control.exists() else 0)
log = EventWriter(run.events)


def say(event: AnyEvent) -> None:
    log.append(msgspec.structs.replace(event, time=time.time()))


def end(status: EndStatus, reason: str, code: int, test: TestFigures | None = None) -> None:
    say(RunEnded(status=status, reason=reason, step=step, epoch=epoch, elapsed=2.0, exit_code=code, test=test))
    sys.exit(code)


signals: list[int] = []
if MODE != "deaf":
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, lambda number, frame: signals.append(number))

step = epoch = 0
say(DecisionMade(what="device", choice="cpu", why="there is no GPU"))
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
say(Notice(level="warning", topic="test", text="[red]watch\x1b[31m out"))
while epoch < EPOCHS:
    epoch += 1
    for done in range(1, STEPS + 1):
        step += 1
        time.sleep(0.02)
        say(
            StepsLogged(
                step=step,
                epoch=epoch,
                loss=1 / step,
                accuracy=0.5,
                learning_rate=1e-3,
                gradient_norm=1.0,
                images_per_second=1234.0,
                waiting=0.0,
                elapsed=step / 10,
            )
        )
        progress.write(
            run.progress_file,
            progress.Progress(
                time=time.time(),
                pid=os.getpid(),
                host="here",
                phase="training",
                epoch=epoch,
                step=step,
                done=done,
                total=STEPS,
                images_per_second=1234.0,
                elapsed=step / 10,
            ),
        )
        for request in reader.poll():
            say(ControlApplied(request=request.id, action=request.action, value=request.value, step=step))
            if MODE == "stop" and request.action == "stop":
                end("stopped", "stopped on request", 130)
            if MODE == "stop" and request.action == "checkpoint":
                say(
                    CheckpointSaved(kind="full", path=f"checkpoints/{step}", step=step, epoch=epoch, bytes=1, seconds=0)
                )
        if signals:
            end("stopped", f"{signal.Signals(signals[0]).name} received", 143)
        if MODE == "die" and epoch == 2:
            print("fatal: \x1b[31mcosmic ray", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        if MODE == "refuse":
            end("failed", "Two files cannot be read:\n  a\x1b[0m.png\n  b.png", 2)
        if MODE == "fail" and epoch == 2:
            end("failed", "The loss is not finite.", 1)
    say(
        EpochEnded(
            epoch=epoch,
            step=step,
            train_loss=1 / epoch,
            train_accuracy=0.8,
            train_top5=1.0,
            val_loss=1 / epoch,
            val_accuracy=0.9,
            val_top5=1.0,
            val_macro_f1=0.9,
            learning_rate=1e-3,
            best=epoch == 1,
            seconds=0.5,
            val_seconds=0.1,
            train_images_per_second=1234.0,
            elapsed=step / 10,
        )
    )
figures = TestFigures(
    role="validation", images=20, loss=0.3, accuracy=0.9, top5=1.0, macro_f1=0.9, weights="raw", epoch=1
)
end("done", "", 0, figures)
