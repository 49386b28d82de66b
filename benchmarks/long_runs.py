"""Runs for the measurements of this folder, of thousands of epochs or images: finished ones, and one that goes on."""

import csv
import math
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vislab.engine.analysis import predictions
from vislab.engine.runs.events import (
    AnyEvent,
    CheckpointSaved,
    DecisionMade,
    EpochEnded,
    RunEnded,
    RunStarted,
    StepsLogged,
    TestFigures,
)
from vislab.engine.runs.liveness import RunLock
from vislab.engine.runs.log import EventWriter
from vislab.engine.runs.store import Run, create
from vislab.presets.library import resolve
from vislab.presets.schema.spec import Spec

STEPS = 3
"""Updates of an epoch; one log interval, as in a run of so many epochs."""
EVERY = 0.2
"""Seconds from one epoch of the run that goes on to the next."""


def make(folder: Path, epochs: int, seed: int, images: int = 0) -> Run:
    """A run that is done, `long-SEED`.

    Args:
        images: it was judged by so many; all runs by the same ones.
    """
    run = create(folder, _spec(seed), identity=f"long-{seed}")
    began = time.time() - epochs
    log = EventWriter(run.events)
    for event in (*_begun(began, epochs), *_epochs(began, epochs, epochs, seed)):
        log.append(event)
    ended = RunEnded(
        time=time.time(),
        status="done",
        reason="",
        step=STEPS * epochs,
        epoch=epochs,
        elapsed=epochs,
        exit_code=0,
        test=_judged(run, images, epochs, random.Random(seed)) if images else None,
    )
    log.append(ended)
    log.close()
    run.lock.touch()
    return run


def _judged(run: Run, images: int, epoch: int, drawn: random.Random) -> TestFigures:
    """Write answers, eight of ten of them right."""
    right = 0
    with (run.path / predictions.FILE).open("w", newline="") as file:
        answers = csv.writer(file)
        answers.writerow(("name", "label", "predicted", "confidence"))
        for image in range(images):
            label = str(image % 10)
            predicted = label if drawn.random() < 0.8 else str(drawn.randrange(10))
            right += label == predicted
            answers.writerow((f"{label}/image_{image:08}.jpg", label, predicted, f"{drawn.random():.6f}"))
    share = right / images
    return TestFigures(
        role="test", images=images, loss=0.6, accuracy=share, top5=0.95, macro_f1=share, weights="raw", epoch=epoch
    )


@contextmanager
def growing(folder: Path, epochs: int) -> Iterator[Run]:
    """A run that has so many epochs, and another one every EVERY seconds; this process is its worker."""
    run = create(folder, _spec(0), identity="long-live")
    lock, log = RunLock(run.lock), EventWriter(run.events)
    assert lock.acquire()
    began, over = time.time() - epochs, threading.Event()
    events = _epochs(began, 10 * epochs, 10 * epochs, 0)
    for event in _begun(began, 10 * epochs):
        log.append(event)
    for event in events:
        log.append(event)
        if isinstance(event, EpochEnded) and event.epoch == epochs:
            break

    def grow() -> None:
        for event in events:
            log.append(event)
            if isinstance(event, EpochEnded) and over.wait(EVERY):
                return

    worker = threading.Thread(target=grow)
    worker.start()
    try:
        yield run
    finally:
        over.set()
        worker.join()
        log.close()
        lock.release()


def _spec(seed: int) -> Spec:
    """With a setting that no other has, so that no two of the runs repeat each other."""
    return resolve(recipe="digits-lenet5", sets=[f"seed={seed}", f"strategy.learning_rate={(1 + seed) / 1000}"])


def _begun(began: float, epochs: int) -> Iterator[AnyEvent]:
    yield DecisionMade(time=began, what="device", choice="cpu", why="there is no GPU")
    yield RunStarted(
        time=began,
        environment={},
        classes=tuple(str(digit) for digit in range(10)),
        counts={"train": (140,) * 10, "validation": (36,) * 10},
        split="80/20",
        selected_on_test=False,
        parameters=61_706,
        trained_parameters=61_706,
        head=("head",),
        batch_size=512,
        steps_per_epoch=STEPS,
        epochs=epochs,
        log_every=STEPS,
        evaluated_weights="raw",
    )


def _epochs(began: float, epochs: int, planned: int, seed: int) -> Iterator[AnyEvent]:
    """Each epoch with figures of its own; a checkpoint where it is the best, and every fiftieth."""
    drawn, best = random.Random(seed), 0.0
    for epoch in range(1, epochs + 1):
        step, elapsed, rate = STEPS * epoch, epoch + drawn.random(), 1e-3 * (1 - 0.9 * epoch / planned)
        loss = 2.3 * math.exp(-4 * epoch / planned) + 0.05 * drawn.random()
        accuracy = 1 - loss / 3 - 0.03 * drawn.random()
        yield StepsLogged(
            time=began + elapsed,
            step=step,
            epoch=epoch,
            loss=loss,
            accuracy=accuracy,
            learning_rate=rate,
            gradient_norm=drawn.random(),
            images_per_second=400 + drawn.random(),
            waiting=0.03 * drawn.random(),
            elapsed=elapsed,
        )
        yield EpochEnded(
            time=began + elapsed,
            epoch=epoch,
            step=step,
            train_loss=loss,
            train_accuracy=accuracy + 0.02,
            train_top5=1 - 0.01 * drawn.random(),
            val_loss=1.1 * loss,
            val_accuracy=accuracy,
            val_top5=1 - 0.02 * drawn.random(),
            val_macro_f1=accuracy - 0.001 * drawn.random(),
            learning_rate=rate,
            best=accuracy > best,
            seconds=1 + 0.01 * drawn.random(),
            val_seconds=0.1 * drawn.random(),
            train_images_per_second=400 + drawn.random(),
            elapsed=elapsed,
        )
        if accuracy > best or epoch % 50 == 0:
            kind = "best" if accuracy > best else "full"
            yield CheckpointSaved(
                time=began + elapsed,
                kind=kind,
                path=f"checkpoints/{step}",
                step=step,
                epoch=epoch,
                bytes=1,
                seconds=0.1,
            )
        best = max(best, accuracy)
