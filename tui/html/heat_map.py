"""A confusion matrix as an inline SVG: each cell as dark as its share of the true class, its figures on hover."""

from html import escape

from vislab.tui.views import text
from vislab.tui.views.results import Results
from vislab.tui.views.text import plain

NUMBERED = 20
"""Classes up to which counts and names stand in the drawing."""
_STRONGEST = 0.5  # opacity at which the words on a cell keep a contrast of 4.5 : 1 in light and in dark
_LETTERS = 14  # of a class's name beside the drawing
_LETTER = 7.0  # width of one, at the size of STYLE

STYLE = """
svg.heat { display: block; max-width: 100%; height: auto; margin: .6rem 0; break-inside: avoid; }
svg.heat text { font: 11px system-ui, sans-serif; fill: var(--fg); }
svg.heat .frame { fill: none; stroke: var(--line); }
svg.heat .right { fill: var(--c4); }
svg.heat .wrong { fill: var(--c5); }
""".strip()


def heat_map(found: Results) -> str:
    """Draw the matrix, true classes down, predicted ones across.

    Blue on the diagonal, orange off it; `STYLE` must be in the page.
    """
    count = len(found.classes)
    named = count <= NUMBERED
    cell = 36.0 if named else max(2.0, 640 / count)
    names = [plain(name, 60) for name in found.classes]
    longest = max(map(_beside, names), default=0.0) if named else 0.0
    left, top = 14.0 + longest, 22.0 + 0.75 * longest
    side = cell * count
    ends = [cell * (i + 0.5) + 4 + 0.75 * _beside(name) for i, name in enumerate(names)] if named else []
    width, height = left + max(side, *ends, 0.0) + 10, top + side + 10
    parts = [
        f'<svg class="heat" width="{width:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" role="img" '
        f'aria-label="confusion matrix of {count} classes, true classes down, predicted ones across">'
    ]
    for index, row in enumerate(found.matrix):
        images = sum(row.values())
        for other, number in row.items():
            parts.append(_cell(names, index, other, number, images, (left, top, cell), counted=named))
    parts.append(f'<rect class="frame" x="{left}" y="{top}" width="{side:.1f}" height="{side:.1f}"/>')
    if named:
        for index, name in enumerate(names):
            short = escape(text.fit(name, _LETTERS).rstrip())
            middle = cell * (index + 0.5)
            parts.append(f'<text x="{left - 6}" y="{top + middle + 4}" text-anchor="end">{short}</text>')
            x, y = left + middle + 4, top - 6
            parts.append(f'<text x="{x}" y="{y}" transform="rotate(-45 {x} {y})">{short}</text>')
    return "".join([*parts, "</svg>"])


def _beside(name: str) -> float:
    """Width of a class's name beside the drawing; above it, slanted, three quarters of that to the right and up."""
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
