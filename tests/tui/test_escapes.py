import io
import os

import pytest

from vislab.tui import escapes
from vislab.tui.commands.console import prepare_environment


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("term", "no_colour", "understood", "coloured"),
    [("xterm", "", True, True), ("xterm", "1", True, False), ("dumb", "", False, False), (None, "", False, False)],
)
def test_only_a_terminal_that_knows_them_gets_escapes(
    monkeypatch: pytest.MonkeyPatch, term: str | None, no_colour: str, understood: bool, coloured: bool
) -> None:
    monkeypatch.setenv("TERM", term) if term is not None else monkeypatch.delenv("TERM", raising=False)
    monkeypatch.setenv("NO_COLOR", no_colour)
    assert (escapes.understood(Screen()), escapes.coloured(Screen())) == (understood, coloured)
    assert not escapes.understood(io.StringIO()) and not escapes.coloured(io.StringIO())


@pytest.mark.parametrize(("no_colour", "left"), [("", None), ("1", "1")])
def test_an_empty_no_color_takes_no_colour_from_the_console(
    monkeypatch: pytest.MonkeyPatch, no_colour: str, left: str | None
) -> None:
    monkeypatch.setenv("NO_COLOR", no_colour)
    monkeypatch.setenv("ESCDELAY", "7")
    prepare_environment()
    assert os.environ.get("NO_COLOR") == left and os.environ["ESCDELAY"] == "7"
