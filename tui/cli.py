"""The `vislab` command: puts the commands of `vislab.tui.commands` together and turns their ends into exit codes."""

import errno
import io
import os
import signal
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

import vislab
from vislab.presets.errors import InputError, unusable
from vislab.tui.commands import (
    attach,
    bench,
    cache,
    checkpoint,
    compare,
    console,
    data,
    delete,
    diff,
    doctor,
    evaluate,
    export,
    find_lr,
    log,
    look,
    path,
    pause,
    predict,
    presets,
    prune,
    resume,
    run,
    runs,
    set,
    show,
    stop,
    study,
    sync,
    unpause,
    wait,
)
from vislab.tui.commands.arguments import RunsDir
from vislab.tui.requests import Unanswered


class Commands(TyperGroup):
    """A group whose commands may raise InputError: its text goes to stderr, the exit code is 2."""

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        """Run the command that was chosen."""
        try:
            return super().invoke(ctx)
        except (InputError, Unanswered) as error:
            console.refuse(error, on_screen=ctx.invoked_subcommand in (None, "attach"))
            raise typer.Exit(2 if isinstance(error, InputError) else 1) from error
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        except OSError as error:
            if not unusable(error):
                raise
            console.refuse(unusable(error), on_screen=ctx.invoked_subcommand in (None, "attach"))
            raise typer.Exit(1) from error


# Plain help: it need not import rich, and our texts hold square brackets.
app = typer.Typer(cls=Commands, rich_markup_mode=None, pretty_exceptions_enable=False)

app.command("run")(run.command)
app.command("resume")(resume.command)
app.command("attach")(attach.command)
app.command("stop")(stop.command)
app.command("pause")(pause.command)
app.command("unpause")(unpause.command)
app.command("checkpoint")(checkpoint.command)
app.command("set")(set.command)
app.command("wait")(wait.command)
app.command("runs")(runs.command)
app.command("show")(show.command)
app.command("study")(study.command)
app.command("diff")(diff.command)
app.command("compare")(compare.command)
app.command("delete")(delete.command)
app.command("prune")(prune.command)
app.command("predict")(predict.command)
app.command("evaluate")(evaluate.command)
app.command("path")(path.command)
app.command("log")(log.command)
app.command("look")(look.command)
app.command("export")(export.command)
app.add_typer(presets.app, name="presets")
app.command("sync")(sync.command)
app.command("find-lr")(find_lr.command)
app.command("bench")(bench.command)
app.command("data")(data.command)
app.command("doctor")(doctor.command)
app.command("cache")(cache.command)


@app.callback(invoke_without_command=True)
def vislab_(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
    runs_dir: RunsDir = None,
) -> None:
    """A training console for image classification: without a command, it opens on this terminal.

    RUN is an id, a unique beginning of one, or `latest`. Exit codes: 0 done, 1 failed, 2 a mistake in what was given,
    130 interrupted, 143 terminated.
    """
    if version:
        typer.echo(f"vislab {vislab.__version__}")
    elif context.invoked_subcommand is None:
        console.open_console(runs_dir)
    elif runs_dir is not None:
        raise InputError(f"--runs-dir stands behind the command: vislab {context.invoked_subcommand} --runs-dir DIR")


class _Reports(io.FileIO):
    """A file of which lines are lost while its disk is full: what they tell of goes on, and has an end of its own."""

    def write(self, data: Any) -> int:
        """Write bytes to the last, or let them go; returns their number."""
        rest = memoryview(data)
        try:
            while rest and (written := super().write(rest)):
                rest = rest[written:]
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
        return len(data)


def main() -> None:
    """Entry point of the console script."""
    # Python turns SIGTERM into an end without clean-up; commands that wait long put their own handlers in its place.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a character shows `?`
    if isinstance(sys.stderr, io.TextIOWrapper) and sys.stderr is sys.__stderr__:
        # Without a buffer that keeps what could not be written: at the end Python would make an exit code of it.
        reports = _Reports(sys.stderr.fileno(), "w", closefd=False)
        sys.stderr = io.TextIOWrapper(reports, sys.stderr.encoding, errors="replace", line_buffering=True)
    try:
        app()
    except (OSError, SystemExit) as end:
        _hand_on("\n" if isinstance(end, OSError) else "")
        raise


def _hand_on(more: str) -> None:
    """Write out what was printed; where that cannot be done, say why and end.

    Args:
        more: to be printed. An OSError may come of a print that left nothing behind to be written again: this tells.
    """
    try:
        print(end=more, flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or Python would try again, and complain
        if not isinstance(error, BrokenPipeError):  # else the reader has gone, as with `vislab runs | head`
            console.refuse(f"stdout cannot be written: {error.strerror}.")
            sys.exit(1)
