"""One run directory: where its files lie, and what is read from them."""

import contextlib
import os
import socket
import time
from pathlib import Path

import msgspec
import tomli_w

from vislab.engine.runs.files import file_size, folder_size, write_atomically
from vislab.engine.runs.liveness import holder, other_machine
from vislab.engine.runs.log import EventReader
from vislab.engine.runs.progress import Progress
from vislab.engine.runs.progress import read as read_progress
from vislab.engine.runs.state import MOST_EPOCHS, RunState, fold
from vislab.engine.runs.summary import Labels, RunStatus, Summary, live_status, summarise
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import Spec
from vislab.presets.spec_file import load_spec

_HEARTBEAT_LASTS = 60.0  # seconds without a heartbeat after which a worker on another machine counts as dead
_summary_decoder = msgspec.json.Decoder(Summary)


class Run:
    """A run directory. Reading it never writes to it, apart from the cache summary.json."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = path.name

    # Made when asked for: a list holds thousands of runs.
    @property
    def events(self) -> Path:
        """The log, events.jsonl."""
        return self.path / "events.jsonl"

    @property
    def control(self) -> Path:
        """Requests to the worker."""
        return self.path / "control.jsonl"

    @property
    def progress_file(self) -> Path:
        """The worker's heartbeat."""
        return self.path / "progress.json"

    @property
    def lock(self) -> Path:
        """Held while a worker lives."""
        return self.path / "lock"

    @property
    def waiting_lock(self) -> Path:
        """Held while the run waits in the queue, and by the worker that the waiter becomes until it has its own."""
        return self.path / "waiting"

    @property
    def worker_log(self) -> Path:
        """What the worker and its libraries wrote."""
        return self.path / "worker.log"

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints."""
        return self.path / "checkpoints"

    @property
    def code(self) -> Path:
        """Copies of the user's own files."""
        return self.path / "code"

    @property
    def split(self) -> Path:
        """Which image has which role."""
        return self.path / "split.csv"

    @property
    def data_manifest(self) -> Path:
        """What the images were like when the run began."""
        return self.path / "data.manifest"

    @property
    def unreadable(self) -> Path:
        """Images left out because they cannot be read."""
        return self.results / "unreadable.txt"

    @property
    def results(self) -> Path:
        """The folder of evaluations."""
        return self.path / "results"

    def check_is_there(self) -> None:
        """Do nothing while the directory is there.

        Raises:
            InputError: it was deleted or moved.
        """
        if not self.path.is_dir():
            raise InputError(f"The folder of run {self.id} is gone: it was deleted or moved ({self.path}).")

    def spec(self) -> Spec:
        """The run's resolved spec.

        Raises:
            InputError: spec.toml is missing or damaged.
        """
        return load_spec(self.path / "spec.toml")

    def state(self, *, most_epochs: int | None = None) -> RunState:
        """Fold the whole log; `most_epochs` as `Fold` has it."""
        return fold(EventReader(self.events).events(), most_epochs=most_epochs)

    def progress(self) -> Progress | None:
        """The worker's last heartbeat."""
        return read_progress(self.progress_file)

    def heartbeat(self, worker: int) -> Progress | None:
        """The last heartbeat, if it is the present worker's, as far as process ids of this host can tell; else None.

        Args:
            worker: as `worker` found it; of 0 or -1 the last heartbeat is taken as it is.
        """
        progress = self.progress()
        if worker > 0 and progress is not None and progress.host == socket.gethostname() and progress.pid != worker:
            return None
        return progress

    def worker(self) -> int:
        """Process id of the live worker; 0 when there is none."""
        return holder(self.lock)

    def elsewhere(self) -> str:
        """The host of a live worker, by its heartbeat, whose lock cannot be seen from here; empty: there is none.

        File systems exist that do not share locks between machines.
        """
        host = other_machine(self.lock)
        progress = self.progress() if host else None
        if progress is None or progress.phase == "ended" or abs(time.time() - progress.time) > _HEARTBEAT_LASTS:
            return ""
        return host

    def waiter(self) -> int:
        """Process id of the one that waits in the queue with this run; 0 when there is none, or a worker instead."""
        return 0 if self.worker() else holder(self.waiting_lock)

    def fell_out_of_queue(self, status: RunStatus) -> bool:
        """Whether a run with this status was left in the queue, and has nobody there any more.

        A waiter that is asked to leave records it; one that is killed leaves its lock behind, and no log. One that has
        come since the status was asked for holds it; of one on another machine that may not be seen.
        """
        left = status == "new" and self.waiting_lock.exists()
        return left and not (self.worker() or self.waiter() or other_machine(self.waiting_lock))

    def status(self, state: RunState | None = None) -> RunStatus:
        """What the log says, corrected by whether the worker lives."""
        if (worker := self.worker()) != 0:
            return live_status(state or self.state(most_epochs=MOST_EPOCHS), self.progress(), worker, self.path)
        if holder(self.waiting_lock) != 0:
            return "queued"
        if state is None or state.ended is None:
            # Read after the worker was asked: one that has just ended has said so by now.
            state = self.state(most_epochs=MOST_EPOCHS)
        if state.ended is not None:
            return state.ended.status
        if self.elsewhere():
            return live_status(state, self.progress(), -1, self.path)
        return "died" if self.events.exists() or self.lock.exists() else "new"

    def labels(self) -> Labels:
        """Name, tags and note; empty when there are none or the file cannot be read."""
        try:
            return self.known_labels()
        except (OSError, InputError):
            return Labels()

    def known_labels(self) -> Labels:
        """Name, tags and note; empty when there are none.

        Raises:
            InputError: labels.toml, which a person may edit, cannot be understood.
            OSError: it cannot be read.
        """
        try:
            return msgspec.toml.decode(_read(self.path / "labels.toml"), type=Labels)
        except FileNotFoundError:
            return Labels()
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InputError(
                f"{self.path / 'labels.toml'} cannot be read, and would be lost: {error}. Mend or remove it first."
            ) from error

    def set_labels(self, labels: Labels) -> None:
        """Replace name, tags and note.

        Raises:
            InputError: labels.toml, which a person may edit, cannot be understood: it stays as it is.
        """
        self.known_labels()
        write_atomically(self.path / "labels.toml", labels_file(labels))

    def summary(self) -> Summary:
        """One row for a list. Taken from summary.json while that is fresh, else folded and cached."""
        size = file_size(self.events)
        try:
            summary = _summary_decoder.decode(_read(self.path / "summary.json"))
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            summary = None
        if summary is None or summary.events_bytes != size or self.worker() or holder(self.waiting_lock):
            state = self.state(most_epochs=MOST_EPOCHS)
            summary = summarise(
                self.id,
                self.spec(),
                state,
                self.status(state),
                created=(self.path / "spec.toml").stat().st_mtime,
                events_bytes=size,
            )
            if summary.status in ("done", "stopped", "failed", "died"):
                with contextlib.suppress(OSError):  # somebody else's run, or a full disk: listed all the same
                    write_atomically(self.path / "summary.json", msgspec.json.encode(summary), durable=False)
        return summary.labelled(self.labels())

    def size(self) -> int:
        """Bytes of all its files, checkpoints included; files that go away meanwhile are not counted."""
        return folder_size(os.fspath(self.path))


def labels_file(labels: Labels) -> bytes:
    """What labels.toml holds."""
    # A command line's bytes that are not UTF-8 are surrogates, which no file can hold.
    return tomli_w.dumps(msgspec.to_builtins(labels)).encode(errors="replace")


def _read(path: Path) -> bytes:
    # For thousands of small files `Path.read_bytes` takes three times as long.
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(file, os.fstat(file).st_size)
    finally:
        os.close(file)
