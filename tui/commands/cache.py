"""`vislab cache`: what lies in the cache folder, and making room there."""

import json as json_
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vislab.tui.commands.arguments import AsJson

if TYPE_CHECKING:
    from vislab.engine.cache import Listed


def command(
    clear: Annotated[bool, typer.Option("--clear", help="Remove what is listed; what runs use stays.")] = False,
    older: Annotated[
        str, typer.Option(metavar="AGE", help="Only what was not used for so long: 90min, 12h, 30d, 8w.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: AsJson = False,
) -> None:
    """Show what lies in the cache folder, or clear it.

    Decoded pixels, copies of balance_to and features of frozen parts: all of it is made again when a run needs it. Runs
    share it, and keep it below the budget by themselves: what was not used for the longest time goes first.
    """
    from vislab.engine.cache import COMPILED, Cache
    from vislab.engine.runs.files import folder_size
    from vislab.engine.runs.prune import seconds
    from vislab.presets.errors import InputError
    from vislab.presets.layers import exists
    from vislab.presets.settings import load_settings
    from vislab.tui.views import text

    cache = Cache.of(load_settings())
    if exists(str(cache.folder)) and not cache.folder.is_dir():
        raise InputError(f"The cache folder {cache.folder} is not a folder: set cache_dir or VISLAB_CACHE_DIR to one.")
    entries = cache.entries()
    if older:
        last = time.time() - seconds(older)
        entries = [entry for entry in entries if entry.used <= last]
    if not clear:
        total = sum(entry.size for entry in entries)
        if json:
            typer.echo(json_.dumps(_as_data(cache, entries), indent=2))
            return
        for line in _table(entries):
            typer.echo(line)
        listed = text.counted(len(entries), "entry", "entries")
        typer.echo(
            f"{listed}, {text.size(total)} of {text.size(cache.budget)} in {text.plain(str(cache.folder), 1000)}"
        )
        if compiled := folder_size(str(cache.folder / COMPILED)):
            typer.echo(
                f"Beside them {text.size(compiled)} that torch has compiled, in the folder {COMPILED}: where no run "
                f"trains, it can be removed; it is made again"
            )
        return
    free = [entry for entry in entries if not entry.holder]
    if not yes and free and (json or not sys.stdin.isatty()):
        raise InputError("Nobody can be asked here whether to clear the cache: say so with --yes.")
    if not json:
        for line in _table(entries):
            typer.echo(line, err=True)
    counted = text.counted(len(free), "entry", "entries")
    if free and not yes and not typer.confirm(f"Remove {counted}, {text.size(_sum(free))}?", err=True):
        raise typer.Exit(1)
    try:
        removed = [entry for entry in free if cache.remove(entry)]
    except OSError as error:
        raise InputError(f"{cache.folder} cannot be cleared: {error.strerror}") from error
    if json:
        typer.echo(
            json_.dumps([{"kind": entry.kind, "key": entry.key, "size": entry.size} for entry in removed], indent=2)
        )
        return
    in_use = len(entries) - len(removed)
    kept = f"; {text.counted(in_use, 'entry', 'entries')} in use" if in_use else ""
    typer.echo(f"{text.counted(len(removed), 'entry', 'entries')} removed, {text.size(_sum(removed))}{kept}")


def _sum(entries: "list[Listed]") -> int:
    return sum(entry.size for entry in entries)


def _as_data(cache: Any, entries: "list[Listed]") -> dict[str, Any]:
    return {
        "folder": str(cache.folder),
        "budget": cache.budget,
        "size": _sum(entries),
        "entries": [
            {
                "kind": entry.kind,
                "key": entry.key,
                "described": entry.described,
                "size": entry.size,
                "used": entry.used,
                "in_use_by": entry.holder,
                "finished": entry.finished,
            }
            for entry in entries
        ],
    }


def _table(entries: "list[Listed]") -> list[str]:
    from vislab.tui import tables
    from vislab.tui.views import text

    if not entries:
        return []
    now = time.time()
    rows = [
        [
            text.plain(entry.kind),
            text.plain(_what(entry), 200),
            text.size(entry.size),
            text.duration(max(0.0, now - entry.used)) if entry.used else text.MISSING,
            _state(entry),
        ]
        for entry in entries
    ]
    titles = ["kind", "what", "size", "unused for", "state"]
    return tables.lines(titles, rows, tables.width(), right=["size", "unused for"], whole=("kind", "size", "state"))


def _what(entry: "Listed") -> str:
    """A line that a person knows an entry by: what its maker calls it, and the first things that it is described by."""
    names = [f"{entry.about[key]}" for key in ("data", "backbone") if key in entry.about]
    described = entry.described
    some = [f"{described[key]}" if key == "data" else f"{key} {described[key]}" for key in list(described)]
    return " · ".join((names + some)[:3]) or "damaged"


def _state(entry: "Listed") -> str:
    if entry.finished:
        return "in use" if entry.holder else ""
    return "being made" if entry.holder else "unfinished"
