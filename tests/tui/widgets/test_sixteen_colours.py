"""What a terminal of 16 colours shows of the themes and of curves."""

from pathlib import Path

import pytest
from rich.color import Color
from rich.style import Style
from textual.color import Color as ThemeColor

from vislab.presets.settings import Settings
from vislab.tui.app import Console
from vislab.tui.views.curves import TRAIN_COLOUR, VAL_COLOUR
from vislab.tui.widgets.curves import BEST_COLOUR
from vislab.tui.widgets.sixteen_colours import LEGIBLE, STANDARD_PALETTE, SixteenColours, contrast, of_sixteen
from vislab.tui.widgets.themes import THEMES

NAMES = ("primary", "secondary", "success", "warning", "error", "text-warning", "text-error", "foreground")
UNSEEN_ON_WHITE = {3, 6, 7, *range(9, 16)}


def numbers(colour: str | Color, behind: str) -> tuple[int | None, int | None]:
    letters = Color.parse(colour) if isinstance(colour, str) else colour
    style = of_sixteen(Style.from_color(letters), Color.parse(behind))
    assert style.color is not None and style.bgcolor is not None
    return style.color.number, style.bgcolor.number


@pytest.mark.parametrize("theme", THEMES, ids=[theme.name for theme in THEMES])
def test_what_differs_by_colour_does_so_and_is_legible(theme) -> None:
    made = theme.to_color_system().generate()
    shown = {name: numbers(made[name], theme.background) for name in NAMES}
    curves = [numbers(Color.from_ansi(index), theme.background) for index in (TRAIN_COLOUR, VAL_COLOUR, BEST_COLOUR)]
    assert len({shown[name] for name in ("primary", "success", "warning", "error", "foreground")}) == 5
    assert len({shown["text-warning"], shown["text-error"], shown["foreground"]}) == 3
    assert len(set(curves)) == 3
    for letters, ground in (*shown.values(), *curves):
        assert ground == (0 if theme.dark else 15)
        assert contrast(STANDARD_PALETTE[letters], STANDARD_PALETTE[ground]) >= LEGIBLE
        assert theme.dark or letters not in UNSEEN_ON_WHITE
    cursor = ThemeColor.parse(theme.background).blend(ThemeColor.parse(theme.primary), 0.25)  # as vislab.tcss has it
    assert numbers(made["foreground"], cursor.hex)[1] != shown["foreground"][1], "the cursor cannot be seen"


@pytest.mark.parametrize(("term", "reduced"), [("xterm-16color", True), ("xterm-256color", False)])
def test_only_where_the_terminal_has_no_more(monkeypatch, tmp_path: Path, term, reduced) -> None:
    for name in ("COLORTERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", term)
    console = Console(Settings(tmp_path, tmp_path, tmp_path, tmp_path))
    assert any(isinstance(one, SixteenColours) for one in console._filters) == reduced
