"""What a run answers: figures by class, confusions, its worst mistakes, and the images themselves."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from rich.style import Style
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message

from vislab.engine.analysis import predictions
from vislab.engine.analysis.predictions import Predictions
from vislab.engine.runs import ask
from vislab.engine.runs.state import MOST_EPOCHS
from vislab.engine.runs.store import Run
from vislab.presets.errors import InputError
from vislab.tui.copying import Copy, tab_separated
from vislab.tui.made import Made
from vislab.tui.screens.copies import of_runs, offer
from vislab.tui.screens.result_pictures import PICTURED, Look, ResultPictures
from vislab.tui.screens.run_page import offer_page
from vislab.tui.screens.screen import ConsoleScreen
from vislab.tui.views import results, text
from vislab.tui.views.evaluations import Evaluation, evaluation_lines, evaluations, judged
from vislab.tui.views.results import HeatCell, Results
from vislab.tui.views.text import plain
from vislab.tui.widgets.lines import Lines, ScrolledLines, wrapped
from vislab.tui.widgets.pictures import PictureLines

View = Literal["classes", "confusions", "mistakes", "evaluations"] | Look

MISTAKES = 500
"""Mistakes that are listed at most."""


class ResultsScreen(ConsoleScreen):
    """The results of a run that is done."""

    NAME: ClassVar[str] = "results"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]  # noqa: RUF012  (Textual types it as an instance's)

    class Read(Message):
        """The predictions were read, in a thread.

        Attributes:
            fault: why they cannot be; empty when they could. Safe text.
            headlines: the figures in one line, the longest first; none where there are none. Safe text.
            evaluations: later ones, the newest first.
            split: the run has read its data, so that training images can be drawn.
        """

        def __init__(
            self,
            name: str,
            found: Results,
            fault: str,
            headlines: Sequence[str],
            evaluations: Sequence[Evaluation],
            split: bool,
        ) -> None:
            super().__init__()
            self.name, self.found, self.fault, self.evaluations = name, found, fault, tuple(evaluations)
            self.headlines, self.split = tuple(headlines), split

    class Seen(Message):
        """Pictures have come, or the reason why not."""

        def __init__(self, job: str, answer: ask.Answer) -> None:
            super().__init__()
            self.job, self.answer = job, answer

    def __init__(self, run: Run) -> None:
        """The results of one run."""
        super().__init__()
        self._run = run
        self._name = plain(run.id)
        self._found: Results | None = None
        self._fault = ""
        self._headlines: tuple[str, ...] = ()
        self._view: View = "classes"
        self._split = False
        self._evaluations: tuple[Evaluation, ...] = ()
        self._evaluation = 0

    def body(self) -> ComposeResult:
        """The figures in one line, then one view; on wide terminals classes and confusions beside each other."""
        yield Lines(id="headline")
        with Horizontal():
            yield PictureLines(id="main")
            yield ScrolledLines(id="beside")

    def on_mount(self) -> None:
        """Read the predictions."""
        self._pictures = ResultPictures(
            self._run,
            str(self.console.settings.data_dir),
            self.console.asker,
            self._tell,
        )
        self.set_focus(self.query_one("#main"))
        self.heading(f"Results of {self._name}")
        self.run_worker(self._read, thread=True, exit_on_error=False, group="read")

    def on_unmount(self) -> None:
        """Want no pictures any more."""
        self._pictures.cancel()

    def _read(self) -> None:
        fault = ""
        rows = Predictions()
        classes: Sequence[str] = ()
        name = self._run.id
        own: Evaluation | None = None
        try:
            self._run.check_is_there()
            state, spec = self._run.state(most_epochs=MOST_EPOCHS), self._run.spec()
            classes = state.started.classes if state.started is not None else ()
            own = judged(self._run, state.ended.test if state.ended is not None else None)
            name = self._run.labels().name or spec.name or name
            rows = predictions.of_run(self._run, state)
            if not rows:
                fault = predictions.why_none(self._run, state)
        except (InputError, OSError) as error:
            fault = str(error)
        found = results.results(rows, classes)
        headlines = results.headlines(found, state) if rows else []
        told = [*([own] if own is not None else []), *evaluations(self._run)]
        split = self._run.split.is_file()
        self.post_message(self.Read(plain(name, 60), found, plain(fault, 400), headlines, told, split))

    @on(Read)
    def _take(self, message: Read) -> None:
        self._name, self._found, self._fault = message.name, message.found, message.fault
        self._headlines, self._evaluations, self._split = message.headlines, message.evaluations, message.split
        self._show()

    # What is shown

    def _show(self) -> None:
        if self._found is None:
            return
        self.heading(f"Results of {self._name}", Text(self._view))
        main, beside = self.query_one("#main", ScrolledLines), self.query_one("#beside", ScrolledLines)
        both = self._view == "classes" and self.has_class("-wide") and not self._fault
        beside.display = both
        width = max(20, self.size.width - 3)
        self.query_one("#headline", Lines).show(self._headline(width))
        lines: Sequence[Text]
        if self._view == "evaluations":
            lines = self._evaluation_lines(width)
        elif self._view == "training":
            lines = self._pictures_of("training")
        elif self._fault:
            lines = []
        elif self._view == "classes":
            room = width * 3 // 5 if both else width  # long names leave room for what stands beside
            lines = _titled(results.class_lines(self._found, room))
        elif self._view == "confusions":
            lines = self._confusions(width, 200)
        elif self._view == "mistakes":
            lines = _titled(results.worst_lines(self._found, width, MISTAKES))
        else:
            lines = self._pictures_of(self._view)
        main.styles.width = max((line.cell_len for line in lines), default=20) + 6 if both else "1fr"
        main.show(lines)
        if both:
            room = width - max(line.cell_len for line in lines) - 6
            parts = [*self._confusions(room, 10), Text(""), *_titled(results.worst_lines(self._found, room, 10))]
            beside.show(parts)
        self.refresh_bindings()

    def _headline(self, width: int) -> list[Text]:
        """What is wrong, or the figures; above pictures what fits in one line, for the pictures fill what is left."""
        if self._fault:
            return wrapped(Text(self._fault), width, self.app.console)
        words = next(iter(self._headlines), "")
        if self._view in PICTURED:
            words = next((short for short in self._headlines if text.cells(short) <= width), text.fit(words, width))
            return [Text(words, "bold")]
        return wrapped(Text(words, "bold"), width, self.app.console)

    def recolour(self) -> None:
        """In other colours."""
        super().recolour()
        self._show()

    def _confusions(self, width: int, limit: int) -> list[Text]:
        assert self._found is not None
        pairs = [*_titled(results.confused_lines(self._found, width, limit))]
        map_ = results.heat_map(self._found, width)
        if not map_:
            instead = Text("no room for the confusion matrix: the pairs that are confused most", "dim")
            return [*wrapped(instead, width, self.app.console), *pairs]
        variables = self.app.theme_variables
        lines = [_heat_line(pieces, variables["primary"], variables["warning"]) for pieces in map_]
        return [*lines, Text(""), *pairs]

    def _evaluation_lines(self, width: int) -> Sequence[Text]:
        shown = self._evaluations[self._evaluation]
        more = f"  ({self._evaluation + 1} of {len(self._evaluations)}: e shows the next)"
        head = Text(shown.title + (more if len(self._evaluations) > 1 else ""), "bold")
        lines = [head, *map(Text, evaluation_lines(shown, width))]
        return [part for line in lines for part in self._fitting(line, width)]

    def _fitting(self, line: Text, width: int) -> list[Text]:
        return wrapped(line, width, self.app.console) if line.cell_len > width else [line]

    def _choose(self, view: View) -> None:
        if self._view in PICTURED:
            self.forget_painted()  # of thousands of colours
        self._view = view
        self.query_one("#main").scroll_to(y=0, animate=False)
        self._show()

    def on_resize(self) -> None:
        """Fit to the new size."""
        if self.is_mounted:
            self.call_after_refresh(self._show)

    # Pictures

    def _pictures_of(self, look: Look) -> list[Text]:
        assert self._found is not None
        head, *rows = self._pictures.lines(look, self._found, self.size, self.app.theme_variables["warning"])
        return [*wrapped(head, max(20, self.size.width - 3), self.app.console), *rows]

    def _tell(self, job: str, answer: ask.Answer) -> None:
        self.post_message(self.Seen(job, answer))

    @on(Seen)
    def _see(self, message: Seen) -> None:
        self._pictures.take(message.job, message.answer)
        if self._view in PICTURED:
            self._show()

    # What can be done

    def possible(self, action: str) -> bool:
        """All but the present view, once there are predictions."""
        if action == "curves":
            return self.console.offers("live")
        if action in ("copy", "export"):
            return self._found is not None
        if action == "evaluations":
            return bool(self._evaluations)
        if action == "training":
            return self._split
        if self._found is None or self._fault:
            return False
        if action in ("only_wrong", "next_pictures", "previous_pictures"):
            if self._view != "pictures":
                return False
            pictures = self._pictures
            return {
                "only_wrong": True,
                "next_pictures": pictures.first + pictures.per_page(self.size) < pictures.total(self._found),
                "previous_pictures": pictures.first > 0,
            }[action]
        return True

    def action_classes(self) -> None:
        """Figures of each class."""
        self._choose("classes")

    def action_matrix(self) -> None:
        """Which class is taken for which."""
        self._choose("confusions")

    def action_worst(self) -> None:
        """The surest mistakes."""
        self._choose("mistakes")

    def action_pictures(self) -> None:
        """The images."""
        self._look("pictures")

    def action_saliency(self) -> None:
        """Where the model looks."""
        self._look("saliency")

    def action_training(self) -> None:
        """Training images as the model saw them."""
        self._look("training")

    def _look(self, look: Look) -> None:
        self._pictures.forget_trouble()
        self._choose(look)

    def action_evaluations(self) -> None:
        """Later evaluations; once more: the next of them."""
        if self._view == "evaluations":
            self._evaluation = (self._evaluation + 1) % len(self._evaluations)
        self._choose("evaluations")

    def action_copy(self) -> None:
        """Ask what to copy."""
        copies = of_runs([self._run])
        if self._found is not None and not self._fault:
            found = self._found
            copies += [
                Copy(
                    "t",
                    "the figures of each class, as a table",
                    lambda: tab_separated(*results.class_table(found, 1000)),
                ),
                Copy("l", "the headline", lambda: self._headlines[0]),
            ]
        offer(self, copies, lambda words: self.notify(words, markup=False))

    def action_export(self) -> None:
        """Ask where to."""
        console = self.console

        def tell(words: str) -> None:
            console.notify(plain(words, 400), markup=False)

        offer_page(
            self,
            self._run,
            lambda file: tell(f"Writing {file} …"),
            lambda file, fault: tell(fault or f"Written: {file}"),
        )

    def action_only_wrong(self) -> None:
        """Mistakes only, or all images."""
        self._pictures.only_wrong = not self._pictures.only_wrong
        self._pictures.first = 0
        self._choose("pictures")

    def action_next_pictures(self) -> None:
        """The next page."""
        self._pictures.first += self._pictures.per_page(self.size)
        self._choose("pictures")

    def action_previous_pictures(self) -> None:
        """The page before."""
        self._pictures.first -= self._pictures.per_page(self.size)
        self._choose("pictures")

    def action_curves(self) -> None:
        """The run as it went."""
        self.console.open("live", run=self._run)


def _titled(lines: Sequence[str]) -> Sequence[Text]:
    return Made(len(lines), lambda index: Text(lines[index], "bold" if index == 0 and len(lines) > 1 else ""))


def _heat_line(pieces: Sequence[HeatCell], right: str, wrong: str) -> Text:
    """A line of the heat map: the diagonal in one colour, mistakes in another, titles as they are."""
    line = Text()
    for piece in pieces:
        if piece.share is None or piece.share == 0:
            line.append(piece.words, "dim" if piece.share == 0 else "")
        else:
            line.append(piece.words, Style.parse(right if piece.right else f"bold {wrong}"))
    return line
