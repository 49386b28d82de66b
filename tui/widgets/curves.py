"""Curves as lines of text: the only file that knows plotext.

plotext 5 raises on empty, all-NaN and infinite series, and its ticks are even divisions of the range. So points are
made finite, thinned and scaled to the unit square here, with ticks of `vislab.tui.views.axes`; plotext draws what it
cannot refuse. It has one global figure: call from one thread.
"""

import math
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

from vislab.tui.views import text
from vislab.tui.views.axes import Axis, linear_axis, log_axis, place, x_axis
from vislab.tui.views.curves import LARGEST, Series, nothing_drawn

BEST_MARKER = "★"
BEST_COLOUR = 136
"""Gold of the 256-colour palette, legible on black and on white."""

_NARROWEST, _LOWEST = 24, 6

Point = tuple[float, float]


class _Piece(NamedTuple):
    """Points without a gap between them: of a long run thousands, so that they are kept as bare numbers."""

    xs: "array[float]"
    ys: "array[float]"


def draw(
    series: Sequence[Series],
    *,
    width: int,
    height: int,
    log_y: bool = False,
    title: str = "",
    x_label: str = "",
    x_range: tuple[float, float] | None = None,
    best: float | None = None,
    colour: bool = True,
) -> list[str]:
    """Draw curves as exactly `height` lines of `width` cells: title, figure, legend.

    Args:
        series: later ones lie on top.
        width, height: in cells; below 24 x 6 there is no room, and the lines say so.
        log_y: logarithmic y-axis; values that are not positive are left out.
        title: safe text; empty: no line for it.
        x_label: what x counts, shown at the end of the legend; safe text.
        x_range: ends of the x-axis; None: those of the points.
        best: x of the point of the last series that gets a star.
        colour: with ANSI colours, else plain text.
    """
    if width < _NARROWEST or height < _LOWEST:
        return _message("too small to draw", width, height)
    pieces = [_pieces(curve, log_y, x_range) for curve in series]
    every = [piece for curve in pieces for piece in curve]
    head = [text.fit(title, width)] if title else []
    body = height - len(head) - 1
    if not every:
        words = nothing_drawn(curve.ys for curve in series)
        return [*head, *_message(words, width, body), _legend(series, None, x_label, width, colour)]

    up = (log_axis if log_y else linear_axis)([end(ys) for _, ys in every for end in (min, max)], body - 2)
    columns = max(1, width - max(map(len, up.labels)) - 1)
    across = x_axis(x_range or (min(min(xs) for xs, _ in every), max(max(xs) for xs, _ in every)), columns)

    def placed(piece: _Piece) -> Iterator[Point]:
        return zip(map(across.unit, piece.xs), map(up.unit, piece.ys), strict=True)

    lines, dots = [], []
    for curve in pieces:
        points, count = chain.from_iterable(map(placed, curve)), sum(len(piece.xs) for piece in curve)
        # Few points: a dotted line leads from one to the next.
        lines.append([[*placed(piece)] for piece in curve] if count <= columns // 2 else [])
        dots.append([*points] if count <= columns else thin(points, columns))
    last = pieces[-1]
    star = next(
        ((across.unit(x), up.unit(y)) for xs, ys in last for x, y in zip(xs, ys, strict=True) if x == best), None
    )
    plot = _plot(series, lines, dots, star, across, up, width, body)
    legend = _legend(series, best if star is not None else None, x_label, width, colour)
    if not colour:
        plot = [_without_colour(line) for line in plot]
    return [*head, *plot, legend]


def thin(points: Iterable[Point], columns: int) -> list[Point]:
    """At most two points a column: the lowest and the highest of those that fall into it, in their order.

    Args:
        points: x in [0, 1] and y.
        columns: columns that x is spread over.
    """
    ends: dict[int, tuple[Point, Point]] = {}
    for point in points:
        column = min(columns - 1, int(point[0] * columns))
        lowest, highest = ends.get(column, (point, point))
        ends[column] = (
            point if point[1] < lowest[1] else lowest,
            point if point[1] > highest[1] else highest,
        )
    return [point for _, kept in sorted(ends.items()) for point in sorted({*kept})]


def _plot(
    series: Sequence[Series],
    lines: Sequence[Sequence[Sequence[Point]]],
    dots: Sequence[Sequence[Point]],
    star: Point | None,
    across: Axis,
    up: Axis,
    width: int,
    height: int,
) -> list[str]:
    import plotext

    plotext.clear_figure()
    plotext.theme("clear")
    plotext.limit_size(False, False)
    plotext.plot_size(width, height)
    plotext.xaxes(True, False)
    plotext.yaxes(True, False)
    plotext.xlim(0, 1)
    plotext.ylim(0, 1)
    plotext.xticks([across.unit(tick) for tick in across.ticks], across.labels)
    plotext.yticks([up.unit(tick) for tick in up.ticks], up.labels)
    for curve, pieces in zip(series, lines, strict=True):
        for piece in pieces:
            plotext.plot(*_xs_ys(piece), marker="·", color=curve.colour)
    for curve, points in zip(series, dots, strict=True):
        if points:
            plotext.scatter(*_xs_ys(points), marker=curve.marker, color=curve.colour)
    if star is not None:
        plotext.scatter(*_xs_ys([star]), marker=BEST_MARKER, color=BEST_COLOUR)
    built: list[str] = plotext.build().split("\n")
    return built[:height]


def _xs_ys(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]


def _legend(series: Sequence[Series], best: float | None, x_label: str, width: int, colour: bool) -> str:
    """Markers and names, then what x counts where all have room; else as many as have room, and how many more."""
    entries = [(f"{curve.marker} {curve.name}", curve.marker, curve.colour) for curve in series]
    if best is not None:
        entries.append((f"{BEST_MARKER} best {place(best)}", BEST_MARKER, BEST_COLOUR))
    label = [(f"→ {x_label}", "", 0)] if x_label else []
    some = ([*entries[:count], (f"+{len(entries) - count} more", "", 0)] for count in reversed(range(len(entries))))
    ways = chain(([*entries, *label], entries), ([*way, *label] for way in some), ([],))
    shown = next(way for way in ways if _cells(way) <= width)
    line = "".join(
        "  " + (words.replace(marker, f"\x1b[38;5;{code}m{marker}\x1b[0m", 1) if colour and marker else words)
        for words, marker, code in shown
    )
    return line + " " * (width - _cells(shown))


def _cells(entries: Iterable[tuple[str, str, int]]) -> int:
    return sum(2 + text.cells(words) for words, _, _ in entries)


def _message(words: str, width: int, height: int) -> list[str]:
    lines = [" " * width] * height
    if height:
        lines[height // 2] = text.fit(words[:width].center(width), width)
    return lines


def _without_colour(line: str) -> str:
    import plotext

    plain: str = plotext.uncolorize(line)
    return plain


def _pieces(curve: Series, log_y: bool, x_range: tuple[float, float] | None) -> list[_Piece]:
    """The points that can be drawn, in pieces without a gap; y as its decimal logarithm on a logarithmic axis."""
    low, high = x_range or (-LARGEST, LARGEST)
    found: list[_Piece] = []
    gap = True
    for x, y in zip(curve.xs, curve.ys, strict=True):
        if low <= x <= high and abs(y) <= LARGEST and (y > 0 or not log_y):
            if gap:
                found.append(_Piece(array("d"), array("d")))
            found[-1].xs.append(x)
            found[-1].ys.append(math.log10(y) if log_y else y)
            gap = False
        else:
            gap = True
    return found
