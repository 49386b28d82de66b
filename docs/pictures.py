"""Take the README's pictures: train `digits-lenet5` for real and photograph the console that watched it.

    python docs/pictures.py

Writes docs/pictures/*.svg. Runs and settings stay in a temporary folder.
"""

import asyncio
import tempfile
from pathlib import Path

from vislab.engine.runs import store
from vislab.engine.runs.start import start
from vislab.presets.library import resolve
from vislab.presets.settings import Settings
from vislab.tui.app import Console

FOLDER = Path(__file__).parent / "pictures"
SIZE = (100, 32)


async def photograph(settings: Settings, run: store.Run) -> None:
    """One picture of each screen that the README shows."""
    console = Console(settings)
    async with console.run_test(size=SIZE) as pilot:
        await pilot.pause(3.0)
        console.save_screenshot("launch.svg", str(FOLDER))
        console.open("live", run=run)
        await pilot.pause(3.0)
        console.save_screenshot("live.svg", str(FOLDER))
        console.exit(0)


def main() -> None:
    """Train once, take the pictures."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        settings = Settings(
            runs_dir=home / "runs", data_dir=home / "data", cache_dir=home / "cache", config_dir=home / "config"
        )
        run = store.create(settings.runs_dir, resolve(recipe="digits-lenet5", settings=settings))
        start(run, settings)
        for _ in store.follow(run):
            pass
        asyncio.run(photograph(settings, run))


if __name__ == "__main__":
    main()
