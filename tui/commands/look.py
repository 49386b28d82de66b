"""`vislab look RUN`: pictures in the terminal."""

import sys
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from vislab.tui.commands.arguments import RunReference, RunsDir, find_run

if TYPE_CHECKING:
    from vislab.tui.looks import Shown

What = Literal["answers", "mistakes", "saliency", "training"]

_SIDE = 28  # pixels; a cell shows one across and two down
_GAP = 2


def command(
    run: RunReference,
    what: Annotated[What, typer.Argument(help="Which pictures.")] = "answers",
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=64, help="How many, at most.")] = 8,
    runs_dir: RunsDir = None,
) -> None:
    """Show images that a run was judged by, its worst mistakes, where its model looks, or what it saw in training.

    The terminal must show colours. `vislab export RUN --html FILE` has larger pictures.
    """
    from vislab.engine.analysis import predictions
    from vislab.presets.errors import InputError
    from vislab.presets.settings import load_settings
    from vislab.tui import escapes, looks
    from vislab.tui.asking import asked
    from vislab.tui.views.results import heat_words

    if not escapes.coloured(sys.stdout):
        raise InputError(
            "Pictures need a terminal that shows colours; here `vislab export RUN --html FILE` writes a page with them."
        )
    found = find_run(run, runs_dir)
    source = looks.Source(found, str(load_settings(runs_dir=runs_dir).data_dir), asked, _SIDE)
    if what == "training":
        _print([[one] for one in source.training(count)])
        return
    state = found.state()
    answered = predictions.of_run(found, state)
    if not answered:
        raise InputError(f"Run {found.id}: {predictions.why_none(found, state)}")
    if what == "saliency":
        method, pairs = source.heat(looks.explained(answered, count))
        _print([list(pair) for pair in pairs])
        typer.echo(f"{heat_words(method)}.")
        return
    rows = looks.spread(answered, count) if what == "answers" else predictions.worst(answered, count)
    if not rows:
        typer.echo("Every image is judged right.")
    _print([[one] for one in source.answers(rows)])


def _print(groups: "list[list[Shown]]") -> None:
    """Groups of pictures one beside the other, as many as fit, with the words of the last of each below."""
    from rich.console import Console
    from rich.text import Text

    from vislab.tui.views.results import caption, half_blocks
    from vislab.tui.views.text import fit

    console = Console(markup=False, emoji=False, highlight=False)
    if not groups:
        return
    wide = _SIDE * len(groups[0])
    columns = max(1, (console.width + _GAP) // (wide + _GAP))
    for start in range(0, len(groups), columns):
        row = groups[start : start + columns]
        height = max(((one.height + 1) // 2 for group in row for one in group), default=0)
        lines = [Text(no_wrap=True, overflow="crop") for _ in range(height)]
        for group in row:
            for one in group:
                cells = half_blocks(one.rgb, one.width, one.height) if one.rgb else []
                for number, line in enumerate(lines):
                    drawn = cells[number] if number < len(cells) else b""
                    for begin in range(0, len(drawn), 6):
                        line.append("▀", "rgb({},{},{}) on rgb({},{},{})".format(*drawn[begin : begin + 6]))
                    line.append(" " * (_SIDE - len(drawn) // 6))
            for line in lines:
                line.append(" " * _GAP)
        for line in lines:
            console.print(line)
        told = [
            caption(last.answer, wide) if last.answer is not None and last.rgb else last.lines
            for last in (group[-1] for group in row)
        ]
        for number in range(max(map(len, told))):
            words = [fit(lines[number] if number < len(lines) else "", wide) for lines in told]
            console.print(Text((" " * _GAP).join(words).rstrip(), no_wrap=True, overflow="crop"))
        console.print()
