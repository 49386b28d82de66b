"""What stays on the terminal when the console has ended."""

from pathlib import Path

import pytest

from vislab.engine.runs.store import Run
from vislab.tui.parting import last_words


def test_runs_that_train_on_are_named_and_what_would_end_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Run, "worker", lambda run: 0 if run.id == "over" else 7)
    going = [Run(Path(name)) for name in ("first", "over", "second", "third", "fourth")]
    ends = "Logging out ends the run."
    assert last_words(going, started=["second"], ends=ends) == [
        "Still training: first, second, third …. To watch: vislab attach",
        f"notice: {ends}",
    ]
    assert last_words(going[:1], started=["over"], ends=ends) == ["Still training: first. To watch: vislab attach"]
    assert last_words(going[:1], started=["first"], ends="") == ["Still training: first. To watch: vislab attach"]
    monkeypatch.setattr("vislab.tui.parting.is_paused", lambda run: run.id in ("first", "third"))
    assert last_words(going[:3], started=[], ends="") == [
        "Still training: second. Paused: first. To watch: vislab attach"
    ]
    assert last_words(going[:1], started=[], ends="") == ["Paused: first. To watch: vislab attach"]
    assert last_words(going[1:2], started=["over"], ends=ends) == []


def test_how_to_go_on_with_what_was_stopped_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Run, "worker", lambda run: 7)
    first, second = (Run(Path(name)) for name in ("first", "second"))
    told = "Asked to stop: first. To go on: vislab resume first"
    assert last_words([], [first]) == [told]
    assert last_words([second], [first]) == [told, "Still training: second. To watch: vislab attach"]
    assert last_words([], [first, second]) == ["Asked to stop: first, second. To go on: vislab resume RUN"]
