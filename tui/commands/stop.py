"""`vislab stop RUN`: end a live run."""

import time
from typing import Annotated

import typer

from vislab.tui.commands.arguments import RunReference, RunsDir, find_run


def command(
    run: RunReference,
    after_epoch: Annotated[bool, typer.Option("--after-epoch", help="Let it end its present epoch first.")] = False,
    now: Annotated[bool, typer.Option("--now", help="Kill it: the work since its last checkpoint is lost.")] = False,
    runs_dir: RunsDir = None,
) -> None:
    """Stop a run, with a checkpoint.

    It stops after its present step; this waits until it has ended.
    """
    from vislab.engine.runs import queue
    from vislab.engine.runs.ending import kill
    from vislab.presets.errors import InputError
    from vislab.tui.headless import ask_to_stop
    from vislab.tui.requests import require_room, require_worker, send

    if after_epoch and now:
        raise InputError("--after-epoch and --now exclude each other: give one of them.")
    found = find_run(run, runs_dir)
    if found.waiter():
        queue.cancel(found)
        typer.echo(f"{found.id}: taken out of the queue. Start it with: vislab resume {found.id}")
        return
    require_worker(found)
    if now:
        ended = "stopped at once" if kill(found) else found.status()
    else:
        if after_epoch:
            require_room(found)
            send(found, "stop_after_epoch")
        else:
            ask_to_stop(found)
        typer.echo(f"Asked {found.id} to stop after this {'epoch' if after_epoch else 'step'} …", err=True)
        while found.worker():
            time.sleep(0.05)
        ended = found.status()
    hint = "" if ended == "done" else f" Go on with: vislab resume {found.id}"
    typer.echo(f"{found.id}: {ended}, {found.state().step} steps done.{hint}")
