"""The panel that says what will run."""

from collections.abc import Sequence

from rich.style import Style
from rich.text import Text

from vislab.presets.schema.spec import Spec
from vislab.tui.advice import Advice
from vislab.tui.facts import Facts
from vislab.tui.views.selection import Kind, Line, right_choice, summary
from vislab.tui.views.text import counted
from vislab.tui.widgets.lines import ScrolledLines

_ALWAYS = 4  # lines that stand there besides the classes


class SelectionPanel(ScrolledLines):
    """Follows the selection; scrolls where it has no room."""

    DEFAULT_CSS = """
    SelectionPanel { border: round $foreground 30%; padding: 0 1; height: 47%; min-height: 7;
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
        warnings = f" · {counted(len(advice), 'warning')}" if advice else ""
        title = f"What will run{warnings}" if not problems else "What stands in the way"
        if self.border_title != title:
            self.border_title = title
        self.repaint()

    def lines_at(self, width: int, height: int) -> list[Text]:
        """The lines, wrapped."""
        width = max(10, width - 1)  # a cell for the scroll bar
        room = max(0, height - _ALWAYS - len(self._advice) - len(self._problems))
        while len(found := self._wrapped(self._summary(width, room), width)) > height and room:
            room = min(room - 1, 2)  # the classes give way, bars first
        return found + self._wrapped(right_choice(self._spec), width)  # which is scrolled to where it has no room

    def _summary(self, width: int, room: int) -> list[Line]:
        return summary(self._spec, self._facts, self._problems, self._advice, width, room)

    def _wrapped(self, lines: Sequence[Line], width: int) -> list[Text]:
        found: list[Text] = []
        for line in lines:
            indent = "  " if line.kind in ("problem", "warning") else ""
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
            case "dim":
                return "dim"
        return ""
