"""Take the README's pictures: train two recipes for real and photograph the console over them.

    python docs/pictures.py

Writes docs/pictures/*.svg. Runs and settings stay in a temporary folder.
"""

import asyncio
import os
import tempfile
from pathlib import Path

from textual.pilot import Pilot

from vislab.engine.runs import store
from vislab.engine.runs.start import start
from vislab.presets.library import resolve
from vislab.presets.settings import Settings
from vislab.tui.app import Console
from vislab.tui.widgets.lines import Lines

FOLDER = Path(__file__).parent / "pictures"
SIZE = (100, 32)
RECIPES = ("digits-mlp", "digits-lenet5")
SOON = 3.0
"""Seconds until everything is on the screen."""

COUNTED = 10.0
"""Seconds until the process that builds networks has counted one, which takes the import of torch."""


async def photograph(settings: Settings, runs: list[store.Run]) -> None:
    """One picture of each screen that the README shows."""
    console = Console(settings)
    async with console.run_test(size=SIZE) as pilot:
        await pilot.pause(COUNTED)
        await take(pilot, "launch")
        console.open("live", run=runs[-1])
        await take(pilot, "live")
        console.open("history")
        await take(pilot, "history")
        console.open("compare", runs=runs)
        await take(pilot, "compare")
        console.open("results", run=runs[-1])
        await pilot.pause(SOON)
        await pilot.press("p", "o")
        for _ in range(60):  # another process reads the images
            await pilot.pause(SOON)
            if "▀" in console.screen.query_one("#main", Lines).words:
                break
        await take(pilot, "results")
        console.exit(0)


async def take(pilot: Pilot[int], name: str) -> None:
    """Wait, and photograph."""
    await pilot.pause(SOON)
    pilot.app.save_screenshot(f"{name}.svg", str(FOLDER))


def main() -> None:
    """Train, take the pictures."""
    os.environ |= {"TERM": "xterm-256color", "COLORTERM": "truecolor"}  # whatever terminal it runs on
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        settings = Settings(
            runs_dir=home / "runs", data_dir=home / "data", cache_dir=home / "cache", config_dir=home / "config"
        )
        runs = []
        for recipe in RECIPES:
            runs.append(store.create(settings.runs_dir, resolve(recipe=recipe, settings=settings)))
            start(runs[-1], settings)
            for _ in store.follow(runs[-1]):
                pass
        asyncio.run(photograph(settings, runs))


if __name__ == "__main__":
    main()
