"""Curves as lines of text: the only file that knows plotext.

plotext 5 raises on empty, all-NaN and infinite series, and its ticks are even divisions of the range. So points are
made finite, thinned and scaled to the unit square here, and ticks are chosen here; plotext draws what it cannot refuse.
It has one global figure: call from one thread.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from vislab.tui.views import text
from vislab.tui.views.curves import Series

BEST_MARKER = "★"
BEST_COLOUR = 136
"""Gold of the 256-colour palette, legible on black and on white."""

_LARGEST = 1e100
"""Values beyond this are treated as infinite, so that no difference of two overflows."""
_NARROWEST, _LOWEST = 24, 6


class _Axis(NamedTuple):
    """An axis in the units of its data (logarithms on a log axis): its ends, and its ticks with their labels."""

    low: float
    high: float
    ticks: list[float]
    labels: list[str]

    def unit(self, value: float) -> float:
        """Position on the axis: 0 at the low end, 1 at the high one."""
        return (value - self.low) / (self.high - self.low)


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
    points = [_finite(curve, log_y, x_range) for curve in series]
    every = [point for curve in points for point in curve]
    head = [text.fit(title, width)] if title else []
    body = height - len(head) - 1
    if not every:
        return [*head, *_message("no figures yet", width, body), _legend(series, None, x_label, width, colour)]

    y_axis = (_log_axis if log_y else _linear_axis)([y for _, y in every], body - 2)
    columns = max(1, width - max(map(len, y_axis.labels)) - 1)
    x_axis = _x_axis(x_range or (min(x for x, _ in every), max(x for x, _ in every)), columns)
    placed = [[(x_axis.unit(x), y_axis.unit(y)) for x, y in curve] for curve in points]
    star = next((i for i, (x, _) in enumerate(points[-1]) if x == best), None)
    lines = _plot(series, placed, star, x_axis, y_axis, width, body, columns)
    legend = _legend(series, best if star is not None else None, x_label, width, colour)
    if not colour:
        lines = [_without_colour(line) for line in lines]
    return [*head, *lines, legend]


def thin(points: Sequence[tuple[float, float]], columns: int) -> list[tuple[float, float]]:
    """At most two points a column: the lowest and the highest of those that fall into it, in their order.

    Args:
        points: x in [0, 1] and y.
        columns: columns that x is spread over.
    """
    if len(points) <= columns:
        return list(points)
    buckets: dict[int, list[tuple[float, float]]] = {}
    for point in points:
        buckets.setdefault(min(columns - 1, int(point[0] * columns)), []).append(point)
    kept: list[tuple[float, float]] = []
    for _, bucket in sorted(buckets.items()):
        ends = {min(bucket, key=lambda point: point[1]), max(bucket, key=lambda point: point[1])}
        kept += sorted(ends)
    return kept


def _plot(
    series: Sequence[Series],
    placed: Sequence[Sequence[tuple[float, float]]],
    star: int | None,
    x_axis: _Axis,
    y_axis: _Axis,
    width: int,
    height: int,
    columns: int,
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
    plotext.xticks([x_axis.unit(tick) for tick in x_axis.ticks], x_axis.labels)
    plotext.yticks([y_axis.unit(tick) for tick in y_axis.ticks], y_axis.labels)
    for curve, points in zip(series, placed, strict=True):
        if 1 < len(points) <= columns // 2:  # few points: a dotted line leads from one to the next
            plotext.plot([x for x, _ in points], [y for _, y in points], marker="·", color=curve.colour)
    for curve, points in zip(series, placed, strict=True):
        if thinned := thin(points, columns):
            plotext.scatter([x for x, _ in thinned], [y for _, y in thinned], marker=curve.marker, color=curve.colour)
    if star is not None:
        x, y = placed[-1][star]
        plotext.scatter([x], [y], marker=BEST_MARKER, color=BEST_COLOUR)
    lines: list[str] = plotext.build().split("\n")
    plotext.clear_figure()
    return lines[:height]


def _legend(series: Sequence[Series], best: float | None, x_label: str, width: int, colour: bool) -> str:
    entries = [(f"{curve.marker} {curve.name}", curve.marker, curve.colour) for curve in series]
    if best is not None:
        entries.append((f"{BEST_MARKER} best {best:g}", BEST_MARKER, BEST_COLOUR))
    if x_label:
        entries.append((f"→ {x_label}", "", 0))
    line, room = "", width
    for entry, marker, code in entries:
        if text.cells(entry) + 2 > room:
            break
        room -= text.cells(entry) + 2
        shown = entry.replace(marker, f"\x1b[38;5;{code}m{marker}\x1b[0m", 1) if colour and marker else entry
        line += "  " + shown
    return line + " " * room


def _message(words: str, width: int, height: int) -> list[str]:
    lines = [" " * width] * height
    if height:
        lines[height // 2] = text.fit(words[:width].center(width), width)
    return lines


def _without_colour(line: str) -> str:
    import plotext

    plain: str = plotext.uncolorize(line)
    return plain


def _finite(curve: Series, log_y: bool, x_range: tuple[float, float] | None) -> list[tuple[float, float]]:
    """Points that can be drawn, y as its logarithm to base 10 where the axis is logarithmic."""
    low, high = x_range or (-_LARGEST, _LARGEST)
    points = [
        (x, y)
        for x, y in zip(curve.xs, curve.ys, strict=True)
        if low <= x <= high and abs(y) <= _LARGEST and (y > 0 or not log_y)
    ]
    return [(x, math.log10(y)) for x, y in points] if log_y else points


def _linear_axis(values: Sequence[float], rows: int) -> _Axis:
    """A y-axis whose ends and ticks are round numbers."""
    low, high = _apart(min(values), max(values))
    parts = max(1, min(6, rows // 2))
    step = _round_step((high - low) / parts)
    first, last = _ends(low, high, step)
    if last - first > max(1, rows // 2):  # the round ends took more room: labels would stand in neighbouring rows
        step = _round_step(step * 1.01)
        first, last = _ends(low, high, step)
    ticks = [index * step for index in range(first, last + 1)]
    return _Axis(ticks[0], ticks[-1], ticks, _labels(ticks, step))


def _ends(low: float, high: float, step: float) -> tuple[int, int]:
    """The multiples of a step that hold a range between them."""
    return math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)


def _log_axis(values: Sequence[float], rows: int) -> _Axis:
    """A y-axis of powers of ten, or of 1, 2, 5 times powers of ten where the values lie within two of them.

    Args:
        values: logarithms to base 10.
    """
    digits = (1, 2, 5) if max(values) - min(values) < 2 else (1,)
    powers = range(math.floor(min(values)), math.ceil(max(values)) + 2)
    ticks = [math.log10(digit) + power for power in powers for digit in digits]
    low = max((tick for tick in ticks if tick <= min(values)), default=ticks[0])
    high = min((tick for tick in ticks if tick >= max(values) and tick > low), default=ticks[-1])
    ticks = [tick for tick in ticks if low <= tick <= high]
    every = max(1, math.ceil((len(ticks) - 1) / max(1, rows // 2)))
    shown = ticks[::every]
    return _Axis(low, high, shown, [f"{10**tick:.3g}" for tick in shown])


def _x_axis(ends: tuple[float, float], columns: int) -> _Axis:
    """The x-axis from end to end exactly, with whole numbers where they lie far enough apart."""
    low, high = _apart(*ends)
    longest = max(len(f"{low:.4g}"), len(f"{high:.4g}"))
    step = _round_step((high - low) / max(1, columns // (longest + 4)))
    if high - low >= 1:
        step = max(1.0, step if step != 2.5 else 5.0)
    ticks = [index * step for index in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
    labels = _labels(ticks, step) if ticks else []
    gap = (ticks[0] - low) / (high - low) * columns if ticks else columns
    if gap > (len(f"{low:.4g}") + longest) / 2 + 1:
        ticks.insert(0, low)
        labels.insert(0, f"{low:.4g}")
    return _Axis(low, high, ticks, labels)


def _apart(low: float, high: float) -> tuple[float, float]:
    """Ends that differ: a constant is put into the middle of a range."""
    size = max(abs(low), abs(high))
    if high - low > max(1e-9 * size, 1e-100):
        return low, high
    half = 0.5 * size if size > 1e-100 else 0.5
    return low - half, high + half


def _round_step(least: float) -> float:
    """The smallest of 1, 2, 2.5, 5 times a power of ten that is not below `least`."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(digit * power for digit in (1.0, 2.0, 2.5, 5.0, 10.0) if digit * power >= least * (1 - 1e-9))


def _labels(ticks: Sequence[float], step: float) -> list[str]:
    """Ticks with as many places as their step needs; in powers of ten where that would be long."""
    if max(map(abs, ticks)) >= 1e5 or step < 1e-4:
        return [f"{tick:.4g}" for tick in ticks]
    places = next(places for places in range(8) if abs(step * 10**places - round(step * 10**places)) < 1e-6)
    return [f"{tick + 0.0:.{places}f}" for tick in ticks]
