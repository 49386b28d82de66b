"""The panel that says what will run, and all of it where it has a window of its own."""

from collections.abc import Sequence
from typing import ClassVar

from rich.style import Style
from rich.text import Text
from textual.events import Click
from textual.geometry import Size

from vislab.presets.schema.spec import Spec
from vislab.tui.actions import ACTIONS
from vislab.tui.advice import Advice
from vislab.tui.facts import Facts
from vislab.tui.views import text
from vislab.tui.views.selection import Kind, Line, beneath, class_lines, summary
from vislab.tui.views.text import counted
from vislab.tui.widgets.lines import ScrolledLines

_KEY = next(action.keys[0] for action in ACTIONS if action.id == "summary")
_TITLE = 2  # cells before the title: a corner and a space
_FEW, _MOST = 4, 500  # lines that the bars of the classes may take where all is shown: above the rest, and at its end


class SelectionPanel(ScrolledLines):
    """Follows the selection; scrolls where it has no room, and its title says so.

    Attributes:
        MORE: the way to what has no room.
    """

    MORE: ClassVar[str] = f"{_KEY} shows all"

    DEFAULT_CSS = """
    /* At most as high as six warnings make it: the rest is the pickers'. If it followed its lines, all around it would
       move with each step of a cursor. */
    SelectionPanel { border: round $foreground 30%; padding: 0 1; height: 47%; min-height: 7; max-height: 19;
                     border-title-color: $foreground; }
    SelectionPanel:focus { border: round $primary; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.border_title = "What will run"
        self._spec: Spec | None = None
        self._facts = Facts()
        self._problems: tuple[str, ...] = ()
        self._advice: tuple[Advice, ...] = ()

    def follow(self, spec: Spec | None, facts: Facts, problems: Sequence[str], advice: Sequence[Advice]) -> None:
        """Show a selection."""
        self._spec, self._facts, self._problems, self._advice = spec, facts, tuple(problems), tuple(advice)
        self.repaint()

    def repaint(self) -> None:
        """Show the lines, and say above them how many warnings there are and how to see what has no room."""
        super().repaint()
        parts = ["What stands in the way" if self._problems else "What will run"]
        parts += [counted(len(self._advice), "warning")] * bool(self._advice and not self._problems)
        parts += [self.MORE] * bool(self.MORE and len(self.lines) > self.size.height > 0)
        if self.border_title != (title := " · ".join(parts)):
            self.border_title = title

    async def on_click(self, event: Click) -> None:
        """A click on the way to what has no room goes it."""
        title = self.border_title or ""
        begins = _TITLE + text.cells(title) - text.cells(self.MORE)
        if self.MORE and title.endswith(self.MORE) and event.y == 0 and 0 <= event.x - begins < text.cells(self.MORE):
            await self.screen.run_action("summary")

    def help(self) -> str:
        """What the keys do while this has the focus, if anything."""
        return f"↑↓ scroll · {self.MORE} in a window" if self.has_focus and self.max_scroll_y else ""

    def lines_at(self, width: int, height: int) -> list[Text]:
        """The lines, wrapped; with as much in each as the height has room for."""
        width = max(10, width - 1)  # a cell for the scroll bar
        for room, brief in ((height, False), (1, False), (1, True)):
            found = self._summary(width, room, brief=brief)
            if len(found) <= height:
                break
        return found + self._wrapped(beneath(self._spec, self._facts), width)

    def _summary(self, width: int, room: int, *, brief: bool = False) -> list[Text]:
        lines = summary(self._spec, self._facts, self._problems, self._advice, width, room, brief=brief)
        return self._wrapped(lines, width)

    def _wrapped(self, lines: Sequence[Line], width: int) -> list[Text]:
        found: list[Text] = []
        for line in lines:
            indent = "  " if line.kind in ("problem", "warning", "remedy") else ""
            whole = Text.assemble(
                (line.text, self._style(line.kind)), (" " + line.remedy if line.remedy else "", "dim")
            )
            for index, part in enumerate(whole.wrap(self.app.console, width - len(indent))):
                part.rstrip()
                found.append(Text.assemble(indent if index else "", part))
        return found

    def _style(self, kind: Kind) -> Style | str:
        colours = self.app.theme_variables
        match kind:
            case "problem":
                return Style(color=colours["text-error"], bold=True)
            case "warning":
                return Style(color=colours["text-warning"])
            case "dim" | "remedy":
                return "dim"
        return ""


class WholeSelection(SelectionPanel):
    """All that is to be said of a selection, as high as that is.

    Attributes:
        device: a line on the device and who uses it; safe text.
    """

    MORE = ""

    def __init__(self) -> None:
        super().__init__()
        self.device = ""

    def lines_at(self, width: int, height: int) -> list[Text]:
        """The lines, wrapped; bars of many classes at the end."""
        width = max(10, width - 1)
        bars = class_lines(self._facts.data, width, _MOST)
        many = [Line(""), *(Line(line, "dim") for line in bars)] if len(bars) > _FEW else []
        below = [*[Line(self.device)] * bool(self.device), *beneath(self._spec, self._facts), *many]
        return self._summary(width, _FEW) + self._wrapped(below, width)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """As many lines as they take."""
        return len(self.lines_at(width, 0))
