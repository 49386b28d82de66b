from collections.abc import Callable
from pathlib import Path

import pytest

from vislab.engine.runs.ask import Answer, Asker
from vislab.presets.settings import Settings
from vislab.tui import hub
from vislab.tui.draft import FIRST, Draft, resolve
from vislab.tui.inquiry import Inquiry

AWAY = FIRST.choose("architecture", "resnet18").choose("strategy", "transfer")


@pytest.fixture
def looked(monkeypatch, tmp_path) -> list[None]:
    """How often it was looked for the hub, which cannot be reached. No weights are in the cache."""
    found: list[None] = []

    def look(self: hub.Hub) -> None:
        found.append(None)
        self._look()

    monkeypatch.setattr(hub.Hub, "look", look)
    monkeypatch.setattr(hub, "unreachable_host", lambda: "huggingface.co")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
    return found


@pytest.fixture
def follow(tmp_path: Path) -> Callable[[Draft], tuple[Inquiry, list[Answer]]]:
    """An inquiry about a draft, and what it was told."""
    settings = Settings(tmp_path / "runs", tmp_path / "data", tmp_path / "cache", tmp_path / "config")

    def make(draft: Draft) -> tuple[Inquiry, list[Answer]]:
        answers: list[Answer] = []
        inquiry = Inquiry(Asker(), settings, answers.append)
        spec = resolve(draft, settings).spec
        assert spec is not None
        inquiry.follow(spec)
        return inquiry, answers

    return make


def test_of_weights_that_are_away_it_is_found_out_whether_they_can_be_downloaded(looked, follow) -> None:
    inquiry, answers = follow(AWAY)
    assert inquiry.weights.unreachable == "" and not looked  # choosing waits for nothing
    inquiry.look_at_hub()
    assert len(looked) == 1 and inquiry.weights.unreachable == ""
    assert [inquiry.take(answer) for answer in answers] == [True]
    assert inquiry.weights.unreachable == "huggingface.co" and not inquiry.take(answers[0])
    inquiry.follow(inquiry.spec)
    assert inquiry.weights.unreachable == "huggingface.co"  # remembered
    assert inquiry.known_of(inquiry.spec)[1] == inquiry.weights  # of the runs of a study too


def test_nothing_is_asked_of_the_network_where_its_answer_does_not_matter(looked, follow, monkeypatch) -> None:
    inquiry, answers = follow(FIRST)
    inquiry.look_at_hub()
    assert not looked and not answers and inquiry.weights is None
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    inquiry, answers = follow(AWAY)
    inquiry.look_at_hub()
    assert not looked and not answers and inquiry.weights.forbidden_by == "HF_HUB_OFFLINE"


def test_what_is_known_of_the_hub_is_forgotten_with_the_rest(looked, follow, monkeypatch) -> None:
    inquiry, _ = follow(AWAY)
    forgotten: list[hub.Hub] = []
    monkeypatch.setattr(hub.Hub, "forget", lambda self: forgotten.append(self))
    inquiry.forget()
    assert len(forgotten) == 1
