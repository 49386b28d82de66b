"""The client of engine/jobs, for those who may not import torch."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import IO, Any, Self

from vislab.engine.runs.temporary import temporary_file
from vislab.presets.errors import InputError

OnProgress = Callable[[str, int, int], None]

_TAIL = 2000  # bytes of a failed process's stderr that are shown
_FAREWELL = 1.0  # seconds that a process may take to end by itself
_BESIDE = 5  # niceness of a process that works beside a screen: keys and training runs come first
_PATIENCE = 1.5  # seconds that a question may wait for the answer to one that nobody wants any more


class JobError(RuntimeError):
    """A job failed, or its process died; its text is one line.

    Attributes:
        wrote: the end of what the process wrote on stderr meanwhile, as far as the text does not say it: many lines, or
            none.
    """

    def __init__(self, words: str, wrote: str = "") -> None:
        super().__init__(words.partition("\n")[0])
        self.wrote = wrote


class JobProcess:
    """One process that answers questions, one after the other; started with the first, ended by `close`.

    Not for several threads at once.

    Args:
        niceness: added to ours, from 0 to 19: how far it stands back where other processes want the same cores.
        program: module that answers, and its arguments. --attached ends the jobs if we die.
    """

    def __init__(self, niceness: int = 0, program: Sequence[str] = ("vislab.engine.jobs", "--attached")) -> None:
        self._niceness = niceness
        self._program = program
        self._process: subprocess.Popen[str] | None = None
        self._stderr: IO[bytes] | None = None
        self._asked = 0

    def ask(self, job: str, request: Mapping[str, Any], *, on_progress: OnProgress | None = None) -> dict[str, Any]:
        """Ask and wait for the answer.

        Args:
            job: name of a module of engine/jobs.
            request: the job's own fields, of types that JSON has.
            on_progress: called with (what is being done, done, total); total is 0 where it is not known.

        Raises:
            InputError: the job found a mistake in what the user gave, or nothing temporary can be written here.
            JobError: training failed or a published file is not here, which its text explains; or the job failed or
                its process died.
        """
        process = self._running()
        assert process.stdin is not None and process.stdout is not None
        before = self._written()
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
                if reply["kind"] == "failed":
                    raise JobError(reply["error"])
                raise JobError(f"job {job} failed: {reply['error']}", self._tail(before))
            if on_progress is not None:
                progress = reply["progress"]
                on_progress(progress["what"], progress["done"], progress["total"])
        ended = _ended(process.wait())
        earlier, _, last = self._tail(before).rpartition("\n")
        raise JobError(f"the helper process for {job} {ended} before it answered" + f": {last}" * bool(last), earlier)

    def interrupt(self) -> None:
        """End the process; the question that it is at fails, the next one starts another. From any thread."""
        process = self._process
        if process is not None:
            process.kill()

    def close(self) -> None:
        """End the process at once, whatever it is doing; it may still remove its temporary folders."""
        if self._process is not None:
            try:
                self._process.communicate(timeout=_FAREWELL)  # which closes stdin
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.communicate()
            self._process = None
        if self._stderr is not None:
            self._stderr.close()
            self._stderr = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._stderr = self._stderr or temporary_file()
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", *self._program],  # -P keeps the current folder out of the import path
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                encoding="utf-8",
            )
            if self._niceness:  # from here: it must hold before torch is imported there
                own = os.getpriority(os.PRIO_PROCESS, 0)
                os.setpriority(os.PRIO_PROCESS, self._process.pid, min(19, own + self._niceness))
        return self._process

    def _written(self) -> int:
        """Bytes of stderr so far, of all processes."""
        assert self._stderr is not None, "made with the first process"
        return os.fstat(self._stderr.fileno()).st_size

    def _tail(self, begin: int) -> str:
        """The end of what was written on stderr from `begin` on."""
        assert self._stderr is not None, "made with the first process"
        # The child writes at the position that both share, so it must not be moved.
        begin = max(begin, self._written() - _TAIL)
        return os.pread(self._stderr.fileno(), _TAIL, begin).decode(errors="replace").strip()


def _ended(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    cause = ", as the system does when memory runs out," if status == -signal.SIGKILL else ""
    return f"was ended by signal {-status} ({signal.strsignal(-status)}){cause}"


def ask(job: str, request: Mapping[str, Any], *, on_progress: OnProgress | None = None) -> dict[str, Any]:
    """Ask one question of a process of its own. See `JobProcess.ask`."""
    with JobProcess() as process:
        return process.ask(job, request, on_progress=on_progress)


@dataclass(frozen=True)
class Answer:
    """What came of a question.

    Attributes:
        topic, request: of the question.
        result: of the job; None where it failed.
        error: why it failed, in words; empty where it did not.
        wrong_input: it failed for what it was asked about, and would again.
    """

    topic: str
    request: Mapping[str, Any]
    result: dict[str, Any] | None
    error: str = ""
    wrong_input: bool = False


@dataclass(frozen=True)
class _Question:
    topic: str
    job: str
    request: Mapping[str, Any]
    on_answer: Callable[[Answer], None]
    on_progress: OnProgress | None
    remember: bool


class Asker:
    """Questions of someone who must not wait: a thread asks one resident process, started with the first question.

    Of each topic only the newest question counts: an older one is left out, or its answer is not told. Answers (but no
    failures) are remembered until `forget`, unless the question says otherwise. Every callback comes in the asker's
    own thread. May be used by several threads.
    """

    def __init__(self, process: JobProcess | None = None) -> None:
        self._process = process or JobProcess(_BESIDE)
        self._change = threading.Condition()
        self._waiting: dict[str, _Question] = {}
        self._current: _Question | None = None
        self._wanted = False
        """Whether somebody still waits for the answer to the current question."""
        self._remembered: dict[str, dict[str, Any]] = {}
        self._thread: threading.Thread | None = None
        self._closed = False

    def ask(
        self,
        topic: str,
        job: str,
        request: Mapping[str, Any],
        on_answer: Callable[[Answer], None],
        *,
        on_progress: OnProgress | None = None,
        remember: bool = True,
    ) -> Answer | None:
        """Ask without waiting; takes the place of an earlier question of the same topic.

        Args:
            remember: keep the answer until `forget`.

        Returns:
            The answer where it is remembered; `on_answer` is not called then. Else None.
        """
        with self._change:
            if self._closed:
                return None
            self._drop(topic)
            if (known := self._remembered.get(_key(job, request))) is not None:
                return Answer(topic, request, known)
            self._waiting[topic] = _Question(topic, job, request, on_answer, on_progress, remember)
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="asker", daemon=True)
                self._thread.start()
            elif self._current is not None and not self._wanted:
                threading.Timer(_PATIENCE, self._give_up, [self._current]).start()
            self._change.notify()
        return None

    def cancel(self, topic: str) -> None:
        """Forget the question of a topic."""
        with self._change:
            self._drop(topic)

    def forget(self) -> None:
        """Forget the answers: what they are about may have changed."""
        with self._change:
            self._remembered.clear()

    def close(self) -> None:
        """End the process at once; nothing is answered any more."""
        with self._change:
            self._closed = True
            self._wanted = False
            self._waiting.clear()
            self._change.notify()
        while self._thread is not None and self._thread.is_alive():
            self._process.interrupt()  # again, should the thread have been about to start it
            self._thread.join(0.05)
        self._process.close()

    def _drop(self, topic: str) -> None:
        self._waiting.pop(topic, None)
        if self._current is not None and self._current.topic == topic:
            self._wanted = False

    def _give_up(self, question: _Question) -> None:
        with self._change:
            if self._current is question and self._waiting and not self._wanted:
                self._process.interrupt()

    def _next(self) -> _Question | None:
        with self._change:
            self._current = None
            while not self._waiting and not self._closed:
                self._change.wait()
            if self._closed:
                return None
            self._current = self._waiting.pop(next(iter(self._waiting)))
            self._wanted = True
            return self._current

    def _work(self) -> None:
        while (question := self._next()) is not None:
            answer = self._answered(question)
            with self._change:
                wanted = self._wanted
                if answer.result is not None and question.remember:
                    self._remembered[_key(question.job, question.request)] = answer.result
            if wanted:
                question.on_answer(answer)
            del question, answer  # and with them who asked, while the next question is waited for

    def _answered(self, question: _Question) -> Answer:
        def tell(what: str, done: int, total: int) -> None:
            if self._wanted and question.on_progress is not None:
                question.on_progress(what, done, total)

        try:
            result = self._process.ask(question.job, question.request, on_progress=tell)
        except (InputError, JobError) as error:
            return Answer(question.topic, question.request, None, str(error), isinstance(error, InputError))
        return Answer(question.topic, question.request, result)


def _key(job: str, request: Mapping[str, Any]) -> str:
    return json.dumps([job, request], sort_keys=True)
