"""Install this checkout into the environment of the Python that runs this file.

    python install.py                 vislab, to be used
    python install.py --dev           and what its tests need
    python install.py --extra hf      and an optional part

A torch 2.10 or newer that is already there is kept as it is. Needs Python 3.11 and nothing else.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 (an older Python is who this speaks to; it could not read what follows)
    found = ".".join(str(part) for part in sys.version_info[:3])
    sys.exit(f"vislab needs Python 3.11 or newer; this is Python {found} ({sys.executable}).")

import argparse
import re
import subprocess
import tempfile
from importlib import metadata
from pathlib import Path

KEPT = {"torch": (2, 10), "torchvision": (0, 25)}
"""Packages never replaced from this version on; the same floors as in pyproject.toml."""

EXTRAS = ("dev", "hf", "offline", "onnx", "tensorboard", "wandb")


def installed(package: str) -> str:
    """The version that is installed; empty without one."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def is_at_least(version: str, floor: tuple[int, int]) -> bool:
    """Whether a version is `floor` or newer; 2.10.0a0 comes before 2.10."""
    found = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?(a|b|rc|\.dev)?", version)
    if found is None:
        return False
    release = tuple(int(part or 0) for part in found.group(1, 2, 3))
    return release > (*floor, 0) or (release == (*floor, 0) and not found.group(4))


def constraints() -> list[str]:
    """Pins, in pip's words, for what must not be replaced; says on stdout what becomes of a torch that is there."""
    torch = installed("torch")
    if not torch:
        return []
    if not is_at_least(torch, KEPT["torch"]):
        print(f"torch {torch} is here; vislab needs 2.10 or newer, so pip will upgrade it.")
        return []
    print(f"torch {torch} is here and is kept.")
    versions = {package: installed(package) for package in KEPT}
    return [f"{package}=={version}" for package, version in versions.items() if is_at_least(version, KEPT[package])]


def main(arguments: list[str] | None = None) -> int:
    """Install; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dev", action="store_true", help="also what the tests need")
    parser.add_argument("--extra", action="append", default=[], choices=EXTRAS, help="also an optional part")
    chosen = parser.parse_args(arguments)
    extras = sorted({*chosen.extra, *(["dev"] if chosen.dev else [])})
    target = str(Path(__file__).resolve().parent) + (f"[{','.join(extras)}]" if extras else "")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "constraints.txt"
        file.write_text("".join(line + "\n" for line in constraints()))
        command = [sys.executable, "-m", "pip", "install", "--constraint", str(file), "--editable", target]
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
