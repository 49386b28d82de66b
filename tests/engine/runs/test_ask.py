import errno
import os
import queue
import subprocess
import sys
import tempfile
import time
import weakref
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from vislab.engine.runs.ask import Answer, Asker, JobError, JobProcess, ask
from vislab.engine.runs.temporary import temporary_folder
from vislab.presets.errors import InputError

DIGITS = {"dataset": {"name": "digits", "source": "vislab.engine.data.sources.digits:source"}, "data_dir": "/none"}


def mine(folder: Path, body: str) -> dict:
    (folder / "mine.py").write_text(f"import os, sys, time\ndef source(root):\n    {body}\n")
    return {"dataset": {"source": "./mine.py:source"}, "data_dir": "/none", "folder": str(folder)}


def jobs_of(pid: int) -> list[psutil.Process]:
    children = [child for child in psutil.Process(pid).children() if child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in children if "vislab.engine.jobs" in " ".join(child.cmdline())]


def test_one_process_answers_many_questions_and_outlives_mistakes(tmp_path: Path) -> None:
    reports: list[tuple[str, int, int]] = []
    before = len(jobs_of(psutil.Process().pid))
    with JobProcess() as jobs:
        assert jobs.ask("data", DIGITS, on_progress=lambda *report: reports.append(report))["images"] == 1797
        assert reports[-1] == ("reading images", 1797, 1797)
        [child] = jobs_of(psutil.Process().pid)[before:]
        with pytest.raises(InputError, match="there is no job 'weather'"):
            jobs.ask("weather", {})
        with pytest.raises(JobError, match=r"^job data failed: ValueError: mine$") as failed:
            jobs.ask("data", mine(tmp_path, "raise ValueError('mine')"))
        assert "Traceback" in failed.value.wrote
        assert jobs.ask("data", DIGITS)["images"] == 1797
        assert child.is_running()
    assert not child.is_running()


def test_a_process_that_dies_is_told_with_its_last_words_and_started_again(tmp_path: Path) -> None:
    with JobProcess() as jobs:
        dies = mine(tmp_path, "print('a word', 'out of luck', sep='\\n', file=sys.stderr, flush=True); os._exit(7)")
        words = r"^the helper process for data ended with status 7 .*: out of luck$"
        with pytest.raises(JobError, match=words) as died:
            jobs.ask("data", dies)
        assert died.value.wrote == "a word"
        assert jobs.ask("data", DIGITS)["images"] == 1797


def test_what_no_run_could_use_is_told_from_what_a_run_would_fetch(tmp_path: Path) -> None:
    answers: queue.Queue[Answer] = queue.Queue()
    (tmp_path / "photos" / "cat").mkdir(parents=True)
    empty = {"source": "vislab.engine.data.sources.folder:source", "path": str(tmp_path / "photos")}
    away = {"name": "mnist", "source": "vislab.engine.data.sources.torchvision_sets:mnist"}
    asker = Asker()
    try:
        for dataset, words, wrong in ((empty, "holds no images", True), (away, "when a run needs it", False)):
            asker.ask("data", "data", {"dataset": dataset, "data_dir": str(tmp_path), "download": False}, answers.put)
            answer = answers.get(timeout=60)
            assert words in answer.error and answer.wrong_input is wrong
        asker.ask("data", "data", mine(tmp_path, "raise ValueError('mine')"), answers.put)
        assert not answers.get(timeout=60).wrong_input
    finally:
        asker.close()


def test_an_interrupted_question_leaves_no_process_behind(tmp_path: Path) -> None:
    def interrupt(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ask("data", DIGITS, on_progress=interrupt)
    assert not jobs_of(psutil.Process().pid)


def test_an_answer_to_an_interrupted_question_is_not_taken_for_the_next(tmp_path: Path) -> None:
    def interrupt(what: str, done: int, total: int) -> None:
        raise KeyboardInterrupt

    with JobProcess() as jobs:
        with pytest.raises(KeyboardInterrupt):
            jobs.ask("data", DIGITS, on_progress=interrupt)
        with pytest.raises(InputError, match="weather"):
            jobs.ask("weather", {})


@pytest.mark.parametrize("terminated", [False, True])
def test_the_process_dies_with_the_one_that_asks_and_leaves_no_folder(tmp_path: Path, terminated: bool) -> None:
    enter = "os.entered = temporary_folder('vislab-kept-'); os.entered.__enter__()"
    body = f"from vislab.engine.runs.temporary import temporary_folder; {enter}; time.sleep(600)"
    asker = subprocess.Popen(
        [sys.executable, "-c", f"from vislab.engine.runs.ask import ask; ask('data', {mine(tmp_path, body)!r})"],
        env=os.environ | {"TMPDIR": str(tmp_path)},
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + 60
        while not list(tmp_path.glob("vislab-kept-*")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        children = jobs_of(asker.pid)
        if terminated:  # as `timeout` and a closed terminal do, which tell all processes
            children[0].terminate()
            asker.wait(60)
    finally:
        asker.kill()
        asker.wait()
    gone, alive = psutil.wait_procs(children, timeout=60)
    assert gone and not alive
    assert not list(tmp_path.glob("vislab-kept-*"))


def test_the_client_needs_no_torch() -> None:
    code = "import sys, vislab.engine.runs.ask; print({'torch', 'numpy'} & set(sys.modules))"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "set()"


@pytest.fixture
def asker() -> Iterator[Asker]:
    asker = Asker()
    yield asker
    asker.close()


def test_an_asker_starts_its_process_with_the_first_question_and_ends_it(asker: Asker) -> None:
    answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
    before = len(jobs_of(psutil.Process().pid))
    told: list[tuple[str, int, int]] = []
    question = {**DIGITS, "look": True}
    assert asker.ask("data", "data", question, answers.put, on_progress=lambda *report: told.append(report)) is None
    answer = answers.get(timeout=60)
    assert answer.result is not None and answer.result["images"] == 1797 and answer.topic == "data"
    assert told[-1] == ("reading images", 1797, 1797)
    assert len(jobs_of(psutil.Process().pid)) == before + 1
    asker.close()
    assert len(jobs_of(psutil.Process().pid)) == before
    assert asker.ask("data", "data", DIGITS, answers.put) is None and answers.empty()


def test_the_process_of_an_asker_stands_back_for_keys_and_runs(asker: Asker) -> None:
    answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
    with JobProcess() as jobs:
        jobs.ask("data", DIGITS)
        asker.ask("data", "data", DIGITS, answers.put)
        answers.get(timeout=60)
        own = psutil.Process().nice()
        assert sorted(job.nice() for job in jobs_of(psutil.Process().pid)) == [own, min(19, own + 5)]


def test_answers_are_remembered_until_they_are_forgotten(asker: Asker, tmp_path: Path) -> None:
    answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
    asker.ask("data", "data", DIGITS, answers.put)
    first = answers.get(timeout=60)
    again = asker.ask("data", "data", dict(DIGITS), answers.put)
    assert again is not None and again.result == first.result
    asker.forget()
    assert asker.ask("data", "data", DIGITS, answers.put) is None
    assert answers.get(timeout=60).result == first.result
    for _ in range(2):
        wrong = mine(tmp_path, "raise ValueError('mine')")
        assert asker.ask("data", "data", wrong, answers.put) is None
        failed = answers.get(timeout=60)
        assert failed.result is None and "mine" in failed.error


def test_what_is_not_to_be_remembered_is_forgotten_and_so_is_who_asked(asker: Asker) -> None:
    answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()

    class Person:
        def hear(self, answer: Answer) -> None:
            answers.put(answer)

    for _ in range(2):
        person = Person()
        assert asker.ask("data", "data", DIGITS, person.hear, remember=False) is None
        assert answers.get(timeout=60).result is not None
    gone = weakref.ref(person)
    del person
    deadline = time.monotonic() + 10
    while gone() is not None:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_of_a_topic_only_the_newest_question_is_answered(asker: Asker, tmp_path: Path) -> None:
    answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
    slow = mine(tmp_path, "time.sleep(600)")
    asker.ask("data", "data", slow, answers.put)
    deadline = time.monotonic() + 60
    while asker._current is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    started = time.monotonic()
    asker.ask("data", "data", {**DIGITS, "look": False, "seed": 1}, answers.put)
    asker.ask("data", "data", {**DIGITS, "look": False, "seed": 2}, answers.put)
    # The process that sleeps is given up, and another one answers the last question alone.
    assert answers.get(timeout=60).request["seed"] == 2
    assert time.monotonic() - started < 30 and answers.empty()


def test_a_question_of_another_topic_waits_its_turn(asker: Asker) -> None:
    answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
    for topic in ("first", "second"):
        asker.ask(topic, "data", {**DIGITS, "look": False, "seed": len(topic)}, answers.put)
    assert [answers.get(timeout=60).topic for _ in range(2)] == ["first", "second"]
    asker.ask("third", "data", {**DIGITS, "seed": 9}, answers.put)
    asker.cancel("third")
    asker.ask("fourth", "data", {**DIGITS, "look": False, "seed": 4}, answers.put)
    assert answers.get(timeout=60).topic == "fourth"


def test_an_asker_whose_process_died_starts_another(asker: Asker, tmp_path: Path) -> None:
    answers: queue.SimpleQueue[Answer] = queue.SimpleQueue()
    asker.ask("data", "data", mine(tmp_path, "os.kill(os.getpid(), 9)"), answers.put)
    said = answers.get(timeout=60).error
    assert "was ended by signal 9 (Killed), as the system does when memory runs out" in said and "\n" not in said
    asker.ask("data", "data", {**DIGITS, "look": False}, answers.put)
    assert answers.get(timeout=60).result is not None


def test_closing_does_not_wait_for_an_answer(asker: Asker, tmp_path: Path) -> None:
    asker.ask("data", "data", mine(tmp_path, "time.sleep(600)"), lambda answer: None)
    time.sleep(0.2)
    started = time.monotonic()
    asker.close()
    assert time.monotonic() - started < 2


def test_no_place_for_temporary_files_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(**keys: object) -> None:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)
    monkeypatch.setattr(tempfile, "TemporaryDirectory", refused)
    with JobProcess() as jobs, pytest.raises(InputError, match=r"found in \['/tmp'\].*set TMPDIR"):
        jobs.ask("data", DIGITS)
    with pytest.raises(InputError, match="set TMPDIR"), temporary_folder("vislab-"):
        pass
