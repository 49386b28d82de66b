"""The client of engine/jobs, for those who may not import torch."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

from vislab.presets.errors import InputError

OnProgress = Callable[[str, int, int], None]

_TAIL = 2000  # bytes of a dead process's stderr that are shown


class JobProcess:
    """One process that answers questions, one after the other; started with the first, ended by `close`.

    Not for several threads at once.
    """

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  (closed by close)
        self._asked = 0

    def ask(self, job: str, request: Mapping[str, Any], *, on_progress: OnProgress | None = None) -> dict[str, Any]:
        """Ask and wait for the answer.

        Args:
            job: data or models.
            request: the job's own fields, of types that JSON has.
            on_progress: called with (what is being done, done, total); total is 0 where it is not known.

        Raises:
            InputError: the job found a mistake in what the user gave.
            RuntimeError: the job failed, or its process died; with the end of what it wrote on stderr.
        """
        process = self._running()
        assert process.stdin is not None and process.stdout is not None
        self._asked += 1
        with contextlib.suppress(BrokenPipeError):  # then stdout is at its end as well, which says why
            process.stdin.write(json.dumps({"job": job, "id": self._asked, **request}) + "\n")
            process.stdin.flush()
        while line := process.stdout.readline():
            reply = json.loads(line)
            if reply["id"] != self._asked:
                continue  # of a question whose asker was interrupted
            if "result" in reply:
                return dict(reply["result"])
            if "error" in reply:
                if reply["kind"] == "input":
                    raise InputError(reply["error"])
                raise RuntimeError(f"job {job} failed: {reply['error']}\n{self._tail()}")
            if on_progress is not None:
                progress = reply["progress"]
                on_progress(progress["what"], progress["done"], progress["total"])
        status = process.wait()
        raise RuntimeError(f"the process of job {job} ended with status {status} before it answered\n{self._tail()}")

    def close(self) -> None:
        """End the process at once, whatever it is doing."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None
        self._stderr.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(
                # -P keeps the current folder out of the import path; --attached ends the process if we die.
                [sys.executable, "-P", "-m", "vislab.engine.jobs", "--attached"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                encoding="utf-8",
            )
        return self._process

    def _tail(self) -> str:
        # The child writes at the position that both share, so it must not be moved.
        descriptor = self._stderr.fileno()
        size = os.fstat(descriptor).st_size
        return os.pread(descriptor, _TAIL, max(0, size - _TAIL)).decode(errors="replace").strip()


def ask(job: str, request: Mapping[str, Any], *, on_progress: OnProgress | None = None) -> dict[str, Any]:
    """Ask one question of a process of its own. See `JobProcess.ask`."""
    with JobProcess() as process:
        return process.ask(job, request, on_progress=on_progress)
