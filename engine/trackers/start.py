"""Start a run's trackers beside its worker, and say at its end which of them have failed."""

import subprocess
import sys
from pathlib import Path

from vislab.engine.runs.store import Run
from vislab.engine.trackers.tracker import check, folder, targets
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import Spec


class Trackers:
    """The trackers of one run, each a process of its own that outlives the worker until it has read everything."""

    def __init__(self, run: Run, spec: Spec) -> None:
        self._run = run
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._missing: list[str] = []
        for kind, target in targets(spec).items():
            try:
                check(kind)
                self._processes[kind] = self._start(kind, target)
            except (InputError, OSError) as error:  # a full disk has nothing to do with the training
                self._missing.append(f"{error}. `vislab sync {run.id}` hands everything on afterwards.")

    def _start(self, kind: str, target: str) -> subprocess.Popen[bytes]:
        with self.log(kind).open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", "vislab.engine.trackers", str(self._run.path), kind, target],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def log(self, kind: str) -> Path:
        """Where a tracker's own words go."""
        return folder(self._run) / f"{kind}.log"

    def failed(self) -> list[str]:
        """A sentence for each tracker that could not start or has ended already: none should, before the worker."""
        return self._missing + [
            f"The {kind} tracker has ended early (see {self.log(kind).relative_to(self._run.path)}); the run is whole. "
            f"`vislab sync {self._run.id}` hands on what is missing."
            for kind, process in self._processes.items()
            if process.poll() is not None
        ]
