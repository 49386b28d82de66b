"""Curves as one inline SVG: a pure function of points, with values on hover and no script.

Colours are classes `k0`, `k1` … whose values `STYLE` gives for light and for dark; runs differ by marker too. A column
over each x shows its values while the pointer is on it, after a tap, and of few columns while it has the focus.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from itertools import groupby, pairwise

from vislab.tui.html.page import paragraph
from vislab.tui.views import text
from vislab.tui.views.axes import Axis, linear_axis, x_axis
from vislab.tui.views.curves import LARGEST, Series, not_shown, nothing_drawn

WIDTH, HEIGHT = 480, 300
"""Of the drawing, in its own units; it is as wide as its place."""
LEFT, RIGHT, TOP, BOTTOM = 50, 22, 12, 40
"""Margins around the plot; the left one grows with the labels."""

LIGHT = ("#0a56b8", "#b23c00", "#14632e", "#7b2fb5", "#00616f", "#a3185c", "#6b4a00")
DARK = ("#6cb2ff", "#ff9b63", "#6fd08c", "#d0a2ff", "#4fd0e0", "#ff8fc0", "#f2cc60")
"""Colours of the curves, at least 4.5 : 1 against the page's ground."""

MOST_COLUMNS = 160
"""Positions that show their values on hover, besides the last one and the lowest and highest of each curve."""
MOST_STOPS = 30
"""Positions up to which the Tab key leads from one to the next; of more the values stand in a table elsewhere."""
MOST_MARKERS = 26
"""Markers along a curve."""
MOST_TOLD = 9
"""Curves whose values fit beside the pointer."""
_LETTER, _LINE = 6.4, 15
"""Width of a letter and height of a line of the values, at the font size of STYLE."""
_FIGURE = 9.4
"""Width of a figure of a label in a wide font, at the larger font size of a narrow page."""


def _variables(colours: Sequence[str]) -> str:
    return " ".join(f"--k{slot}: {colour};" for slot, colour in enumerate(colours))


STYLE = f"""
:root {{ {_variables(LIGHT)} }}
@media screen and (prefers-color-scheme: dark) {{ :root {{ {_variables(DARK)} }} }}
figure {{ margin: .6rem 0; break-inside: avoid; }}
figcaption {{ font-weight: 600; }}
svg.curves {{ display: block; width: 100%; height: auto; }}
svg.curves text {{ font: 12px system-ui, sans-serif; fill: var(--fg); }}
svg.curves .tick {{ fill: var(--muted); }}
svg.curves .grid {{ stroke: var(--line); }}
svg.curves .line {{ fill: none; stroke: currentColor; stroke-width: 1.8; }}
svg.curves .band {{ fill: currentColor; opacity: .16; }}
svg.curves .mark {{ fill: currentColor; stroke: currentColor; stroke-width: 1.4; }}
svg.curves .open {{ fill: var(--bg); }}
svg.curves .hit {{ fill: transparent; }}
svg.curves .at {{ outline: none; }}
svg.curves .tip {{ visibility: hidden; pointer-events: none; }}
svg.curves .at:hover .tip, svg.curves .at:focus .tip {{ visibility: visible; }}
svg.curves .box {{ fill: var(--bg); stroke: var(--muted); }}
svg.curves .rule {{ stroke: var(--muted); stroke-dasharray: 2 2; }}
{chr(10).join(f".k{slot} {{ color: var(--k{slot}); }}" for slot in range(len(LIGHT)))}
.legend {{ display: flex; flex-wrap: wrap; gap: .1rem 1rem; list-style: none; padding: 0; font-size: .875rem; }}
.legend svg {{ width: .9em; height: .9em; margin-right: .35em; vertical-align: -.08em; overflow: visible; }}
@media (max-width: 40rem) {{ svg.curves .tick {{ font-size: 15px; }} }}
@media print {{ svg.curves .tip {{ display: none; }} }}
""".strip()


@dataclass(frozen=True)
class SvgCurve:
    """One curve. Values that are not finite are gaps.

    Attributes:
        name: safe text.
        marker: one of ▪●▲◆✚○□△▼◇✖▽▬◢▷▮◣◁▭◥▸▯◤◂.
        slot: its colour, of as many as LIGHT has.
        low, high: bounds at each x, drawn as a band; empty: none.
    """

    name: str
    xs: Sequence[float]
    ys: Sequence[float]
    marker: str = "▪"
    slot: int = 0
    low: Sequence[float] = field(default=())
    high: Sequence[float] = field(default=())


def curves_svg(
    curves: Sequence[SvgCurve],
    *,
    label: str,
    x_label: str = "epoch",
    x_range: tuple[float, float] | None = None,
    written: Callable[[float], str] = text.accuracy,
    best: float | None = None,
) -> str:
    """Draw curves over each other.

    Args:
        label: what is shown, for those who cannot see it; safe text.
        x_range: ends of the x-axis; None: those of the points.
        written: how a value is written beside the pointer.
        best: x of the point of the last curve that gets a star.

    Returns:
        One `<svg>` element; STYLE must be in the page.
    """
    head = f'<svg class="curves" viewBox="0 0 {WIDTH} {HEIGHT}" role="group" aria-label="{escape(label)}">'
    points = [[(x, y) for x, y in zip(curve.xs, curve.ys, strict=True) if _fits(y)] for curve in curves]
    every = [point for row in points for point in row]
    if not every:
        words = nothing_drawn(curve.ys for curve in curves)
        return f'{head}<text x="{WIDTH / 2}" y="{HEIGHT / 2}" text-anchor="middle">{words}</text></svg>'
    bounds = [y for curve in curves for y in (*curve.low, *curve.high) if _fits(y)]
    y_axis = linear_axis([y for _, y in every] + bounds, 12)
    ends = x_range or (min(x for x, _ in every), max(x for x, _ in every))
    place = _Place(x_axis(ends, 56), y_axis)
    parts = [head, *_grid(place, x_label)]
    for curve in curves:
        parts += _band(curve, place)
    for curve in curves:
        parts += _drawn(curve, place)
    parts += [_star(place.x(x), place.y(y)) for x, y in points[-1] if x == best]
    parts += _values(curves, place, x_label, written)
    return "".join([*parts, "</svg>"])


def missing(shown: Iterable[Series]) -> str:
    """Why points are missing from a drawing, as an HTML paragraph in the terminal's words; empty where none are."""
    words = not_shown(shown)
    return paragraph(f"! {words}", "warning") if words else ""


def legend(curves: Sequence[SvgCurve], best: str = "") -> str:
    """Markers and names of the curves as an HTML list.

    Args:
        best: what the star stands for, in safe words; empty: there is none.
    """
    items = "".join(
        f'<li><svg class="k{curve.slot}" viewBox="-6 -6 12 12" aria-hidden="true" style="color:var(--k{curve.slot})">'
        f"{_mark(curve.marker, 0, 0, 1.2, own=True)}</svg>{escape(curve.name)}</li>"
        for curve in curves
    )
    if best:
        star = _star(0, 0)
        items += f'<li><svg viewBox="-9 -9 18 18" aria-hidden="true">{star}</svg>{escape(best)}</li>'
    return f'<ul class="legend">{items}</ul>'


@dataclass(frozen=True)
class _Place:
    """Where values lie in the drawing."""

    across: Axis
    up: Axis

    @cached_property
    def left(self) -> float:
        """Margin in which the labels beside the plot have room."""
        return round(max(LEFT, 6 + _FIGURE * max(map(len, self.up.labels))), 1)

    def x(self, value: float) -> float:
        return round(self.left + (WIDTH - self.left - RIGHT) * self.across.unit(value), 1)

    def y(self, value: float) -> float:
        return round(HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * self.up.unit(value), 1)


def _grid(place: _Place, x_label: str) -> list[str]:
    parts, left = [], place.left
    for tick, words in zip(place.up.ticks, place.up.labels, strict=True):
        y = place.y(tick)
        parts.append(f'<line class="grid" x1="{left}" x2="{WIDTH - RIGHT}" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="tick" x="{left - 6:.1f}" y="{y + 4}" text-anchor="end">{words}</text>')
    for tick, words in zip(place.across.ticks, place.across.labels, strict=True):
        x, y = place.x(tick), HEIGHT - BOTTOM
        parts.append(f'<line class="grid" x1="{x}" x2="{x}" y1="{y}" y2="{y + 4}"/>')
        parts.append(f'<text class="tick" x="{x}" y="{y + 18}" text-anchor="middle">{words}</text>')
    parts.append(
        f'<text class="tick" x="{(left + WIDTH - RIGHT) / 2:.1f}" y="{HEIGHT - 5}" text-anchor="middle">'
        f"{escape(x_label)}</text>"
    )
    return parts


def _band(curve: SvgCurve, place: _Place) -> list[str]:
    """A shape for each piece between two gaps of the line."""
    rows = zip(curve.xs, curve.ys, curve.low, curve.high, strict=False)
    shapes = []
    for fits, piece in groupby(rows, lambda row: all(map(_fits, row))):
        bounds = list(piece)
        if fits and len(bounds) > 1:
            there = [f"{place.x(x)},{place.y(high)}" for x, _, _, high in bounds]
            back = [f"{place.x(x)},{place.y(low)}" for x, _, low, _ in reversed(bounds)]
            shapes.append(f'<polygon class="band k{curve.slot}" points="{" ".join(there + back)}"/>')
    return shapes


def _drawn(curve: SvgCurve, place: _Place) -> list[str]:
    """The line with its gaps, and markers along it."""
    steps, pen = [], "M"
    finite = []
    for x, y in zip(curve.xs, curve.ys, strict=True):
        if not _fits(y):
            pen = "M"
            continue
        steps.append(f"{pen}{place.x(x)} {place.y(y)}")
        finite.append((x, y))
        pen = "L"
    every = max(1, math.ceil(len(finite) / MOST_MARKERS))
    marked = finite[::-1][::every]  # from the end, so that the last point has one
    marks = "".join(_mark(curve.marker, place.x(x), place.y(y)) for x, y in marked)
    return [f'<g class="k{curve.slot}"><path class="line" d="{"".join(steps)}"/>{marks}</g>']


def _values(curves: Sequence[SvgCurve], place: _Place, x_label: str, written: Callable[[float], str]) -> list[str]:
    """A column a position, with a box of values that is seen while the pointer is on it."""
    at: dict[float, list[tuple[SvgCurve, int]]] = {}
    for curve in curves:
        for index, (x, y) in enumerate(zip(curve.xs, curve.ys, strict=True)):
            if _fits(y):
                at.setdefault(x, []).append((curve, index))
    shown = _shown(at)
    edges = [place.left, *(round((place.x(a) + place.x(b)) / 2, 1) for a, b in pairwise(shown)), WIDTH - RIGHT]
    parts = []
    for x, left, right in zip(shown, edges, edges[1:], strict=False):
        marks = "".join(
            f'<g class="k{curve.slot}">{_mark(curve.marker, place.x(x), place.y(curve.ys[index]), 1.3)}</g>'
            for curve, index in at[x]
        )
        rule = f'<line class="rule" x1="{place.x(x)}" x2="{place.x(x)}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
        box = _box(x, [(curve, _told(curve, index, written)) for curve, index in at[x]], place, x_label)
        hit = f'<rect class="hit" x="{left}" y="0" width="{max(0.0, right - left):.1f}" height="{HEIGHT}"/>'
        stop = -1 if len(shown) > MOST_STOPS else 0
        said = escape(", ".join([f"{x_label} {x:g}", *(_told(curve, index, written) for curve, index in at[x])]))
        inside = f'{hit}<g class="tip">{rule}{marks}{box}</g>'
        parts.append(f'<g class="at" tabindex="{stop}" role="img" aria-label="{said}">{inside}</g>')
    return parts


def _shown(at: Mapping[float, Sequence[tuple[SvgCurve, int]]]) -> list[float]:
    """The positions that show their values, in order.

    Of too many those are thinned first that only the densest curve has: beside a curve with a point at every few
    updates stands one with a point an epoch.
    """
    points: dict[int, list[tuple[float, float]]] = {}
    for x, found in at.items():
        for curve, index in found:
            points.setdefault(id(curve), []).append((curve.ys[index], x))
    densest = max(points, key=lambda one: len(points[one]))
    shared = sorted(x for x, found in at.items() if any(id(curve) != densest for curve, _ in found))
    kept = _thinned(shared, MOST_COLUMNS)
    kept += _thinned(sorted(at.keys() - set(shared)), MOST_COLUMNS - len(kept))
    ends = [x for row in points.values() for _, x in (min(row), max(row))]
    return sorted({*kept, *ends, max(at)})


def _thinned(positions: Sequence[float], most: int) -> list[float]:
    """At most so many of them, evenly, the last one among them."""
    return list(positions[::-1][:: max(1, math.ceil(len(positions) / most))]) if most else []


def _told(curve: SvgCurve, index: int, written: Callable[[float], str]) -> str:
    words = f"{curve.marker} {text.fit(curve.name, 22).rstrip()} {written(curve.ys[index])}"
    if curve.low and curve.low[index] != curve.high[index]:
        words += f" ({written(curve.low[index])} to {written(curve.high[index])})"
    return words


def _box(x: float, told: Sequence[tuple[SvgCurve, str]], place: _Place, x_label: str) -> str:
    lines = [(f"{x_label} {x:g}", ""), *((words, f"k{curve.slot}") for curve, words in told[:MOST_TOLD])]
    if len(told) > MOST_TOLD:
        lines.append((f"and {len(told) - MOST_TOLD} more", ""))
    width = max(text.cells(words) for words, _ in lines) * _LETTER + 14
    right_of = place.x(x) + 8 + width <= WIDTH
    left = place.x(x) + 8 if right_of else max(2.0, place.x(x) - 8 - width)
    rows = "".join(f'<tspan x="{left + 7:.1f}" dy="{_LINE}">{_coloured(words, kind)}</tspan>' for words, kind in lines)
    height = _LINE * len(lines) + 8
    return (
        f'<rect class="box" x="{left:.1f}" y="{TOP}" width="{width:.1f}" height="{height}" rx="4"/>'
        f'<text y="{TOP}">{rows}</text>'
    )


def _coloured(words: str, kind: str) -> str:
    """The words, their marker in the colour of its curve."""
    if not kind:
        return escape(words)
    return f'<tspan class="{kind}" fill="currentColor" style="fill:currentColor">{words[0]}</tspan>{escape(words[1:])}'


def _fits(value: float) -> bool:
    """Whether a value can be drawn: finite, and no difference of two overflows."""
    return abs(value) <= LARGEST


def _star(x: float, y: float) -> str:
    """Five points around a place; of the page's colour that marks the best in tables too."""
    turns = [(9.0 if corner % 2 == 0 else 3.8, math.pi * corner / 5) for corner in range(10)]
    corners = " ".join(f"{x + size * math.sin(turn):.1f},{y - size * math.cos(turn):.1f}" for size, turn in turns)
    return f'<polygon points="{corners}" style="fill:var(--c3);stroke:var(--bg)"/>'


Corner = tuple[float, float]

_SQUARE: Sequence[Corner] = ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9))
_UP: Sequence[Corner] = ((0, -1.2), (1.1, 0.8), (-1.1, 0.8))
_DOWN: Sequence[Corner] = ((0, 1.2), (1.1, -0.8), (-1.1, -0.8))
_RIGHT: Sequence[Corner] = ((1.2, 0), (-0.8, 1.1), (-0.8, -1.1))
_LEFT: Sequence[Corner] = ((-1.2, 0), (0.8, 1.1), (0.8, -1.1))
_DIAMOND: Sequence[Corner] = ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0))
_WIDE: Sequence[Corner] = ((-1.3, -0.5), (1.3, -0.5), (1.3, 0.5), (-1.3, 0.5))
_HIGH: Sequence[Corner] = ((-0.5, -1.3), (0.5, -1.3), (0.5, 1.3), (-0.5, 1.3))
_POLYGONS: Mapping[str, Sequence[Corner]] = {
    **dict.fromkeys("▲△", _UP),
    **dict.fromkeys("▼▽", _DOWN),
    **dict.fromkeys("▸▷", _RIGHT),
    **dict.fromkeys("◂◁", _LEFT),
    **dict.fromkeys("◆◇", _DIAMOND),
    **dict.fromkeys("▬▭", _WIDE),
    **dict.fromkeys("▮▯", _HIGH),
    "□": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
    "◢": ((1, -1), (1, 1), (-1, 1)),
    "◣": ((-1, -1), (1, 1), (-1, 1)),
    "◤": ((-1, -1), (1, -1), (-1, 1)),
    "◥": ((-1, -1), (1, -1), (1, 1)),
}
_HOLLOW = "□△◇▽▷◁▭▯"
_STROKES: Mapping[str, Sequence[tuple[Corner, Corner]]] = {
    "✚": (((-1.2, 0), (1.2, 0)), ((0, -1.2), (0, 1.2))),
    "✖": (((-1, -1), (1, 1)), ((-1, 1), (1, -1))),
}
"""Markers as shapes around their place, in units of their size."""


def _mark(marker: str, x: float, y: float, scale: float = 1.0, *, own: bool = False) -> str:
    """A marker as a shape: fonts draw these characters at all sizes."""
    size = 3.4 * scale

    def at(dx: float, dy: float) -> str:
        return f"{x + dx * size:.1f},{y + dy * size:.1f}"

    if marker in ("●", "○"):
        shape, hollow = f'<circle cx="{x}" cy="{y}" r="{size:.1f}"', marker == "○"
    elif marker in _STROKES:
        strokes = "".join(f"M{at(*start)}L{at(*end)}" for start, end in _STROKES[marker])
        shape, hollow = f'<path d="{strokes}" stroke-width="2.6"', False
    else:
        corners = " ".join(at(*corner) for corner in _POLYGONS.get(marker, _SQUARE))
        shape, hollow = f'<polygon points="{corners}"', marker in _HOLLOW
    if own:  # outside a figure, whose style does not reach it
        fill = "none" if hollow else "currentColor"
        return f'{shape} fill="{fill}" stroke="currentColor" stroke-width="1.4"/>'.replace(
            ' stroke-width="2.6" fill', " fill"
        )
    return f'{shape} class="mark{" open" if hollow else ""}"/>'
