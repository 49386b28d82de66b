"""Pictures inside a page: PNG as data, in a grid with words under them."""

import base64
import io
from collections.abc import Iterable
from html import escape

from vislab.tui.looks import Shown

STYLE = """
.grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(7rem, 1fr)); gap: .8rem .6rem; margin: .6rem 0; }
.grid figure { margin: 0; }
.grid img { display: block; width: 100%; aspect-ratio: 1; object-fit: contain; background: var(--panel);
  border: 1px solid var(--line); image-rendering: pixelated; }
.grid figcaption { font-weight: 400; font-size: .8125rem; line-height: 1.3; overflow-wrap: anywhere; }
.grid .wrong { color: var(--error); }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 2px; }
.grid.pairs { grid-template-columns: repeat(auto-fill, minmax(min(14rem, 45%), 1fr)); }
@media print { .grid { grid-template-columns: repeat(8, 1fr); } .grid.pairs { grid-template-columns: repeat(4, 1fr); }
  .grid figure { break-inside: avoid; } }
""".strip()


def grid(pictures: Iterable[Shown]) -> str:
    """Pictures one beside the other, as many as fit."""
    return f'<div class="grid">{"".join(_figure([one], one) for one in pictures)}</div>'


def pairs(pictures: Iterable[tuple[Shown, Shown]]) -> str:
    """Pairs of pictures, with the words of the second under both."""
    return f'<div class="grid pairs">{"".join(_figure(pair, pair[1]) for pair in pictures)}</div>'


def _figure(pictures: Iterable[Shown], told: Shown) -> str:
    words = [escape(line).replace(" %", "&nbsp;%") for line in told.lines]
    if told.right is False and words:
        words[-1] = f'<span class="wrong">{words[-1]}</span>'
    images = "".join(_image(one) for one in pictures)
    return (
        f'<figure><div class="pair">{images}</div>{_caption(words)}</figure>'
        if images.count("<img") > 1
        else (f"<figure>{images}{_caption(words)}</figure>")
    )


def _caption(words: list[str]) -> str:
    return f"<figcaption>{'<br>'.join(words)}</figcaption>" if words else ""


def _image(shown: Shown) -> str:
    if not shown.rgb:
        return ""
    data = base64.b64encode(png(shown)).decode()
    return f'<img src="data:image/png;base64,{data}" alt="{escape(", ".join(shown.lines))}">'


def png(shown: Shown) -> bytes:
    """A picture as a PNG file."""
    from PIL import Image

    file = io.BytesIO()
    Image.frombytes("RGB", (shown.width, shown.height), shown.rgb).save(file, "PNG", optimize=True)
    return file.getvalue()
