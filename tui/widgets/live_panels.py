"""The panels of the live view: bars, table of epochs, findings, what the worker wrote."""

from collections.abc import Sequence

from rich.text import Text
from textual.app import App, ComposeResult
from textual.containers import Horizontal, Vertical
from textual.strip import Strip

from vislab.engine.analysis.findings import Finding
from vislab.engine.runs.state import RunState
from vislab.engine.runs.store import RunStatus
from vislab.presets.schema.strategy import Strategy
from vislab.tui.following import Look
from vislab.tui.made import Made
from vislab.tui.views import epochs, live, text
from vislab.tui.views.curves import best_epoch
from vislab.tui.views.run import notice_rows
from vislab.tui.views.text import plain
from vislab.tui.widgets.lines import Lines, ScrolledLines, wrapped

LEVELS = {"error": "error", "warning": "warning", "info": "foreground"}
"""Colour of a finding or notice; its sign or word says the same."""

OUT_OF_THE_QUEUE = "To take it out of the queue: H, then x on its row."
"""Said of a run that waits: its own view has no key for it."""

ENDING = 6
"""How a run ended takes one of so many lines of the screen at most; the findings have all of it."""

_COLOURS: dict[RunStatus, str] = {
    "failed": "error",
    "died": "error",
    "full disk": "error",
    "paused": "warning",
    "stopped": "warning",
    "done": "success",
}


def colour(app: App[int], name: str) -> str:
    """A colour of the theme: primary, warning, error …"""
    return app.theme_variables.get(name, "")


def status_style(status: RunStatus, app: App[int]) -> str:
    """Red for what failed, amber for what rests, the accent for what works; the word says the same."""
    return f"bold {colour(app, _COLOURS.get(status, 'primary'))}"


class Bars(Lines):
    """A bar for the run and one for what it does now."""

    DEFAULT_CSS = """
    Bars { height: auto; min-height: 2; padding: 0 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._look: Look | None = None
        self._max_steps = self._epochs = 0
        self._why = True
        self._read: float | None = None

    def tell_reading(self, read: float) -> None:
        """Show what share of the log was read; the position of the run is known once all of it is."""
        self._look, self._read = None, read
        self.repaint()

    def tell(self, look: Look, strategy: Strategy, *, why: bool) -> None:
        """Show another position.

        Args:
            why: tell why the run ended: it is told nowhere else on the screen.
        """
        self._look, self._max_steps, self._epochs, self._why = look, strategy.max_steps, strategy.epochs, why
        self.repaint()

    def lines_at(self, width: int, height: int) -> list[Text] | None:
        """Two lines; for a run that is over, a bar and a few that say how it ended. While the log is read, one.

        For a run in the queue there is more: what it waits for, and how it comes out of it.
        """
        look = self._look
        if look is None:
            return self._coloured([live.reading_bar(self._read, width)]) if self._read is not None else None
        ending = live.ending(look.state, look.status, look.last_words, why=self._why)
        planned = self._max_steps, self._epochs
        rows = live.bars(look.state, look.progress, look.status, width, *planned, look.silence)
        lines = self._coloured(rows)
        waits = [Text(words) for words in look.waits]
        waits += [Text(OUT_OF_THE_QUEUE, "dim")] * (look.status == "queued")
        lines += [line for words in waits for line in wrapped(words, width, self.app.console)]
        if ending:
            style = status_style(look.status, self.app)
            words, most = [line.plain for line in wrapped(Text(ending), width, self.app.console)], self._most()
            if len(words) > most:
                words[most - 1 :] = [" ".join(words[most - 1 :])]  # which is cut
            lines += [Text(line, style) for line in words]
        return lines

    def _most(self) -> int:
        """Lines that say how a run ended."""
        return max(2, self.screen.size.height // ENDING)

    def _coloured(self, rows: Sequence[tuple[str, str, str, str]]) -> list[Text]:
        accent = colour(self.app, "primary")
        return [
            Text.assemble(head, (filled, accent), (empty, "dim"), (figures, "bold"))
            for head, filled, empty, figures in rows
        ]


def epoch_lines(state: RunState, width: int) -> Made[Text]:
    """The table of epochs: titles, then a row an epoch; of a very long run what is left out, and then fewer rows."""
    columns, best = epochs.columns(state, width), best_epoch(state)
    above = [Text(epochs.header(columns), "bold dim")]
    if state.epochs_apart > 1:
        above.append(Text(f"{epochs.listed(state)}, and the best; exports list all".capitalize(), "dim"))

    def line(index: int) -> Text:
        if index < len(above):
            return above[index]
        row = state.epochs[index - len(above)]
        return Text(epochs.line(columns, row, best=row.epoch == best), "bold" if row.epoch == best else "")

    return Made(len(above) + len(state.epochs), line)


class EpochTable(ScrolledLines):
    """A line an epoch, the best one marked; the titles stay at the top."""

    DEFAULT_CSS = """
    EpochTable { padding: 0 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(tail=True, id=id)
        self._state: RunState | None = None

    def tell(self, state: RunState) -> None:
        """Show another picture of the run."""
        self._state = state
        self.repaint()

    def lines_at(self, width: int, height: int) -> Made[Text] | None:
        """Titles, then a row an epoch."""
        return epoch_lines(self._state, width) if self._state is not None else None

    def render_line(self, y: int) -> Strip:
        """The titles stay where they are when the rows are scrolled."""
        return self.strip(0 if y == 0 else y + self.scroll_offset.y)


class FindingLines(ScrolledLines):
    """What came out, what the history shows and what to do about it, and the worker's notices, wrapped."""

    DEFAULT_CSS = """
    FindingLines { padding: 0 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._findings: tuple[Finding, ...] = ()
        self._notices: list[tuple[str, str]] = []
        self._result: tuple[str, ...] = ()

    def tell(self, look: Look) -> None:
        """Show what another look found."""
        notices = notice_rows(look.state)
        told = (look.result, look.findings, notices)
        if told != (self._result, self._findings, self._notices) or not self.lines:
            self._result, self._findings, self._notices = told
            self.repaint()

    def lines_at(self, width: int, height: int) -> list[Text]:
        """Results; each finding, its remedy below it; then the notices."""
        whole = [Text(sentence, "bold") for sentence in self._result]
        for finding in self._findings:
            whole.append(self.styled(self.app, finding, plain(f"{live.SIGNS[finding.severity]} {finding.text}", 1000)))
            whole.append(Text(plain(f"  → {finding.remedy}", 1000)))
        whole += [Text(f"{level}: {words}", colour(self.app, LEVELS[level])) for level, words in self._notices]
        room = width - 1  # a cell for the scroll bar
        lines = [line for text in whole for line in wrapped(text, room, self.app.console)]
        return lines or [Text("nothing to remark", "dim")]

    @staticmethod
    def styled(app: App[int], finding: Finding, words: str) -> Text:
        """Words about a finding in the colour of its severity."""
        return Text(words, colour(app, LEVELS[finding.severity]))


class LogLines(ScrolledLines):
    """The end of worker.log, long lines wrapped."""

    DEFAULT_CSS = """
    LogLines { padding: 0 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(tail=True, id=id)
        self._told: Sequence[str] | None = None
        self._wrapped: dict[tuple[str, int], list[Text]] = {}  # lines that stay, by their width: wrapped once

    def tell(self, log: Sequence[str]) -> None:
        """Show other lines; safe text."""
        if log != self._told:
            self._told = log
            self.repaint()

    def lines_at(self, width: int, height: int) -> list[Text] | None:
        """The lines of the log, each on as many as it takes."""
        if self._told is None:
            return None
        room = width - 1  # a cell for the scroll bar
        before, console = self._wrapped, self.app.console
        self._wrapped = {
            (line, room): before.get((line, room))
            or ([Text(line)] if text.cells(line) <= room else wrapped(Text(line), room, console))
            for line in self._told
        }
        lines = [part for line in self._told for part in self._wrapped[line, room]]
        return lines or [Text("the worker wrote nothing", "dim")]


class Panels(Horizontal):
    """The table of epochs, the findings and the worker's log: all of them on a wide screen, else the one chosen.

    Attributes:
        chosen: id of the panel that is shown where one has room, and has the focus.
        opened: a person has opened it, in place of the table.
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.chosen, self.opened = "table", False

    def compose(self) -> ComposeResult:
        """The table, and beside it or in its place the others."""
        yield EpochTable(id="table")
        with Vertical(id="side"):
            yield FindingLines(id="findings")
            yield LogLines(id="log")

    def on_mount(self) -> None:
        """Begin with the table."""
        self.query_one(FindingLines).border_title = "findings and notices"
        self.query_one(LogLines).border_title = "worker log"
        self.choose("table")

    @property
    def alone(self) -> str:
        """Id of the panel that has all the room; empty on a wide screen, where none has."""
        return "" if self.screen.has_class("-wide") else self.chosen

    @property
    def findings_seen(self) -> bool:
        """Whether the findings have room."""
        return self.alone in ("", "findings")

    @property
    def closable(self) -> bool:
        """Whether there is a panel to close: one that was opened in place of the table."""
        return self.opened and bool(self.alone)

    def tell(self, look: Look) -> None:
        """Show what another look found."""
        self.query_one(EpochTable).tell(look.state)
        self.query_one(FindingLines).tell(look)
        self.query_one(LogLines).tell(look.log)

    def turn(self, name: str) -> None:
        """A person wants this panel; of one that is there already the table takes the place."""
        self.choose("table" if name == self.alone else name)
        self.opened = self.chosen != "table"

    def choose(self, name: str) -> None:
        """On a wide screen all panels are there and this one gets the focus; else it takes the place of the others."""
        self.chosen, self.opened = name, False
        for panel in self.query(ScrolledLines):
            panel.set_class(panel.id == name, "-chosen")
        self.query_one("#side").set_class(name != "table", "-chosen")
        self.query_one(f"#{name}").focus()
