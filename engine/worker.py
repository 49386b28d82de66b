"""The process that trains: reads a run directory, trains, appends events, obeys control.

`python -m vislab.engine.worker RUN_DIR` starts a run that was never started and goes on with one that was.
"""

import argparse
import os
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import msgspec

from vislab.engine.runs.control import ControlReader, Request
from vislab.engine.runs.devices import choose, explain_unusable
from vislab.engine.runs.events import ControlApplied, EndStatus, RunEnded, TestFigures
from vislab.engine.runs.liveness import RunLock
from vislab.engine.runs.log import EventReader, EventWriter
from vislab.engine.runs.reporter import Reporter
from vislab.engine.runs.state import RunState, fold
from vislab.engine.runs.store import Run
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings, load_settings

DONE, FAILED, BAD_INPUT = 0, 1, 2
_LOCK_PATIENCE = 2.0


def main(run_dir: Path, *, settings: Settings | None = None, control_from: int = 0) -> int:
    """Train a run to its end in this process.

    Args:
        run_dir: a run directory made by `vislab.engine.runs.store.create`.
        settings: folders; None: as the environment and the settings files say.
        control_from: requests before this byte of control.jsonl are old and not obeyed.

    Returns:
        0 done; 1 failed; 2 the user's input is wrong, or another worker has the run; 130 stopped; 143 terminated.
    """
    run = Run(run_dir)
    lock = RunLock(run.lock)
    if not _acquire(lock):
        print(f"Run {run.id} has a worker already.", file=sys.stderr)
        lock.release()
        return BAD_INPUT
    try:
        lock.explain(f"pid {os.getpid()} started {time.strftime('%Y-%m-%d %H:%M:%S')}\n")
        writer = EventWriter(run.events)
        try:
            return _work(run, settings or load_settings(), Reporter(run, writer), writer, control_from)
        finally:
            writer.close()
    finally:
        lock.release()


def _work(run: Run, settings: Settings, reporter: Reporter, writer: EventWriter, control_from: int) -> int:
    before = fold(EventReader(run.events).read_all())
    reporter.progress("starting", force=True)
    training: Any = None
    try:
        spec = with_copied_code(run.spec(), run.code)
        # Which GPU is visible must be settled before torch looks.
        chosen = choose(_requested_device(spec, before))
        os.environ.update(chosen.environment)
        if spec.deterministic:
            os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

        import torch

        from vislab.engine.training.controls import Controls, Interrupted
        from vislab.engine.training.loop import TrainingFailed
        from vislab.engine.training.run import Outcome, Training

        _settle_torch(spec, before, chosen.torch_name)
        if before.started is None:
            reporter.decide("device", chosen.torch_name, chosen.why, name=chosen.device.name)
    except InputError as error:
        return _end(reporter, before, "failed", str(error), BAD_INPUT)
    except Exception as error:
        return _unexpected(reporter, before, error)

    def applied(request: Request) -> None:
        reporter.say(ControlApplied(request=request.id, action=request.action, value=request.value, step=reporter.step))

    controls = Controls(
        ControlReader(run.control, control_from),
        applied,
        on_pause=lambda paused: reporter.progress("paused" if paused else "training", force=True),
    )
    with controls:
        training = Training(run, spec, settings, torch.device(chosen.torch_name), reporter, controls, before)
        try:
            outcome: Outcome = training()
        except Interrupted as interruption:
            training.save()
            return _end(reporter, before, "stopped", interruption.reason, interruption.exit_code, training)
        except TrainingFailed as failure:
            return _end(reporter, before, "failed", str(failure), FAILED, training)
        except InputError as error:
            return _end(reporter, before, "failed", str(error), BAD_INPUT, training)
        except (MemoryError, torch.OutOfMemoryError) as error:
            traceback.print_exc()
            return _end(reporter, before, "failed", _out_of_memory(spec, error), FAILED, training)
        except Exception as error:
            return _unexpected(reporter, before, error, training)
    return _end(reporter, before, "done", outcome.reason, DONE, training, outcome.test)


def _end(
    reporter: Reporter,
    before: RunState,
    status: EndStatus,
    reason: str,
    exit_code: int,
    training: Any = None,
    test: TestFigures | None = None,
) -> int:
    position = training.resumable.position if training is not None and training.resumable is not None else None
    reporter.say(
        RunEnded(
            status=status,
            reason=reason,
            step=position.step if position else before.step,
            epoch=len(before.epochs) if position is None else position.epoch - (status == "done"),
            elapsed=position.elapsed if position else before.elapsed,
            exit_code=exit_code,
            test=test,
        )
    )
    reporter.sync()
    reporter.progress("ended", force=True)
    return exit_code


def _unexpected(reporter: Reporter, before: RunState, error: Exception, training: Any = None) -> int:
    traceback.print_exc()
    last = traceback.extract_tb(error.__traceback__)[-1]
    text = (
        f"Unexpected {type(error).__name__}: {error} ({Path(last.filename).name}, line {last.lineno}). See worker.log."
    )
    return _end(reporter, before, "failed", text, FAILED, training)


def _out_of_memory(spec: Spec, error: Exception) -> str:
    return (
        f"Out of memory with strategy.batch_size = {spec.strategy.batch_size} and preprocessing.image_size = "
        f"{spec.preprocessing.image_size}. Try strategy.accumulate = {2 * spec.strategy.accumulate} (smaller "
        f"micro-batches, the same batch), a smaller batch or a smaller image. ({str(error).splitlines()[0]})"
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
    decided = next((d.choice for d in before.decisions if d.what == "device"), "")
    if spec.device == "auto" and decided and not decided.startswith("cuda"):
        return decided
    return spec.device


def _settle_torch(spec: Spec, before: RunState, device: str) -> None:
    import torch

    if device.startswith("cuda") and not torch.cuda.is_available():
        raise InputError(explain_unusable(choose(spec.device).device))
    decided = next((d.choice for d in before.decisions if d.what == "threads"), "")
    if decided:
        torch.set_num_threads(int(decided))
    torch.use_deterministic_algorithms(spec.deterministic, warn_only=True)
    torch.backends.cudnn.benchmark = not spec.deterministic


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
    return parser.parse_args()


if __name__ == "__main__":
    given = _arguments()
    sys.exit(main(given.run_dir, control_from=given.control_from))
