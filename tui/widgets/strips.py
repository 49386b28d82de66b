"""Painted lines that take little memory: Textual's own keep a style for each cell of a picture, and what they were cut
into.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Any

from rich.color import Color, ColorSystem
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual import strip as textual_strip
from textual.cache import FIFOCache
from textual.color import Color as TextualColor
from textual.filter import ANSIToTruecolor, LineFilter
from textual.strip import Strip

from vislab.tui.widgets.no_colour import PIXELS
from vislab.tui.widgets.sixteen_colours import SixteenColours

_NOTHING: dict[Any, Any] = {}


class LeanCache(FIFOCache[Any, Any]):
    """A cache of a line: it takes no room before something is kept, and keeps no list.

    Each line has seven, most of them never used. What a line is cut into is the one answer that is a list: it takes
    more room than all else, as each window beneath others is cut at the borders of all; and where a line is not cut, it
    is the line itself, which then is freed by the garbage collector alone.
    """

    __slots__ = ()

    def __init__(self, maxsize: int) -> None:
        super().__init__(maxsize)
        self._cache = _NOTHING

    def set(self, key: Any, value: Any) -> None:
        """Keep an answer."""
        if isinstance(value, list):
            return
        if self._cache is _NOTHING:
            self._cache = {}
        super().set(key, value)

    __setitem__ = set


def keep_lines_small() -> None:
    """Have Textual's lines use this cache, where they have one under its name."""
    if hasattr(textual_strip, "FIFOCache"):
        textual_strip.FIFOCache = LeanCache


class _OnDemand(Strip):
    """A line whose segments are made when they are asked for, and not kept."""

    __slots__ = ()

    @property
    def _segments(self) -> list[Segment]:
        return list(self._drawn())

    @_segments.setter
    def _segments(self, segments: list[Segment]) -> None:
        """`Strip` sets an empty list."""

    def _drawn(self) -> Iterable[Segment]:
        raise NotImplementedError

    def _cut(self, start: int, end: int) -> Strip:
        raise NotImplementedError

    def crop(self, start: int, end: int | None = None) -> Strip:
        """The cells from one to another, that one not included."""
        start, end = max(0, start), self.cell_length if end is None else min(self.cell_length, end)
        if start == 0 and end == self.cell_length:
            return self
        return self._cut(start, end) if start < end else Strip([], 0)

    def divide(self, cuts: Iterable[int]) -> Sequence[Strip]:
        """The parts up to each cut."""
        ends = [cut for cut in cuts if cut <= self.cell_length]
        return [self.crop(start, end) for start, end in zip([0, *ends], ends, strict=False)]


class Pixels(_OnDemand):
    """Cells that show two pixels each."""

    __slots__ = ("_cells",)

    def __init__(self, cells: bytes) -> None:
        """Cells of a line.

        Args:
            cells: uint8, 6 bytes a cell: RGB of the upper pixel and of the lower.
        """
        super().__init__((), len(cells) // 6)
        self._cells = cells

    def _runs(self) -> Iterable[tuple[str, bytes, bytes]]:
        """Equal neighbours as one: what stands there, and the two colours."""
        cells = self._cells
        for cell, run in groupby(cells[begin : begin + 6] for begin in range(0, len(cells), 6)):
            yield PIXELS * sum(1 for _ in run), cell[:3], cell[3:]

    def _drawn(self) -> Iterable[Segment]:
        for words, upper, lower in self._runs():
            yield Segment(words, Style(color=Color.from_rgb(*upper), bgcolor=Color.from_rgb(*lower)))

    def _cut(self, start: int, end: int) -> Strip:
        return Pixels(self._cells[6 * start : 6 * end])

    def apply_filter(self, filter: LineFilter, background: TextualColor) -> Strip:
        """As it is where the filter leaves pictures alone."""
        if isinstance(filter, ANSIToTruecolor | SixteenColours):
            return self
        return super().apply_filter(filter, background)

    def render(self, console: Console) -> str:
        """With the terminal's sequences for colours."""
        system = console._color_system or ColorSystem.TRUECOLOR
        if system is ColorSystem.TRUECOLOR:
            return "".join(
                f"\x1b[38;2;{up[0]};{up[1]};{up[2]};48;2;{low[0]};{low[1]};{low[2]}m{words}\x1b[0m"
                for words, up, low in self._runs()
            )
        return "".join(
            f"\x1b[{_codes(upper, system, True)};{_codes(lower, system, False)}m{words}\x1b[0m"
            for words, upper, lower in self._runs()
        )


@lru_cache(maxsize=2048)
def _codes(pixel: bytes, system: ColorSystem, foreground: bool) -> str:
    return ";".join(Color.from_rgb(*pixel).downgrade(system).get_ansi_codes(foreground))


class Row(_OnDemand):
    """Lines one behind the other, as one."""

    __slots__ = ("_parts",)

    def __init__(self, parts: Iterable[Strip]) -> None:
        self._parts = [part for part in parts if part.cell_length]
        super().__init__((), sum(part.cell_length for part in self._parts))

    def _drawn(self) -> Iterable[Segment]:
        return (segment for part in self._parts for segment in part)

    def _cut(self, start: int, end: int) -> Strip:
        cut, begin = [], 0
        for part in self._parts:
            cut.append(part.crop(start - begin, max(0, end - begin)))
            begin += part.cell_length
        return Row(cut)

    def adjust_cell_length(self, cell_length: int, style: Style | None = None) -> Strip:
        """Cut, or filled with blanks of a style, to a length in cells."""
        if self.cell_length >= cell_length:
            return self.crop(0, cell_length)
        return Row([*self._parts, Strip.blank(cell_length - self.cell_length, style)])

    def apply_filter(self, filter: LineFilter, background: TextualColor) -> Strip:
        """Each part filtered."""
        return Row(part.apply_filter(filter, background) for part in self._parts)

    def render(self, console: Console) -> str:
        """With the terminal's sequences for colours."""
        return "".join(part.render(console) for part in self._parts)
