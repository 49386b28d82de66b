"""The pictures of the results screen: which are shown, asked of the resident job process, and drawn."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_args

from rich.text import Text
from textual.geometry import Size

from vislab.engine.analysis.predictions import Prediction
from vislab.engine.runs import ask
from vislab.engine.runs.store import Run
from vislab.tui import looks
from vislab.tui.looks import Shown
from vislab.tui.views import results, text
from vislab.tui.views.results import Results
from vislab.tui.widgets.pictures import GAP, beside, picture

Look = Literal["pictures", "saliency", "training"]
"""Images with their answers; where the model looks; training images as it saw them."""
PICTURED: tuple[Look, ...] = get_args(Look)

TOPIC = "pictures"
"""Of the questions for images."""

SIDES = ((160, 50, 32), (120, 40, 24), (80, 24, 16), (0, 0, 12))
"""Terminal's least width and height, and the side of its pictures in pixels: a cell is one wide and two high."""
CAPTION, ABOVE = 2, 4
"""Lines below a picture, and lines of the screen that are not the grid's."""
MOST = 12
"""Images that are explained at most: it takes a backward pass each, on the CPU."""
KEPT = 8
"""Pages that are kept, the newest: up to 160 KB each."""
NOT_YET = Shown(0, 0, b"", ("…",))


class PendingError(Exception):
    """Pictures were asked for, and come later."""


class ResultPictures:
    """Pictures of one run, page by page. It never waits: what is not there yet is asked for, and told when it comes.

    Attributes:
        only_wrong: show pictures of mistakes only.
        first: position of the first picture of the page.
        trouble: why no more pictures come; empty while they do. Safe text.
    """

    def __init__(self, run: Run, data_dir: str, asker: ask.Asker, tell: Callable[[str, ask.Answer], None]) -> None:
        """Pictures of a run.

        Args:
            tell: called in another thread with job and answer; they go to `take`.
        """
        self.only_wrong = True
        self.first = 0
        self.trouble = ""
        self._run, self._data_dir, self._asker, self._tell = run, data_dir, asker, tell
        self._answers: dict[str, Mapping[str, Any]] = {}
        self._awaited = ""

    def take(self, job: str, answer: ask.Answer) -> None:
        """Keep what was answered."""
        self._awaited = ""
        if answer.result is None:
            self.trouble = text.message(answer.error, 300)
        else:
            self._answers[_key(job, answer.request)] = answer.result
            while len(self._answers) > KEPT:
                del self._answers[next(iter(self._answers))]

    def cancel(self) -> None:
        """Want no pictures any more."""
        self._asker.cancel(TOPIC)

    def forget_trouble(self) -> None:
        """Try again."""
        self.trouble = ""

    def lines(self, look: Look, found: Results, size: Size, warning: str) -> list[Text]:
        """A page.

        Args:
            size: of the terminal.
            warning: colour of what is wrong.
        """
        side = _side(size)
        source = looks.Source(self._run, self._data_dir, self._ask, side)
        across, down = _page(size)
        if look == "pictures":
            lines = self._answered(source, found, size, warning)
        elif look == "saliency":
            lines = self._explained(source, found, max(1, across // 2), down, warning)
        else:
            lines = self._seen_in_training(source, across, down)
        if self.trouble:
            lines[0].append("   " * bool(lines[0]) + self.trouble)
        return lines

    def total(self, found: Results) -> int:
        """Images that there are pages of."""
        return len(found.predictions) - (found.right if self.only_wrong else 0)

    def per_page(self, size: Size) -> int:
        """Pictures of a page."""
        across, down = _page(size)
        return across * down

    def _answered(self, source: looks.Source, found: Results, size: Size, warning: str) -> list[Text]:
        listed, count = results.pictured(found, only_wrong=self.only_wrong), self.per_page(size)
        self.first = max(0, min(self.first, (len(listed) - 1) // count * count))
        rows = listed[self.first : self.first + count]
        if not rows:
            return [Text("Every image is judged right: o shows them.")]
        try:
            pictures = source.answers(rows)
        except PendingError:
            pictures = [NOT_YET] * len(rows)
        what = "mistakes, the surest first" if self.only_wrong else "images, mistakes first"
        head = f"{self.first + 1} to {self.first + len(rows)} of {text.count(self.total(found))} {what}"
        blocks = [
            [*picture(shown, source.side), *_caption(row, source.side, warning)]
            for row, shown in zip(rows, pictures, strict=True)
        ]
        return [Text(head, "dim"), *_grid(blocks, _page(size)[0])]

    def _explained(self, source: looks.Source, found: Results, across: int, down: int, warning: str) -> list[Text]:
        try:
            method, pairs = source.heat(looks.explained(found.predictions, min(across * down, MOST)))
        except PendingError:
            return [Text("" if self.trouble else "looking where the model looks …", "dim")]
        if not pairs:
            return [Text("None of the images can be read.")]
        blocks = []
        for seen, heat in pairs:
            block = beside([picture(seen, source.side), picture(heat, source.side)])
            assert heat.answer is not None
            blocks.append([*block, *_caption(heat.answer, 2 * source.side + GAP, warning)])
        return [Text(results.heat_words(method), "dim"), *_grid(blocks, across)]

    def _seen_in_training(self, source: looks.Source, across: int, down: int) -> list[Text]:
        try:
            pictures = source.training(across * down)
        except PendingError:
            return [Text("" if self.trouble else "preparing training images …", "dim")]
        blocks = []
        for shown in pictures:
            words = [*shown.lines, *[""] * CAPTION][:CAPTION]
            blocks.append([*picture(shown, source.side), *(Text(text.fit(line, source.side)) for line in words)])
        return [Text("the first training images as the model saw them", "dim"), *_grid(blocks, across)]

    def _ask(self, job: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """What is known already.

        Raises:
            PendingError: it was asked for, now or before; or nothing is asked for any more.
        """
        key = _key(job, request)
        if key not in self._answers and key != self._awaited and not self.trouble:
            self._awaited = key
            self._asker.ask(TOPIC, job, request, lambda answer: self._tell(job, answer), remember=False)
        if key not in self._answers:
            raise PendingError
        return self._answers[key]


def _side(size: Size) -> int:
    return next(side for width, height, side in SIDES if size.width >= width and size.height >= height)


def _page(size: Size) -> tuple[int, int]:
    """Columns and rows of the grid."""
    side = _side(size)
    across = max(1, (size.width - 3 + GAP) // (side + GAP))
    return across, max(1, (size.height - ABOVE) // (side // 2 + CAPTION))


def _grid(blocks: Sequence[Sequence[Text]], across: int) -> list[Text]:
    return [line for begin in range(0, len(blocks), across) for line in beside(blocks[begin : begin + across])]


def _caption(row: Prediction, side: int, warning: str) -> list[Text]:
    true, predicted = results.caption(row, side)
    return [Text(true), Text(predicted, "" if row.right else warning)]


def _key(job: str, request: Mapping[str, Any]) -> str:
    return json.dumps([job, request], sort_keys=True)
