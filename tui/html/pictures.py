"""Pictures inside a page: PNG as data, in a grid with words under them."""

import base64
import struct
import zlib
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
    """A picture as a PNG file. Not by Pillow, which would stay in the console's memory with 3 MB."""
    rows = [shown.rgb[begin : begin + 3 * shown.width] for begin in range(0, len(shown.rgb), 3 * shown.width)]
    plain = zlib.compress(b"".join(b"\0" + row for row in rows), 9)
    steps = zlib.compress(b"".join(b"\1" + _steps(row) for row in rows), 9)  # photographs are smaller so
    head = struct.pack(">IIBBBBB", shown.width, shown.height, 8, 2, 0, 0, 0)  # 8 bits, red, green and blue
    chunks = ((b"IHDR", head), (b"IDAT", min(plain, steps, key=len)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(*chunk) for chunk in chunks)


def _steps(row: bytes) -> bytes:
    """Each pixel less the one at its left."""
    return row[:3] + bytes((now - before) & 255 for now, before in zip(row[3:], row, strict=False))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
