"""The job process: requests in, progress and results out."""

import importlib
import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn, TextIO

import msgspec

from vislab.engine.data.sources.download import NotHereError
from vislab.engine.runs.temporary import remove_folders
from vislab.engine.training.endings import TrainingFailed
from vislab.engine.training.memory import first_line, is_out_of_memory
from vislab.engine.training.waiting import considerate_threads
from vislab.presets.errors import InputError, unusable

JOBS = ("augmented", "bench", "data", "evaluate", "export", "find_lr", "models", "predict", "saliency", "thumbnails")
_TELL_EVERY = 0.1  # seconds between two lines of progress


def serve(requests: Iterable[str], out: TextIO) -> None:
    """Answer requests, one line of JSON each, on `out`, until there are no more."""
    for line in requests:
        if line.strip():
            _answer(line, out)


def _answer(line: str, out: TextIO) -> None:
    identity: Any = None
    told = 0.0

    def say(**content: Any) -> None:
        out.write(json.dumps({"id": identity, **content}) + "\n")
        out.flush()

    def tell(what: str, done: int, total: int) -> None:
        nonlocal told
        if time.monotonic() - told >= _TELL_EVERY or done == total:
            told = time.monotonic()
            say(progress={"what": what, "done": done, "total": total})

    try:
        request = _parsed(line)
        identity = request.pop("id", None)
        name = request.pop("job", None)
        if name not in JOBS:
            raise InputError(f"there is no job {name!r}; jobs: {', '.join(JOBS)}")
        with considerate_threads():
            result = importlib.import_module(f"vislab.engine.jobs.{name}").answer(request, tell)
    except NotHereError as error:  # no mistake of who asks
        say(error=str(error), kind="failed")
    except (InputError, msgspec.ValidationError) as error:
        say(error=str(error), kind="input")
    except TrainingFailed as failed:
        say(error=str(failed), kind="failed")
    except Exception as error:  # one question that fails must not end the process that answers all others
        if words := _foreseen(error):
            say(error=words, kind="failed")
        else:
            traceback.print_exc()
            say(error=f"{type(error).__name__}: {error}", kind="unexpected")
    else:
        say(result=result)


def _foreseen(error: Exception) -> str:
    """What is told of an error that is the machine's: memory that ran out, a file that cannot be used. Else empty."""
    if is_out_of_memory(error):
        return (
            f"Out of memory: {first_line(error)}. End what else uses the device, ask for another one, such as cpu, or "
            "take a smaller batch or smaller images."
        )
    return unusable(error) if isinstance(error, OSError) else ""


def _parsed(line: str) -> dict[str, Any]:
    try:
        request = json.loads(line)
    except ValueError as error:
        raise InputError(f"a request must be one line of JSON: {error}") from error
    if not isinstance(request, dict):
        raise InputError("a request must be a JSON object")
    return request


def _lines_while_attached() -> Iterator[str]:
    """Lines of stdin; when it closes, the process ends at once, even in the middle of an answer."""
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            lines.put(line)
        _end()

    threading.Thread(target=read, daemon=True, name="requests").start()
    while True:
        yield lines.get()


def _end(*_: object) -> NoReturn:
    remove_folders()
    os._exit(0)


def main() -> None:
    """Serve stdin. With --attached the process ends when stdin closes; without, when all was answered."""
    for number in (signal.SIGTERM, signal.SIGHUP):  # which reach this process as well as its parent
        signal.signal(number, _end)
    # Results have stdout to themselves: whatever a library prints goes to stderr.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)
        serve(_lines_while_attached() if "--attached" in sys.argv[1:] else sys.stdin, out)


if __name__ == "__main__":
    main()
