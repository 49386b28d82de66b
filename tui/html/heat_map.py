"""A confusion matrix as an inline SVG: each cell as dark as its share of the true class, its figures on hover."""

from html import escape

from vislab.tui.views import text
from vislab.tui.views.results import Results
from vislab.tui.views.text import plain

COUNTED = 20
"""Classes up to which counts stand in the cells."""
_SIDE = 640.0  # of a drawing of more classes
_SLANTED = 17.0  # width of a cell from which on names have room above the columns; below it numbers stand there
_LINE = 12.0  # height of a line of words
_STRONGEST = 0.5  # opacity at which the words on a cell keep a contrast of 4.5 : 1 in light and in dark
_LETTERS = 14  # of a class's name beside the drawing
_LETTER = 7.0  # width of one, at the size of STYLE

STYLE = """
svg.heat { display: block; max-width: 100%; height: auto; margin: .6rem 0; break-inside: avoid; }
svg.heat text { font: 11px system-ui, sans-serif; fill: var(--fg); }
svg.heat .index { fill: var(--muted); }
svg.heat .frame { fill: none; stroke: var(--line); }
svg.heat .right { fill: var(--c4); }
svg.heat .wrong { fill: var(--c5); }
""".strip()


def heat_map(found: Results) -> str:
    """Draw the matrix, true classes down, predicted ones across.

    Blue on the diagonal, orange off it; `STYLE` must be in the page. Where names have no room above the columns,
    numbers stand there and behind the names of the rows; of very many classes, only at as many as have room.
    """
    count = len(found.classes)
    cell = _width(count)
    names = [plain(name, 60) for name in found.classes]
    longest = max(map(_beside, names), default=0.0)
    numbers = len(str(count - 1)) * _LETTER + 6 if _numbered(count) else 0.0
    left, top = 14.0 + longest + numbers, 22.0 + (0.0 if numbers else 0.75 * longest)
    side = cell * count
    ends = [] if numbers else [cell * (i + 0.5) + 4 + 0.75 * _beside(name) for i, name in enumerate(names)]
    width, height = left + max(side, *ends, 0.0) + 10, top + side + 10
    parts = [
        f'<svg class="heat" width="{width:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
        f'aria-label="confusion matrix of {count} classes, true classes down, predicted ones across">'
    ]
    for index, row in enumerate(found.matrix):
        images = sum(row.values())
        for other, number in row.items():
            parts.append(_cell(names, index, other, number, images, (left, top, cell), counted=count <= COUNTED))
    parts.append(f'<rect class="frame" x="{left}" y="{top}" width="{side:.1f}" height="{side:.1f}"/>')
    for index in range(0, count, _every(_LINE / cell)):
        y = top + cell * (index + 0.5) + 4
        parts.append(f'<text x="{left - numbers - 6}" y="{y:.1f}" text-anchor="end">{_short(names[index])}</text>')
        if numbers:
            parts.append(f'<text class="index" x="{left - 6}" y="{y:.1f}" text-anchor="end">{index}</text>')
    for index in range(0, count, _every(numbers / cell)):
        x, y = left + cell * (index + 0.5), top - 6
        if numbers:
            parts.append(f'<text class="index" x="{x:.1f}" y="{y}" text-anchor="middle">{index}</text>')
        else:
            turned = f'transform="rotate(-45 {x + 4:.1f} {y})"'
            parts.append(f'<text x="{x + 4:.1f}" y="{y}" {turned}>{_short(names[index])}</text>')
    return "".join([*parts, "</svg>"])


def key(found: Results) -> str:
    """How the drawing is read; it stands below a table of the classes."""
    words = "true classes down, predicted ones across; the stronger, the larger the share of the true class"
    return words + "; classes are numbered from 0 in the order of the table above" * _numbered(len(found.classes))


def _width(count: int) -> float:
    """Width of a cell, in a drawing of so many classes."""
    return 36.0 if count <= COUNTED else max(2.0, _SIDE / count)


def _numbered(count: int) -> bool:
    return _width(count) < _SLANTED


def _every(least: float) -> int:
    """The smallest of 1, 2, 5 times a power of ten that is not below `least`."""
    return next(digit * 10**power for power in range(9) for digit in (1, 2, 5) if digit * 10**power >= least)


def _short(name: str) -> str:
    return escape(text.fit(name, _LETTERS).rstrip())


def _beside(name: str) -> float:
    """Width of `_short`; slanted above the drawing it takes three quarters of that to the right and up."""
    return min(_LETTERS, text.cells(name)) * _LETTER


def _cell(
    names: list[str],
    true: int,
    predicted: int,
    number: int,
    images: int,
    place: tuple[float, float, float],
    *,
    counted: bool,
) -> str:
    left, top, cell = place
    x, y = left + cell * predicted, top + cell * true
    share = number / images
    kind = "right" if true == predicted else "wrong"
    title = f"{names[true]} taken for {names[predicted]}: {number} of {images} ({text.percent(share)})"
    words = ""
    if counted:
        words = f'<text x="{x + cell / 2}" y="{y + cell / 2 + 4}" text-anchor="middle">{number}</text>'
    return (
        f'<g><title>{escape(title)}</title><rect class="{kind}" x="{x:.1f}" y="{y:.1f}" width="{cell:.1f}" '
        f'height="{cell:.1f}" opacity="{0.06 + (_STRONGEST - 0.06) * share:.2f}"/>{words}</g>'
    )
