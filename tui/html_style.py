"""How the HTML log looks: light and dark, on a phone and on paper. No fonts, scripts or images are fetched."""

from rich.terminal_theme import TerminalTheme

SLOTS = TerminalTheme(
    (255, 255, 255), (254, 254, 254), [(slot,) * 3 for slot in range(8)], [(slot,) * 3 for slot in range(8, 16)]
)
"""Theme that gives each of the terminal's 16 colours a number in place of a colour, for CSS to choose."""

LIGHT = {
    "bg": "#ffffff",
    "panel": "#f6f7f9",
    "fg": "#1b1f24",
    "muted": "#57606a",
    "line": "#d5dae1",
    "error": "#b3261e",
    "warning": "#8a4b00",
    "info": "#57606a",
    "c2": "#14632e",
    "c3": "#7a5200",
    "c4": "#0a56b8",
    "c5": "#b23c00",
    "c8": "#57606a",
}
"""Colours by name; cN is colour N of the terminal: 2 the best, 3 its star, 4 training, 5 validation, 8 muted."""

DARK = {
    "bg": "#0f1216",
    "panel": "#171b21",
    "fg": "#e4e8ed",
    "muted": "#a0a9b4",
    "line": "#323943",
    "error": "#ff8a80",
    "warning": "#f0b45a",
    "info": "#a0a9b4",
    "c2": "#6fd08c",
    "c3": "#f2cc60",
    "c4": "#6cb2ff",
    "c5": "#ff9b63",
    "c8": "#a0a9b4",
}

_RULES = """
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--bg); color: var(--fg); font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 62rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 2.2rem 0 .5rem; padding-bottom: .25rem; border-bottom: 1px solid var(--line); }
p, ul { margin: .4rem 0; overflow-wrap: anywhere; }
ul { padding-left: 1.2rem; }
.findings li { margin: .5rem 0; }
.muted { color: var(--muted); }
.status { float: right; margin: .2rem 0 0 1rem; font-weight: 600; }
.failed, .died, .error { color: var(--error); }
.warning { color: var(--warning); }
.info { color: var(--info); }
pre { margin: .6rem 0; padding: .75rem; overflow-x: auto; background: var(--panel); border: 1px solid var(--line);
  border-radius: 6px; font: .8125rem/1.25 ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace;
  font-variant-ligatures: none; }
pre:focus-visible, summary:focus-visible { outline: 2px solid var(--c4); outline-offset: 1px; }
code { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: .9em; }
summary { cursor: pointer; }
@media (max-width: 40rem) { main { padding: 1rem .75rem 3rem; } pre { font-size: .6875rem; padding: .5rem; } }
@media print {
  @page { margin: 14mm; }
  html { font-size: 10pt; }
  main { max-width: none; padding: 0; }
  h2, h3, summary { break-after: avoid; }
  li { break-inside: avoid; }
  pre { overflow: visible; border: 0; padding: 0; background: none; font-size: 7.2pt;
    orphans: 6; widows: 4; }
  .screen { display: none; }
  details::details-content { content-visibility: visible; block-size: auto; }
  summary { list-style: none; }
}
""".strip()


def stylesheet() -> str:
    """The CSS of the page; paper is always light, and what can be folded is open there."""
    return "\n".join(
        [
            f":root {{ {_variables(LIGHT)} }}",
            f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {_variables(DARK)} }} }}",
            _RULES,
        ]
    )


def _variables(palette: dict[str, str]) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in palette.items())
