"""Commands that the console gives for its user: in a process of their own, which takes its memory away with it."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence

from vislab.presets.errors import InputError
from vislab.presets.layers import COMMAND_LINE
from vislab.presets.settings import Settings


def run_command(words: Sequence[str], settings: Settings) -> None:
    """Run `vislab WORDS` on the console's folder of runs, and wait for its end; what it says is not shown.

    Raises:
        InputError: it failed; why, as it says itself.
    """
    folder = str(settings.runs_dir)
    # What stands in the files may name the folder that was given on the command line, but no other.
    given = ["--runs-dir", folder] if settings.origins.get("runs_dir") == COMMAND_LINE else []
    done = subprocess.run(
        [sys.executable, "-P", "-m", "vislab.tui.start", words[0], *given, *words[1:]],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | {"VISLAB_RUNS_DIR": folder},
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    if done.returncode < 0:
        raise InputError(
            f"vislab {words[0]} was ended by signal {-done.returncode}: {signal.strsignal(-done.returncode)}."
        )
    if done.returncode:
        said = done.stderr.strip()
        _, _, why = said.rpartition("error: ") if "error: " in said else said.rpartition("\n")
        raise InputError(" ".join(why.split()) or f"vislab {words[0]} failed with exit code {done.returncode}.")
