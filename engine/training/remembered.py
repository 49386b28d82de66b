"""Choices that were measured, kept in the cache folder for every run of the same work on the same machine."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import torch

from vislab.engine.runs.devices import list_devices
from vislab.engine.runs.files import write_atomically
from vislab.presets.schema.spec import Spec


@dataclass(frozen=True)
class Remembered:
    """A folder of choices, one file each, named by the hash of what it was measured for.

    Args:
        folder: made when the first choice is kept.
    """

    folder: Path

    def recall(self, key: Mapping[str, Any]) -> dict[str, Any]:
        """What was kept under a key; empty where nothing was, or where the file is damaged."""
        try:
            content = json.loads(self._file(key).read_bytes())
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}

    def keep(self, key: Mapping[str, Any], content: Mapping[str, Any]) -> str:
        """Keep a choice; returns why that was not possible, empty otherwise.

        A cache that cannot be written costs the next run a measurement, no more.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_atomically(self._file(key), json.dumps({"key": key, **content}, indent=2).encode())
        except OSError as error:
            return f"What was measured cannot be remembered: {error}."
        return ""

    def _file(self, key: Mapping[str, Any]) -> Path:
        digest = hashlib.blake2b(json.dumps(key, sort_keys=True).encode(), digest_size=16).hexdigest()
        return self.folder / f"{digest}.json"


def work_of(spec: Spec, num_classes: int, device: torch.device, code: Path) -> dict[str, Any]:
    """Everything that the time of an update follows from, but for its images, precision, memory format and threads.

    Args:
        code: folder with the copies of the user's own files.
    """
    strategy = spec.strategy
    own = {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(code.glob("*.py"))}
    # Copies of the user's own files lie in the run's folder, which is another each time.
    architecture = json.loads(msgspec.json.encode(spec.architecture).decode().replace(str(code), "code"))
    del architecture["name"], architecture["help"], architecture["weights"]
    return {
        "architecture": architecture,
        "code": own,
        "classes": num_classes,
        "strategy": {
            "accumulate": strategy.accumulate,
            "optimizer": [strategy.optimizer, strategy.optimizer_options],
            "freeze": strategy.freeze,
            "clip_norm": strategy.clip_norm > 0,
            "drop": [strategy.drop_rate > 0, strategy.drop_path > 0],
            "on_nan": strategy.on_nan,
        },
        "device": _device_name(device),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "torch": torch.__version__,
    }


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return next((one.name for one in list_devices() if one.kind == device.type), device.type)
