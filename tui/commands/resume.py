"""`vislab resume RUN`: go on with a run that ended early."""

import typer

from vislab.tui.commands.arguments import AsJson, Html, Plain, Quiet, RunReference, RunsDir, find_run


def command(
    run: RunReference,
    html: Html = None,
    quiet: Quiet = False,
    plain: Plain = False,
    json: AsJson = False,
    runs_dir: RunsDir = None,
) -> None:
    """Go on with a run that ended early.

    It continues from its last checkpoint, on the same data split, with its epochs counted on.
    """
    from vislab.presets.errors import InputError
    from vislab.presets.settings import load_settings
    from vislab.tui import headless, html_file

    html_file.check(html)
    found = find_run(run, runs_dir)
    if found.status() == "done":
        raise InputError(f"Run {found.id} is done. To train again from its settings: vislab run --like {found.id}")
    output = headless.Output(quiet=quiet, plain=plain, json=json, html=html)
    raise typer.Exit(headless.train(found, load_settings(runs_dir=runs_dir), output))
