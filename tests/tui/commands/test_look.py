"""`vislab look`: pictures as half blocks, with words under them."""

from collections.abc import Callable

import pytest
from typer.testing import Result

from vislab.engine.runs.store import Run

Command = Callable[..., Result]


@pytest.fixture
def colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vislab.tui.escapes.coloured", lambda stream: True)


@pytest.mark.parametrize("what", ["answers", "saliency", "training"])
@pytest.mark.usefixtures("colours")
def test_pictures_stand_side_by_side(command: Command, trained_run: Run, what: str) -> None:
    result = command("look", "latest", what, "-n", "3")
    assert result.exit_code == 0, result.output
    state = trained_run.state()
    assert state.started is not None
    blocks = [line.count("▀") for line in result.stdout.splitlines() if "▀" in line]
    assert max(blocks) == (56 if what == "saliency" else 84), "28 cells a picture, as many as fit into 100"
    assert any(name in result.stdout for name in state.started.classes)
    assert ("Grad-CAM" in result.stdout) == (what == "saliency")


@pytest.mark.usefixtures("colours")
def test_a_run_without_mistakes_says_so(command: Command) -> None:
    result = command("look", "latest", "mistakes")
    assert result.exit_code == 0
    assert ("Every image is judged right." in result.stdout) != ("✖" in result.stdout)


def test_without_a_terminal_a_page_is_proposed(command: Command) -> None:
    result = command("look", "latest")
    assert result.exit_code == 2 and "--html FILE" in result.stderr
