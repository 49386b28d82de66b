import io
import json
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from vislab.engine.jobs.__main__ import serve
from vislab.presets.library import resolve

DIGITS = {"dataset": {"name": "digits", "source": "vislab.engine.data.sources.digits:source"}, "data_dir": "/none"}


def replies(*lines: str) -> list[dict]:
    out = io.StringIO()
    serve(lines, out)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_progress_then_the_result_under_the_requests_id() -> None:
    found = replies(json.dumps({"job": "data", "id": "abc", **DIGITS}) + "\n", "\n")
    assert {reply["id"] for reply in found} == {"abc"}
    assert found[-2]["progress"] == {"what": "reading images", "done": 1797, "total": 1797}
    assert found[-1]["result"]["images"] == 1797


def test_mistakes_are_answered_and_the_next_request_too() -> None:
    found = replies(
        "no json",
        "[1]",
        json.dumps({"job": "weather", "id": 1}),
        json.dumps({"job": "data", "id": 2, **DIGITS, "sed": 1}),
        json.dumps({"job": "data", "id": 3, "dataset": {"source": "gone.py:source"}, "data_dir": "/none"}),
    )
    assert [(reply["id"], reply["kind"]) for reply in found] == [(i, "input") for i in (None, None, 1, 2, 3)]
    assert "there is no job 'weather'; jobs: augmented, " in found[2]["error"]
    assert "sed" in found[3]["error"] and "gone.py" in found[4]["error"]


def test_training_that_fails_is_told_without_a_traceback(capsys) -> None:
    sets = ("strategy.optimizer=sgd", "strategy.learning_rate=1e9", "strategy.limit=200", "device=cpu", "threads=1")
    spec = msgspec.to_builtins(resolve(recipe="digits-lenet5", sets=sets))
    found = replies(json.dumps({"job": "bench", "id": 1, "spec": spec}))[-1]
    assert found["kind"] == "failed" and "learning_rate" in found["error"]
    assert "Traceback" not in capsys.readouterr().err


def test_an_unexpected_error_is_told_apart(tmp_path: Path, capsys) -> None:
    (tmp_path / "mine.py").write_text("def source(root):\n    return 1 / 0\n")
    request = {"dataset": {"source": "./mine.py:source"}, "data_dir": "/none", "folder": str(tmp_path)}
    [reply] = replies(json.dumps({"job": "data", "id": 1, **request}))
    assert reply == {"id": 1, "error": "ZeroDivisionError: division by zero", "kind": "unexpected"}
    assert "mine.py" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("PermissionError(13, 'Permission denied', '/closed')", "/closed: Permission denied. Look at its owner"),
        ("MemoryError('Unable to allocate 9 TiB')", "Out of memory: Unable to allocate 9 TiB. End what else"),
        (
            "RuntimeError('CUDA error: out of memory')",
            "Out of memory: CUDA error: out of memory. End what else uses the",
        ),
    ],
)
def test_what_the_machine_refuses_is_told_without_a_traceback(tmp_path: Path, capsys, error: str, words: str) -> None:
    (tmp_path / "mine.py").write_text(f"def source(root):\n    raise {error}\n")
    request = {"dataset": {"source": "./mine.py:source"}, "data_dir": "/none", "folder": str(tmp_path)}
    [reply] = replies(json.dumps({"job": "data", "id": 1, **request}))
    assert reply["kind"] == "failed" and reply["error"].startswith(words)
    assert "Traceback" not in capsys.readouterr().err


def test_as_a_process_it_answers_what_is_piped_in_and_keeps_stdout_clean(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def source(root):\n    print('a library that prints')\n")
    request = {"dataset": {"source": "./mine.py:source"}, "data_dir": "/none", "folder": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", "vislab.engine.jobs"],
        input=json.dumps({"job": "data", "id": 1, **request}) + "\n" + json.dumps({"job": "x", "id": 2}) + "\n",
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0 and "a library that prints" in done.stderr
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == [1, 2]
