"""What holds for all tests, and made histories for what draws or judges a run."""

import os
import signal
from collections.abc import Callable, Iterator, Sequence

import pytest
from hypothesis import settings

from vislab.engine.runs.events import AnyEvent, EpochEnded, RunEnded, RunStarted, StepsLogged, TestFigures, figure

settings.register_profile("vislab", deadline=None)  # a busy machine is slow, not wrong
settings.load_profile("vislab")
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts its background jobs deaf to Ctrl+C, and their children inherit it: tests send Ctrl+C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # as nohup leaves it: tests hang up too
if "PYTEST_XDIST_WORKER" in os.environ:
    # Read by torch when it is imported: tests that run side by side have a core each.
    os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session", autouse=True)
def no_plug_is_pulled() -> Iterator[None]:
    """What tests write in this process need not outlive the machine: a run waits hundreds of times for a disk.

    A descriptor that is not open is an error as ever. Workers that are processes of their own do wait.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", os.fstat)
        yield


def made_history(
    train_loss: Sequence[float],
    train_accuracy: Sequence[float] | None = None,
    val_loss: Sequence[float] | None = None,
    val_accuracy: Sequence[float] | None = None,
    *,
    classes: tuple[str, ...] = ("butterfly", "cat", "horse"),
    train_counts: tuple[int, ...] = (400, 400, 400),
    val_counts: tuple[int, ...] = (1000, 1000, 1000),
    test_counts: tuple[int, ...] = (),
    epochs: int = 0,
    steps_per_epoch: int = 10,
    selected_on_test: bool = False,
    ended: RunEnded | None = None,
    test: TestFigures | None = None,
) -> list[AnyEvent]:
    """Events of a run with the given figures an epoch; accuracies follow from the losses where none are given.

    Five entries of the step log an epoch. The best epoch is the first with the highest validation accuracy. `test`
    ends the run as done with these figures.
    """
    train_accuracy = [1 / (1 + max(x, 0.0)) for x in train_loss] if train_accuracy is None else train_accuracy
    if val_loss is not None and val_accuracy is None:
        val_accuracy = [1 / (1 + max(x, 0.0)) for x in val_loss]
    if val_accuracy is not None and val_loss is None:
        val_loss = [1 - x for x in val_accuracy]
    counts = {"train": train_counts, "test": test_counts, "validation": val_counts if val_loss is not None else ()}
    if selected_on_test:
        counts |= {"validation": (), "test": val_counts}
    events: list[AnyEvent] = [
        RunStarted(
            time=1_700_000_000.0,
            environment={"torch": "2.14.1", "device": "cpu"},
            classes=classes,
            counts=counts,
            split="80/20, stratified",
            selected_on_test=selected_on_test,
            parameters=3_400_000,
            trained_parameters=30_000,
            head=("head.weight", "head.bias"),
            batch_size=64,
            steps_per_epoch=steps_per_epoch,
            epochs=epochs or len(train_loss),
            log_every=max(1, steps_per_epoch // 5),
            evaluated_weights="raw",
        )
    ]
    best = -1.0
    for index, (loss, accuracy) in enumerate(zip(train_loss, train_accuracy, strict=True)):
        epoch, step, elapsed = index + 1, (index + 1) * steps_per_epoch, 2.0 * (index + 1)
        for part in range(5):
            events.append(
                StepsLogged(
                    time=1_700_000_000.0 + elapsed - 2 + 0.4 * (part + 1),
                    step=index * steps_per_epoch + (part + 1) * steps_per_epoch // 5,
                    epoch=epoch,
                    loss=figure(loss + (4 - part) * 0.02),
                    accuracy=figure(accuracy),
                    learning_rate=1e-3,
                    gradient_norm=1.0,
                    images_per_second=412.0,
                    waiting=0.03,
                    elapsed=elapsed - 2 + 0.4 * (part + 1),
                )
            )
        val = val_accuracy[index] if val_accuracy is not None else None
        better = val is not None and val > best
        best = max(best, val) if val is not None and val == val else best
        events.append(
            EpochEnded(
                time=1_700_000_000.0 + elapsed,
                epoch=epoch,
                step=step,
                train_loss=figure(loss),
                train_accuracy=figure(accuracy),
                train_top5=1.0,
                val_loss=None if val_loss is None else figure(val_loss[index]),
                val_accuracy=None if val is None else figure(val),
                val_top5=None if val is None else 1.0,
                val_macro_f1=None if val is None else figure(val),
                learning_rate=1e-3,
                best=better,
                seconds=2.0,
                val_seconds=0.2,
                train_images_per_second=412.0,
                elapsed=elapsed,
            )
        )
    if test is not None:
        ended = RunEnded(
            time=1_700_000_000.0 + 2.0 * len(train_loss),
            status="done",
            reason="",
            step=len(train_loss) * steps_per_epoch,
            epoch=len(train_loss),
            elapsed=2.0 * len(train_loss),
            exit_code=0,
            test=test,
        )
    return [*events, ended] if ended is not None else events


@pytest.fixture(scope="session")
def history() -> Callable[..., list[AnyEvent]]:
    """The maker of histories."""
    return made_history
