"""`vislab doctor`: what this machine offers, and where every path and setting came from."""

import json as json_
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from vislab.tui.commands.arguments import AsJson, RunsDir

if TYPE_CHECKING:
    from vislab.engine.runs.devices import Device
    from vislab.presets.settings import Settings

PACKAGES = (
    "vislab",
    "torch",
    "torchvision",
    "timm",
    "numpy",
    "pillow",
    "scikit-learn",
    "safetensors",
    "msgspec",
    "typer",
    "rich",
    "plotext",
)
ABSENT = "not installed"
SECONDS_FOR_TORCH = 120

QUESTION = (
    "import json, torch; ok = torch.cuda.is_available(); "
    "print(json.dumps({'usable': ok, 'cards': torch.cuda.device_count() if ok else 0}))"
)
"""Asked in a process of its own: importing torch takes seconds, and `vislab` itself never does."""


def command(json: AsJson = False, runs_dir: RunsDir = None) -> None:
    """Show what this machine offers.

    Devices, versions, memory, disks, and every folder and setting with where it came from.

    The exit code is 1 when there is an NVIDIA card that torch cannot use, a folder that cannot be written, or a
    setting under [defaults] that no run could take.
    """
    from vislab.presets.settings import load_settings

    found = examine(load_settings(runs_dir=runs_dir))
    if json:
        typer.echo(json_.dumps(found, indent=2))
    else:
        for line in _lines(found):
            typer.echo(line)
    if found["problems"]:
        raise typer.Exit(1)


def examine(settings: "Settings") -> dict[str, Any]:
    """All that the command reports, as plain data. Sizes in bytes."""
    from vislab.engine.cache import Cache
    from vislab.engine.runs import devices
    from vislab.presets.layers import layer_of
    from vislab.presets.settings import FOLDERS

    host, listed, build = devices.host(), devices.list_devices(), devices.torch_build()
    folders = {name: getattr(settings, name) for name in FOLDERS}
    there = {name: os.path.isdir(folder) for name, folder in folders.items()}  # noqa: PTH112  (Path.is_dir may raise)
    writable = {name: _writable(folder) for name, folder in folders.items()}
    cards = [device for device in listed if device.kind == "cuda"]
    cache = Cache.of(settings)
    problems: list[str] = []
    if cards and (why_not := _why_torch_cannot_use(cards[0])):
        problems.append(why_not)
    problems += [
        f"{name} {folder} cannot be {'written' if there[name] else 'made'}"
        for name, folder in folders.items()
        if not writable[name]
    ]
    for table in settings.defaults:
        layer_of(table.origin, table.values, table.folder, problems)
    return {
        "versions": _versions(),
        "torch_cuda": build.cuda,
        "auto_device": devices.choose("auto").why,
        "devices": [
            {
                "kind": device.kind,
                "name": device.name,
                "memory_total": device.memory_total,
                "memory_free": device.memory_free,
                "driver": device.driver,
            }
            for device in listed
        ],
        "cores": {"physical": host.physical_cores, "logical": host.logical_cores, "usable": host.usable_cores},
        "memory": {"total": host.memory_total, "available": host.memory_available},
        "folders": {
            name: {
                "path": str(folder),
                "origin": settings.origins[name],
                "exists": there[name],
                "writable": writable[name],
                "disk_free": shutil.disk_usage(_existing(folder)).free,
            }
            for name, folder in folders.items()
        },
        "cache": {"size": sum(entry.size for entry in cache.entries()), "budget": cache.budget},
        "config_dir": str(settings.config_dir),
        "project": str(settings.project or ""),
        "defaults": [
            {"key": key, "value": value, "origin": table.origin}
            for table in settings.defaults
            for key, value in _flat(table.values)
        ],
        "problems": problems,
    }


def _lines(found: dict[str, Any]) -> list[str]:
    from vislab.tui.views.text import counted, plain, size

    memory, cores = found["memory"], found["cores"]
    rows: list[tuple[str, str]] = []
    for device in found["devices"]:
        driver = f", driver {device['driver']}" if device["driver"] else ""
        free = f"{size(device['memory_free'])} of {size(device['memory_total'])} free"
        rows.append((device["kind"], plain(f"{device['name']}, {free}{driver}")))
    rows += [
        ("auto", plain(found["auto_device"])),
        ("cores", f"{cores['usable']} usable of {counted(cores['logical'], 'core')}, {cores['physical']} physical"),
        ("memory", f"{size(memory['available'])} of {size(memory['total'])} available"),
    ]
    lines = ["device", *_indented(rows), "", "versions", *_indented(list(found["versions"].items()))]
    lines += _indented([("torch's CUDA", found["torch_cuda"] or "none: this torch was built without it")])
    lines += ["", "folders"]
    for name, folder in found["folders"].items():
        state = f"{size(folder['disk_free'])} free"
        if not folder["writable"]:
            state = "cannot be written" if folder["exists"] else "cannot be made"
        elif not folder["exists"]:
            state += ", made when needed"
        lines.append(f"  {name}: {plain(folder['path'], limit=1000)}")
        lines.append(f"    {plain(folder['origin'], limit=1000)}; {state}")
    cache = found["cache"]
    lines.append(f"  in the cache: {size(cache['size'])} of {size(cache['budget'])} (`vislab cache` lists it)")
    lines.append(f"  settings and presets of yours: {plain(found['config_dir'], limit=1000)}")
    lines.append(f"  project: {plain(found['project'], limit=1000) or 'none (no vislab.toml here or above)'}")
    if found["defaults"]:
        lines += ["", "settings"]
        lines += [f"  {d['key']} = {d['value']}  ({plain(d['origin'], limit=1000)})" for d in found["defaults"]]
    return [*lines, "", *[f"problem: {plain(text, limit=1000)}" for text in found["problems"] or ["none found"]]]


def _indented(rows: list[tuple[str, str]]) -> list[str]:
    return [f"  {name:<14}{value}" for name, value in rows]


def _versions() -> dict[str, str]:
    """Version of Python and of each package, read from their metadata without importing them."""
    from importlib import metadata  # slow to import

    found = {"python": sys.version.partition(" ")[0]}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = ABSENT
    return found


def _why_torch_cannot_use(card: "Device") -> str:
    from vislab.engine.runs import devices

    ask = [sys.executable, "-P", "-c", QUESTION]
    try:
        answer = subprocess.run(ask, capture_output=True, timeout=SECONDS_FOR_TORCH, check=False)
    except subprocess.TimeoutExpired:
        return (
            f"torch does not say within {SECONDS_FOR_TORCH} s whether it can use {card.name}: look at nvidia-smi, dmesg"
        )
    usable = answer.returncode == 0 and bool(json_.loads(answer.stdout)["usable"])
    return "" if usable else devices.explain_unusable(card)


def _existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that exists: where it would be made."""
    from vislab.presets.layers import exists

    return next(place for place in (folder, *folder.parents) if exists(str(place)))


def _writable(folder: Path) -> bool:
    """Whether folders can be made in it or, where it is not there, in what is: only trying tells it of /proc."""
    place = next(place for place in (folder, *folder.parents) if os.path.lexists(place))  # a link into nothing too
    try:
        Path(tempfile.mkdtemp(prefix=".vislab-", dir=place)).rmdir()
    except OSError:
        return False
    return True


def _flat(values: dict[str, Any]) -> list[tuple[str, Any]]:
    from vislab.presets.keys import flatten

    return list(flatten(values))
