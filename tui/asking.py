"""A question to a job, asked by a command: progress on stderr, a failure in words."""

import sys
from collections.abc import Mapping
from typing import Any

import typer

from vislab.engine.runs.ask import JobError, ask
from vislab.tui import escapes
from vislab.tui.views.text import count, plain


def asked(job: str, request: Mapping[str, Any]) -> dict[str, Any]:
    """Ask and wait, with a line of progress where stderr is a terminal.

    Raises:
        InputError: the job found a mistake in what the user gave.
        typer.Exit: the job failed; why is told on stderr.
    """
    tell = _tell if escapes.understood(sys.stderr) else None
    try:
        return ask(job, request, on_progress=tell)
    except JobError as error:
        for line in (f"error: {error}", *error.wrote.splitlines()):
            typer.echo(plain(line, 10_000), err=True)
        raise typer.Exit(1) from error
    finally:
        if tell is not None:
            typer.echo("\r\x1b[K", nl=False, err=True)


def _tell(what: str, done: int, total: int) -> None:
    typer.echo(f"\r\x1b[K{plain(what, 60)} {count(done)}{f'/{count(total)}' if total else ''}", nl=False, err=True)
