"""The folder of runs: create, find, list, follow and delete them."""

import contextlib
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from vislab.engine.runs import naming
from vislab.engine.runs.events import printable, to_json
from vislab.engine.runs.files import file_size, sync_folder, write_atomically
from vislab.engine.runs.liveness import RunLock, holder
from vislab.engine.runs.log import EventReader
from vislab.engine.runs.progress import Progress
from vislab.engine.runs.run_directory import Run, labels_file
from vislab.engine.runs.state import Fold, RunState
from vislab.engine.runs.summary import LIVE, Labels, RunStatus, Summary, summarise
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import Spec
from vislab.presets.spec_file import dump_spec

__all__ = [
    "Follower",
    "Labels",
    "Run",
    "RunStatus",
    "Summary",
    "all_runs",
    "create",
    "delete",
    "find",
    "follow",
    "ids",
    "named",
    "report",
]

ANOTHER_FOLDER = "Choose another folder with --runs-dir DIR, or in the settings (in the console: S, r)."
"""What to do where the folder of runs cannot be used."""


class Follower:
    """Follows one run: the fold grows with each look."""

    def __init__(self, run: Run, *, most_epochs: int | None = None) -> None:
        """A follower that has read nothing yet; `most_epochs` as `Fold` has it."""
        self.run = run
        self._reader = EventReader(run.events)
        self._fold = Fold(most_epochs=most_epochs)
        self._spec: Spec | None = None

    @property
    def position(self) -> int:
        """Bytes of the log that were read."""
        return self._reader.position

    def look(self) -> RunState:
        """Read what is new, in a bounded bite, and return the picture."""
        self._fold.apply_all(self._reader.bite())
        return self._fold.state()

    def summary(self) -> Summary:
        """One row for a list, with what is new since the last look; the log is not folded anew."""
        size = file_size(self.run.events)
        state = self.look_until_end()
        if self._spec is None:
            self._spec = self.run.spec()
        created = (self.run.path / "spec.toml").stat().st_mtime
        row = summarise(self.run.id, self._spec, state, self.run.status(state), created=created, events_bytes=size)
        return row.labelled(self.run.labels())

    def look_until_end(self) -> RunState:
        """Read everything there is."""
        self._fold.apply_all(self._reader.events())
        return self._fold.state()


def create(
    runs_dir: Path,
    spec: Spec,
    *,
    code: Sequence[Path] = (),
    labels: Labels | None = None,
    identity: str = "",
) -> Run:
    """Make a run directory for a spec: id, spec.toml, copies of the user's own files under code/.

    Args:
        spec: `architecture.weights` of the form RUN/best is settled now: `latest` would soon be the new run itself.
        code: files with different base names.
        identity: the run's id, safe by `naming.safe_id` and not taken; empty: made of time, name and a random tail.

    Raises:
        InputError: the runs folder cannot be written, or its name is not UTF-8; the id is taken; there is no such RUN.
    """
    if printable(str(runs_dir)) != str(runs_dir):
        raise InputError(
            f"The name of the runs folder {runs_dir} is not UTF-8, and no weights can be kept there. {ANOTHER_FOLDER}"
        )
    spec = _with_settled_weights(runs_dir, spec)
    stamp = naming.stamp(time.time())
    for _ in range(100):
        name = identity or f"{stamp}-{naming.slug(spec.name)}-{os.urandom(2).hex()}"
        folder = runs_dir / name
        temporary = runs_dir / f".{name}.{os.urandom(2).hex()}.tmp"
        try:
            runs_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            if folder.exists():
                if identity:
                    raise InputError(f"There is a run {identity} in {runs_dir} already.")
                continue
            temporary.mkdir(mode=0o700)
            for part in ("checkpoints", "code", "results"):
                (temporary / part).mkdir()
            for file in code:
                shutil.copyfile(file, temporary / "code" / file.name)
            write_atomically(temporary / "spec.toml", dump_spec(spec).encode())
            if labels is not None:
                write_atomically(temporary / "labels.toml", labels_file(labels))
            temporary.rename(folder)
            sync_folder(runs_dir)
        except BaseException as error:
            shutil.rmtree(temporary, ignore_errors=True)
            if not isinstance(error, OSError):
                raise
            if identity and folder.exists():
                raise InputError(f"There is a run {identity} in {runs_dir} already.") from error
            raise InputError(f"Cannot write a run into {runs_dir}: {error.strerror}. {ANOTHER_FOLDER}") from error
        return Run(folder)
    raise AssertionError("a hundred random names were taken")


def _with_settled_weights(runs_dir: Path, spec: Spec) -> Spec:
    reference, best, _ = spec.architecture.weights.rpartition("/best")
    if not spec.strategy.pretrained or not best or "/" in reference:
        return spec
    weights = f"{find(runs_dir, reference).id}/best"
    return msgspec.structs.replace(spec, architecture=msgspec.structs.replace(spec.architecture, weights=weights))


def all_runs(runs_dir: Path) -> list[Run]:
    """Every run below the runs folder, newest first. Folders that may not be looked into are left out.

    Raises:
        InputError: the runs folder itself cannot be read.
    """
    return [Run(runs_dir / name) for name in ids(runs_dir)]


def ids(runs_dir: Path) -> list[str]:
    """The ids of `all_runs`, which take a seventh of the memory.

    Raises:
        InputError: the runs folder itself cannot be read.
    """
    try:
        with os.scandir(runs_dir) as entries:
            # A link may lead out of the folder; a name with line ends or escapes was not given by vislab.
            found_names = (entry.name for entry in entries if entry.is_dir(follow_symlinks=False))
            names = [name for name in found_names if not name.startswith(".") and name.isprintable()]
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise InputError(f"The runs folder {runs_dir} cannot be read: {error.strerror}.") from error
    found: dict[str, tuple[str, int]] = {}
    for name in names:
        with contextlib.suppress(OSError):  # no run, deleted meanwhile, or another user's own
            made = (runs_dir / name / "spec.toml").stat().st_mtime_ns
            # The id tells seconds, where a person has not chosen it; of runs made in the same second, the file does.
            found[name] = naming.stamp_of(name) or naming.stamp(made / 1e9), made
    return sorted(found, key=found.__getitem__, reverse=True)


def delete(run: Run) -> None:
    """Remove a run with everything in it, for good.

    Raises:
        InputError: a worker holds it, it is gone already, or it cannot be removed.
    """
    run.check_is_there()
    if run.worker():
        raise InputError(f"Run {run.id} is running: stop it first, with: vislab stop {run.id}")
    if holder(run.waiting_lock):
        raise InputError(f"Run {run.id} waits in the queue for a device: take it out of the queue first.")
    hidden = run.path.with_name(f".{run.id}.deleted")  # no list shows it from now on, should this be interrupted
    try:
        lock = RunLock(run.lock)
        try:
            if not lock.acquire():
                raise InputError(f"Run {run.id} has just been taken up by a worker: stop it first.")
            run.path.rename(hidden)
            shutil.rmtree(hidden)
        finally:
            lock.release()
    except OSError as error:
        raise InputError(f"Run {run.id} cannot be deleted: {error}.") from error


def find(runs_dir: Path, reference: str) -> Run:
    """The run that `reference` means: an id, a unique beginning or end of one, a run's own name, or `latest`.

    Raises:
        InputError: nothing or more than one run fits.
    """
    runs = all_runs(runs_dir)
    if not runs:
        raise InputError(f"There are no runs in {runs_dir}. Start one with: vislab run --preset digits-lenet5")
    if reference == "latest":
        return runs[0]
    exact = [run for run in runs if run.id == reference]
    fitting = exact or [run for run in runs if reference and run.id.startswith(reference)]
    fitting = fitting or [run for run in runs if reference and run.id.endswith("-" + reference)]
    fitting = fitting or [run for run in runs if reference and reference in (run.labels().name, naming.name_in(run.id))]
    if len(fitting) == 1:
        return fitting[0]
    if not fitting:
        if reference and "/" not in reference and (runs_dir / reference).is_symlink():
            raise InputError(f"{reference!r} in {runs_dir} is a link; a run is a folder of its own. Move it here.")
        raise InputError(f"No run in {runs_dir} is called {reference!r}. See: vislab runs")
    some = ", ".join(run.id for run in fitting[:5])
    raise InputError(
        f"{reference!r} fits {len(fitting)} runs: {some}{' …' if len(fitting) > 5 else ''}. Give more of it."
    )


def named(runs_dir: Path, identity: str) -> Run | None:
    """The run with exactly this id, which a person chose; None where there is none yet.

    Raises:
        InputError: the id is not safe, see `safe_id`.
    """
    run = Run(runs_dir / naming.safe_id(identity))
    return run if (run.path / "spec.toml").is_file() and not run.path.is_symlink() else None


def follow(run: Run, *, every: float = 0.25) -> Iterator[tuple[RunState, Progress | None, RunStatus]]:
    """Pictures of a run as it goes, until it ends or dies; the last picture is complete.

    Args:
        every: seconds between two looks.
    """
    follower = Follower(run)
    while True:
        status = run.status(follower.look_until_end())
        state = follower.look_until_end()
        if status not in ("queued", *LIVE):
            yield state, run.progress(), run.status(state)
            return
        yield state, run.progress(), status
        time.sleep(every)


def report(run: Run) -> dict[str, object]:
    """The fold of a run as plain data: what `vislab show --json` prints.

    `epochs` holds a row an epoch with `epoch` counted from 1, `train_loss`, `train_accuracy`, `val_loss`,
    `val_accuracy`, `learning_rate`, `seconds` and `train_images_per_second` among others.
    """
    state = run.state()
    spec = run.spec()
    return {
        "id": run.id,
        "status": run.status(state),
        "name": run.labels().name or spec.name,
        "run_dir": str(run.path),
        "spec": msgspec.to_builtins(spec),
        "labels": msgspec.to_builtins(run.labels()),
        "started": to_json(state.started),
        "epochs": to_json(list(state.epochs)),
        "best": to_json(state.best),
        "checkpoints": to_json(list(state.checkpoints)),
        "decisions": to_json(list(state.decisions)),
        "notices": to_json(list(state.notices)),
        "resumes": to_json(list(state.resumes)),
        "ended": to_json(state.ended),
        "step": state.step,
        "elapsed": state.elapsed,
        "unknown_events": state.unknown,
    }
