"""Pieces of a page that needs nothing else: its frame, its tables, its lists. What they are given is safe text."""

from collections.abc import Iterable, Mapping, Sequence
from html import escape, unescape

from vislab.tui.html_style import stylesheet

STYLE = """
.scroll { overflow-x: auto; margin: .6rem 0; background: linear-gradient(90deg, var(--bg) 40%, transparent),
  linear-gradient(270deg, var(--bg) 40%, transparent) 100% 0, linear-gradient(90deg, var(--line), transparent),
  linear-gradient(270deg, var(--line), transparent) 100% 0; background-repeat: no-repeat;
  background-size: 2rem 100%, 2rem 100%, .6rem 100%, .6rem 100%; background-attachment: local, local, scroll, scroll; }
.scroll:focus-visible { outline: 2px solid var(--c4); outline-offset: 1px; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem .3rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
td { white-space: nowrap; }
th { font-weight: 600; vertical-align: bottom; }
.number { text-align: right; }
.best { color: var(--c2); font-weight: 600; }
.long { white-space: normal; min-width: 11rem; max-width: 22rem; overflow-wrap: anywhere; }
h3 { font-size: 1rem; margin: 1.4rem 0 .3rem; }
h4 { font-size: .9rem; margin: 1.1rem 0 .3rem; }
a { color: var(--c4); }
nav { font-size: .875rem; }
nav ul { columns: 16rem; }
nav ul ul { columns: auto; }
details.run { border-top: 1px solid var(--line); padding: .4rem 0; }
details.run > summary { font-weight: 600; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 26rem), 1fr)); gap: 0 2rem; }
pre.wrapped { white-space: pre-wrap; overflow-wrap: anywhere; }
.question { font-size: 1.1rem; }
@media (max-width: 40rem) { .long { min-width: 8rem; } }
@media print { .scroll { overflow: visible; background: none; } table { font-size: 7.5pt; }
  th, td { padding: .2rem .4rem .2rem 0; }
  .long { min-width: 0; } :has(+ .scroll, + .grid, + .figures, + pre) { break-after: avoid; }
  .figures { grid-template-columns: 1fr 1fr; } tr, .scroll:not(:has(tr:nth-child(16))) { break-inside: avoid; }
  tr:nth-child(-n+3) { break-after: avoid; } tr:nth-last-child(-n+3) { break-before: avoid; } }
""".strip()
"""Beside `vislab.tui.html_style`."""


def page(title: str, parts: Iterable[str], *styles: str) -> str:
    """A whole page of finished HTML parts; its policy lets it fetch nothing.

    Args:
        title: safe text.
        styles: further rules.
    """
    return "\n".join(
        [
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
            'img-src data:">',
            '<link rel="icon" href="data:,">',
            f"<title>{escape(title)} · vislab</title>",
            "<style>",
            stylesheet(),
            STYLE,
            *styles,
            "</style>\n</head>\n<body>\n<main>",
            *parts,
            "</main>\n</body>\n</html>\n",
        ]
    )


def heading(words: str, level: int = 2) -> str:
    """The title of a section, or of a part of one."""
    return f"<h{level}>{escape(words)}</h{level}>"


def with_contents(parts: Iterable[str], below: Mapping[str, Iterable[tuple[str, str]]] | None = None) -> list[str]:
    """The parts of a page, a list of its sections in front of the first of them.

    Args:
        below: title of a section to id and safe name of what is listed below it.
    """
    made: list[str] = []
    entries: list[str] = []
    first = 0
    for part in parts:
        if part.startswith("<h2>"):
            first = first or len(made)
            title = part.removeprefix("<h2>").removesuffix("</h2>")
            identity = f"section-{len(entries) + 1}"
            inner = "".join(_link(one, escape(name)) for one, name in (below or {}).get(unescape(title), ()))
            entries.append(_link(identity, title, f"<ul>{inner}</ul>" if inner else ""))
            part = f'<h2 id="{identity}">{title}</h2>'
        made.append(part)
    return [*made[:first], f'<nav aria-label="contents"><ul>{"".join(entries)}</ul></nav>', *made[first:]]


def _link(identity: str, words: str, below: str = "") -> str:
    return f'<li><a href="#{identity}">{words}</a>{below}</li>'


def paragraph(words: str, kind: str = "") -> str:
    """A paragraph; `kind` is a class of the style."""
    return f'<p class="{kind}">{escape(words)}</p>' if kind else f"<p>{escape(words)}</p>"


def items(lines: Iterable[str]) -> str:
    """A list."""
    return f"<ul>{''.join(f'<li>{escape(line)}</li>' for line in lines)}</ul>"


def table(
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    label: str,
    words: Sequence[str] = (),
    colours: Sequence[str] = (),
) -> str:
    """A table that scrolls sideways where the page is narrow. Cells that begin with a star are marked as the best.

    Args:
        label: what it holds, for those who do not see it.
        words: titles of the columns that hold no figures.
        colours: a class a row, for its first cell.
    """

    def cell(words_: str, head: str, first: str) -> str:
        kinds = ["long" if len(words_) > 24 else ""] if head in words else ["number"]
        kinds += ["best"] * words_.startswith("★") + [first] * bool(first)
        kind = " ".join(filter(None, kinds))
        return f'<td class="{kind}">{escape(words_)}</td>' if kind else f"<td>{escape(words_)}</td>"

    head = "".join(f'<th scope="col"{"" if h in words else _NUMBER}>{escape(h)}</th>' for h in heads)
    body = []
    for index, row in enumerate(rows):
        colour = colours[index] if colours else ""
        cells = (cell(one, h, colour if i == 0 else "") for i, (one, h) in enumerate(zip(row, heads, strict=True)))
        body.append(f"<tr>{''.join(cells)}</tr>")
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{escape(label)}"><table><thead><tr>{head}</tr>'
        f"</thead><tbody>{''.join(body)}</tbody></table></div>"
    )


_NUMBER = ' class="number"'
