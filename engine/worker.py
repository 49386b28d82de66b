"""The process that trains: reads a run directory, trains, appends events, obeys control.

`python -m vislab.engine.worker RUN_DIR` starts a run that was never started and goes on with one that was.
"""

import argparse
import gc
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import msgspec

from vislab.engine.runs import batch_size, on_end
from vislab.engine.runs.control import ControlReader, Request
from vislab.engine.runs.devices import Chosen, choose
from vislab.engine.runs.events import ControlApplied, EndStatus, RunEnded, TestFigures
from vislab.engine.runs.extension import extend
from vislab.engine.runs.liveness import RunLock, this_holder
from vislab.engine.runs.log import EventWriter
from vislab.engine.runs.reporter import Reporter
from vislab.engine.runs.start import elsewhere
from vislab.engine.runs.state import RunState
from vislab.engine.runs.store import Run
from vislab.engine.trackers.start import Trackers
from vislab.engine.training.controls import Controls
from vislab.engine.training.endings import Interrupted, TrainingFailed
from vislab.engine.training.memory import first_line, is_out_of_memory
from vislab.engine.training.torch_settings import set_variables, settle_torch
from vislab.presets.errors import InputError, unusable
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings, load_settings
from vislab.presets.sizes import amount

DONE, FAILED, BAD_INPUT = 0, 1, 2
_LOCK_PATIENCE = 2.0
_BETWEEN_ATTEMPTS = 2.0  # seconds between two attempts to write on a full disk


def main(
    run_dir: Path,
    *,
    settings: Settings | None = None,
    control_from: int = 0,
    epochs: int = 0,
    schedule: str = "hold",
    accumulate: int = 0,
    force: bool = False,
    waiting_lock: int = -1,
) -> int:
    """Train a run to its end in this process.

    Args:
        run_dir: a run directory made by `vislab.engine.runs.store.create`.
        settings: folders; None: as the environment and the settings files say.
        control_from: requests before this byte of control.jsonl are old and not obeyed.
        epochs, schedule: make the run so many epochs long in all, and how its learning rate goes on: see
            `vislab.engine.runs.extension`. 0: as long as planned.
        accumulate: cut each batch into so many micro-batches from now on, to save memory. 0: as the run did so far.
        force: go on though images have changed since the run began, or a worker on another machine seems to be alive.
        waiting_lock: descriptor of the lock that this process held while it waited in the queue; let go of when the
            worker's own is held, so that the run is never shown as queued again. -1: it did not wait.

    Returns:
        0 done; 1 failed; 2 the user's input is wrong, or another worker has the run; 130 stopped; 143 terminated.
    """
    run = Run(run_dir.absolute())
    if (host := run.elsewhere()) and not force:
        print(elsewhere(run.id, host), file=sys.stderr)
        return BAD_INPUT
    lock = RunLock(run.lock)
    if not _acquire(lock):
        print(f"Run {run.id} has a worker already.", file=sys.stderr)
        lock.release()
        return BAD_INPUT
    if waiting_lock >= 0:
        os.close(waiting_lock)
    try:
        try:
            decision = extend(run.spec(), run.state(), epochs, schedule) if epochs else None
        except InputError as error:
            print(error, file=sys.stderr)
            return BAD_INPUT
        lock.explain(this_holder())
        writer = EventWriter(run.events)
        try:
            reporter = Reporter(run, writer)
            if decision is not None:
                reporter.say(decision)
            if accumulate:
                images = batch_size.of_run(run.spec(), run.state())
                parts = f"batch / {accumulate}" if images is None else str(-(-images // accumulate))
                reporter.decide("micro-batch", parts, "asked for on resume", accumulate=accumulate, step=0)
            trainer = _Worker(run, settings, reporter, control_from, force=force)
            exit_code = trainer.work()
        finally:
            writer.close()
    finally:
        lock.release()
    if trainer.settings is not None and trainer.settings.on_end:
        on_end.call(trainer.settings.on_end, run)
    return exit_code


class _Worker:
    """Trains one run and says how it ended, whatever happens. torch is imported only once the device is settled."""

    def __init__(
        self, run: Run, settings: Settings | None, reporter: Reporter, control_from: int, *, force: bool
    ) -> None:
        self._run = run
        self.settings = settings
        self._reporter = reporter
        self._before = run.state()
        self._controls = Controls(
            ControlReader(run.control, control_from), self._applied, refused=self._refused, on_pause=reporter.pause
        )
        reporter.rest = lambda: self._controls.rest(_BETWEEN_ATTEMPTS)
        self._force = force
        self._spec: Spec | None = None
        self._chosen: Chosen | None = None
        self._training: Any = None
        self._trackers: Trackers | None = None

    def work(self) -> int:
        """Train to an end of any kind; returns the exit code."""
        with self._controls:
            self._reporter.progress("starting", force=True)
            try:
                reason, test = self._train()
            except Interrupted as interruption:
                return self._end("stopped", interruption.reason, interruption.exit_code)
            except TrainingFailed as failure:
                return self._end("failed", str(failure), FAILED)
            except InputError as error:
                return self._end("failed", str(error), BAD_INPUT)
            except Exception as error:
                traceback.print_exc()
                if not self._run.path.is_dir():
                    return BAD_INPUT  # nobody is left to be told
                return self._end("failed", self._explained(error), FAILED)
            return self._end("done", reason, DONE, test)

    def _train(self) -> tuple[str, TestFigures | None]:
        if self.settings is None:
            # Folders, and budgets that were set, are in the environment, from whoever started or queued the run: files
            # that were broken since then stop nothing.
            self.settings = load_settings(strict=False)
            for problem in self.settings.problems:
                self._reporter.notice("warning", "settings", f"{problem}. The run goes on without it.")
        settings = self.settings
        spec = with_copied_code(self._run.spec(), self._run.code)
        spec = self._spec = batch_size.settled(spec, self._before)
        chosen = self._chosen = choose(_requested_device(spec, self._before))
        set_variables(spec, chosen, settings)
        self._decide_device(chosen)  # before the first heartbeat of another phase, which says that it is chosen

        import torch

        from vislab.engine.training.run import Training
        from vislab.engine.training.waiting import considerate_threads

        if not gc.get_freeze_count():  # what was imported stays: to search it for garbage takes 0.2 s each time
            gc.freeze()
        self._trackers = Trackers(self._run, spec)
        self._controls.check()
        settle_torch(spec, chosen.device, _decided(self._before, "threads") or spec.threads)
        device = torch.device(chosen.torch_name)
        self._training = Training(
            self._run, spec, settings, device, self._reporter, self._controls, self._before, self._force
        )
        try:
            with considerate_threads():
                outcome = self._training()
        except Interrupted:
            self._training.save()
            raise
        return outcome.reason, outcome.test

    def _decide_device(self, chosen: Chosen) -> None:
        details = {"name": chosen.device.name, "uuid": chosen.device.uuid}
        before = [(made.choice, made.details) for made in self._before.decisions if made.what == "device"]
        if before != [(chosen.torch_name, details)]:  # a run may be resumed on another card
            self._reporter.decide("device", chosen.torch_name, chosen.why, **details)

    def _end(self, status: EndStatus, reason: str, exit_code: int, test: TestFigures | None = None) -> int:
        before = self._before
        position = self._training.position if self._training is not None else None
        epochs_before = before.epochs_done
        ended = RunEnded(
            status=status,
            reason=reason,
            step=position.step if position else before.step,
            epoch=position.epoch - 1 if position else epochs_before,
            elapsed=position.elapsed if position else before.elapsed,
            exit_code=exit_code,
            test=test,
        )
        self._reporter.close()
        try:
            for text in self._trackers.failed() if self._trackers is not None else ():
                self._reporter.notice("warning", "tracker", text)
            self._reporter.say(ended)
            self._reporter.sync()
        except OSError:  # not even the reserve's room is left: the log ends without these words
            traceback.print_exc()
        self._reporter.progress("ended", force=True)
        return exit_code

    def _applied(self, request: Request) -> None:
        self._reporter.say(
            ControlApplied(request=request.id, action=request.action, value=request.value, step=self._reporter.step)
        )

    def _refused(self, request: Request, why: str) -> None:
        self._reporter.notice("warning", "control", f"Request {request.id} ({request.action}) is refused: {why}.")

    def _explained(self, error: Exception) -> str:
        spec = self._training.spec if self._training is not None else self._spec
        if spec is not None and is_out_of_memory(error):
            return _out_of_memory(spec, error, self._chosen)
        if isinstance(error, OSError) and (words := unusable(error)):
            return f"{words} See worker.log."
        last = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(last.filename).name}, line {last.lineno}"
        return f"Unexpected {type(error).__name__}: {error} ({place}). See worker.log."


def _out_of_memory(spec: Spec, error: Exception, chosen: Chosen | None) -> str:
    if chosen is not None and chosen.device.is_taken_by_others:
        card = chosen.device
        return (
            f"Out of memory: other processes had taken all but {amount(card.memory_free)} of the "
            f"{amount(card.memory_total)} of {card} when the run began. Wait until they have ended (nvidia-smi lists "
            f"them), or take another device. ({first_line(error)})"
        )
    return (
        f"Out of memory with strategy.batch_size = {spec.strategy.batch_size} and preprocessing.image_size = "
        f"{spec.preprocessing.image_size}. Try strategy.accumulate = {2 * spec.strategy.accumulate} (smaller "
        f"micro-batches, the same batch), a smaller batch or a smaller image. ({first_line(error)})"
    )


def _acquire(lock: RunLock) -> bool:
    until = time.monotonic() + _LOCK_PATIENCE
    while not lock.acquire():
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


def _requested_device(spec: Spec, before: RunState) -> str:
    """A resumed run stays on the kind of device it was on: another would not give the same bits."""
    decided = _decided(before, "device")
    if spec.device == "auto" and decided and not decided.startswith("cuda"):
        return decided
    return spec.device


def _decided(before: RunState, what: str) -> str:
    return next((decision.choice for decision in before.decisions if decision.what == what), "")


def with_copied_code(spec: Spec, code: Path) -> Spec:
    """The spec with references to the user's own files replaced by references to their copies under code/."""

    def copied(reference: str) -> str:
        place, colon, rest = reference.partition(".py:")
        copy = code / f"{Path(place).name}.py"
        return f"{copy}:{rest}" if colon and copy.is_file() else reference

    def all_copied(texts: Any) -> Any:
        return texts if isinstance(texts, str) else tuple(copied(text) for text in texts)

    replace = msgspec.structs.replace
    return replace(
        spec,
        dataset=replace(spec.dataset, source=copied(spec.dataset.source)),
        architecture=replace(
            spec.architecture, build=copied(spec.architecture.build), head=copied(spec.architecture.head)
        ),
        strategy=replace(
            spec.strategy,
            loss=copied(spec.strategy.loss),
            augment=all_copied(spec.strategy.augment),
            balance_augment=all_copied(spec.strategy.balance_augment),
        ),
    )


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train a run directory; started by vislab, not by hand.")
    parser.add_argument("run_dir", type=Path)
    parser.add_argument("--control-from", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=0)
    parser.add_argument("--schedule", default="hold")
    parser.add_argument("--accumulate", type=int, default=0)
    parser.add_argument("--force", action="store_true")
    parser.add_argument("--waiting-lock", type=int, default=-1)
    return parser.parse_args()


if __name__ == "__main__":
    given = _arguments()
    sys.exit(main(**vars(given)))
