"""A window over a screen, which closes itself and nothing else."""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import takewhile
from typing import Any, ClassVar, Generic, TypeVar

from rich.color import ColorType
from rich.segment import Segment
from rich.style import Style
from textual import on
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.events import Click, Resize
from textual.geometry import Region
from textual.renderables.background_screen import BackgroundScreen
from textual.screen import ModalScreen, Screen
from textual.strip import Strip
from textual.timer import Timer

from vislab.tui.actions import ACTIONS
from vislab.tui.screens.layer import Layer

T = TypeVar("T")

FOLLOWS = 0.5
"""Seconds after which a window shows what has changed below it, and all that changed until then: nobody reads it."""

LEAVE = Binding("q", "app.leave", show=False)
"""Of a window in which letters are neither text nor answers: `q` does there what it does on every screen."""
LEAVES = next((action.keys[0], action.help) for action in ACTIONS if action.id == "leave")
"""Its row of help."""


class Window(ModalScreen[T], Layer[T], Generic[T]):
    """The base of all windows. The screen below is seen in the shade, and goes on; not its footer, whose keys rest, nor
    its notices, which the window shows in its own place.

    Textual makes all of it anew for each frame, which takes longer than the window itself, and paints the window with
    it. Here its lines are kept until they change, and of these only what is seen and differs is painted.

    A window in which letters are keys says in KEYS what they do, for its help: rows as `HelpScreen` takes them. A click
    beside it is Esc; the words of its keys are `key_words`, on which a click is the key.
    """

    KEYS: ClassVar[Sequence[tuple[str, str]]] = ()
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("question_mark,h", "help", show=False),
        Binding("N", "hide_notices", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._below: dict[int, Strip] = {}
        self._changed: set[int] = set()  # lines of it, since it was painted
        self._follower: Timer | None = None

    def dismiss(self, result: T | None = None) -> AwaitComplete:
        """Close this window with a result, unless it is closed already.

        Textual's `dismiss` closes whatever is on top. A key that is pressed twice, or one that was on its way while the
        window closed, would close the screen below as well.
        """
        return super().dismiss(result) if self.is_active else AwaitComplete.nothing()

    def action_hide_notices(self) -> None:
        """Take all notices away."""
        self.app.clear_notifications()

    def action_help(self) -> None:
        """Explain the keys."""
        from vislab.tui.screens.help import open_help  # a window as well

        if self.KEYS:
            open_help(self.app, self.KEYS)

    def on_click(self, event: Click) -> None:
        """Go back from beside the window."""
        if event.widget is self:
            self.action_press("escape")

    def action_press(self, key: str) -> None:
        """What a key does here, behind all keys before it; it is no text, even where a field has the focus."""
        self.app.call_later(self.app.simulate_key, key)  # it would not get past the window that posts it itself

    @on(Resize)
    def lay_out_once(self, event: Resize) -> None:
        """Lay out this window and the screen below, unless that is done for this size."""
        if event.size == self.outer_size:
            event.prevent_default()
        else:
            self._below.clear()

    def on_screen_resume(self) -> None:
        """Another screen may lie below than before."""
        self._below.clear()

    def changed_below(self, regions: set[Region]) -> None:
        """Parts of the screen below are to be painted anew, in a while; at once where it is all of it."""
        if self.size.region in regions:  # it was laid out anew
            self._below.clear()
            self.refresh()
            return
        self._changed.update(y for region in regions for y in region.line_range)
        if self._follower is None:
            self._follower = self.set_timer(FOLLOWS, self._follow)

    def _follow(self) -> None:
        """Paint what has changed below, unless all is to be painted anyway."""
        self._follower = None
        before = {y: line for y in sorted(self._changed) if (line := self._below.pop(y, None)) is not None}
        self._changed.clear()
        if self.app.screen is not self:
            return
        covered = [child.region for child in self.children]
        for y, line in before.items():
            self._styles_cache.set_dirty(Region(0, y, self.size.width, 1))  # what is covered may be seen later
            for begin, end in _seen(self.size.width, (region for region in covered if y in region.line_range)):
                begin, end = _difference(line, self.render_line(y), begin, end)
                if begin < end:
                    self._set_dirty(Region(begin, y, end - begin, 1))
                    self._dirty_widgets.add(self)  # `refresh` would forget the other widgets that are to be painted
        self.check_idle()

    def render_line(self, y: int) -> Strip:
        """A line of the screen below, in the shade."""
        if y not in self._below:
            self._look_below(y)
        return self._below[y]

    def _look_below(self, wanted: int) -> None:
        """Fetch the lines that are missing; one that the terminal has no longer is empty."""
        width, height = self.size
        missing = [y for y in range(max(height, wanted + 1)) if y not in self._below]
        self._below |= dict.fromkeys(missing, Strip.blank(width, self.rich_style))
        stack: list[Screen[Any]] = self.app.screen_stack
        place = stack.index(self) if self in stack else 0
        if place:
            below = stack[place - 1]
            crop = Region(0, missing[0], width, missing[-1] - missing[0] + 1)
            lines = below._compositor._render_chops(crop, set(missing).__contains__)
            shade = self.styles.background
            resting = {y for widget in below.query("KeyFooter, Toast") for y in widget.region.line_range}
            for y in [y for y in missing if y < len(lines)]:
                line = Strip.join(lines[y].values())
                self._below[y] = _in_the_shade(_without_words(line) if y in resting else line, shade)


def _seen(width: int, covered: Iterable[Region]) -> Iterator[tuple[int, int]]:
    """Where a line is seen that is covered in places: begin and end of each part."""
    begin = 0
    for left, right in sorted(region.column_span for region in covered):
        if begin < left:
            yield begin, left
        begin = max(begin, right)
    if begin < width:
        yield begin, width


def _difference(before: Strip, after: Strip, begin: int, end: int) -> tuple[int, int]:
    """From the first to the last piece, between two places, in which lines differ; its end is its begin for none."""
    old, new = list(before.crop(begin, end)), list(after.crop(begin, end))
    first = begin + _alike(old, new)
    return first, max(first, end - _alike(reversed(old), reversed(new)))


def _alike(some: Iterable[Segment], others: Iterable[Segment]) -> int:
    """Cells up to the first piece that differs."""
    pairs = zip(some, others, strict=False)
    return sum(one.cell_length for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _in_the_shade(line: Strip, shade: Color) -> Strip:
    return Strip([Segment(words, _shaded(style, shade), control) for words, style, control in line], line.cell_length)


def _without_words(line: Strip) -> Strip:
    return Strip.blank(line.cell_length, next((segment.style for segment in line), None))


@lru_cache(maxsize=2048)
def _shaded(style: Style | None, shade: Color) -> Style | None:
    if style is not None and style.bgcolor is not None and style.bgcolor.type is ColorType.STANDARD:
        # Of the 16 colours none lies between others: letters of no contrast are painted grey, see `SixteenColours`.
        return Style.from_color(shade.rich_color, shade.rich_color)
    return next(iter(BackgroundScreen.process_segments([Segment(" ", style)], shade))).style
