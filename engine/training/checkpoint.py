"""Writing and reading checkpoint folders. A folder is published by one rename, after its MANIFEST."""

import contextlib
import os
import re
import shutil
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from vislab.engine.runs.checkpoints import MANIFEST, Manifest, best, damage, full, manifest, sha256
from vislab.engine.runs.checkpoints import step as step_of
from vislab.engine.runs.files import sync_folder
from vislab.presets.errors import InputError

Tensors = dict[str, torch.Tensor]


def save(
    folder: Path,
    *,
    kind: str,
    step: int,
    epoch: int,
    tensors: dict[str, Tensors],
    state: dict[str, Any] | None = None,
    before_manifest: Callable[[], None] = lambda: None,
) -> int:
    """Write a checkpoint folder: one safetensors file for each entry of `tensors`, state.json, MANIFEST.

    Everything is written into a temporary folder and flushed to the disk; a rename publishes it. A kill at any moment
    leaves either no folder of this name or a whole one; `recover` finds one that was about to be replaced.

    Args:
        before_manifest: called when all but the MANIFEST is written. A full checkpoint flushes the log there, so that
            no checkpoint is newer than the log.

    Returns:
        The folder's size in bytes.

    Raises:
        OSError: the disk is full or not writable; nothing is left behind.
    """
    temporary, replaced = (folder.with_name(f".{folder.name}.{ending}") for ending in ("tmp", "old"))
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        folder.parent.mkdir(exist_ok=True)  # the run's folder itself may have been deleted, and must not come back
        temporary.mkdir()
        for name, content in tensors.items():
            save_tensors(content, temporary / f"{name}.safetensors")
        if state is not None:
            (temporary / "state.json").write_bytes(msgspec.json.encode(state))
        checksums = {path.name: sha256(path) for path in sorted(temporary.iterdir())}
        before_manifest()
        listed = Manifest(kind=kind, step=step, epoch=epoch, files=checksums)
        (temporary / MANIFEST).write_bytes(msgspec.json.encode(listed))
        size = 0
        for path in temporary.iterdir():
            size += path.stat().st_size
            with path.open("rb") as file:
                os.fsync(file.fileno())
        sync_folder(temporary)
        if folder.exists():  # the same step again, after a resume or after the epoch's validation
            folder.rename(replaced)
        temporary.rename(folder)
        sync_folder(folder.parent)
    except OSError:
        recover(folder.parent)
        raise
    shutil.rmtree(replaced, ignore_errors=True)
    return size


def recover(checkpoints: Path) -> None:
    """Clear up what a worker killed while saving has left: half-written folders go, a replaced one comes back."""
    for folder in checkpoints.glob(".*.old"):
        wanted = folder.with_name(folder.name.removeprefix(".").removesuffix(".old"))
        if not wanted.exists():
            folder.rename(wanted)
    for folder in (*checkpoints.glob(".*.old"), *checkpoints.glob(".*.tmp")):
        shutil.rmtree(folder, ignore_errors=True)


def remove(folder: Path) -> None:
    """Delete a checkpoint: gone at once, so that a kill leaves none that is half there."""
    hidden = folder.with_name(f".{folder.name}.gone.tmp")
    with contextlib.suppress(OSError):  # of a disk that is read-only now: it is no reason to stop
        shutil.rmtree(hidden, ignore_errors=True)
        folder.rename(hidden)
        shutil.rmtree(hidden)


def forget_after(checkpoints: Path, step: int) -> None:
    """Delete checkpoints later than a step: a run that goes on from there has never been at theirs."""
    for folder in (*full(checkpoints), *best(checkpoints)):
        if step_of(folder) > step:
            remove(folder)


def load(folder: Path) -> tuple[dict[str, Tensors], dict[str, Any]]:
    """Read a checkpoint folder: tensors by file, and state.json (empty where there is none).

    Raises:
        InputError: the folder is damaged.
    """
    if fault := damage(folder):
        raise InputError(f"Checkpoint {folder} cannot be read: {fault}.")
    listed = manifest(folder)
    assert listed is not None
    names = sorted(listed.files)  # what else lies in the folder was not checked
    tensors = {Path(name).stem: load_file(folder / name) for name in names if name.endswith(".safetensors")}
    state = msgspec.json.decode((folder / "state.json").read_bytes()) if "state.json" in names else {}
    return tensors, state


def snapshot(tensors: dict[str, Tensors]) -> dict[str, Tensors]:
    """Copies of tensors as they are now, in the host's memory, each contiguous and with memory of its own.

    Raises:
        RuntimeError, MemoryError: there is no memory for them.
    """

    def copy(tensor: torch.Tensor) -> torch.Tensor:
        return torch.empty(tensor.shape, dtype=tensor.dtype).copy_(tensor.detach())

    return {file: {name: copy(tensor) for name, tensor in content.items()} for file, content in tensors.items()}


def save_tensors(tensors: Tensors, path: Path, metadata: dict[str, str] | None = None) -> None:
    """Write a safetensors file; who may read it is as for any other file.

    Raises:
        OSError: the disk is full or not writable.
    """
    path.touch()
    mode = path.stat().st_mode
    try:
        save_file(_whole(tensors), path, metadata)
        path.chmod(stat.S_IMODE(mode))  # safetensors makes a file of its own that only its owner may read
    except SafetensorError as error:  # how safetensors says that the disk is full
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise
        raise OSError(int(number[1]), os.strerror(int(number[1])), str(path)) from error


def _whole(tensors: Tensors) -> Tensors:
    """As safetensors wants them: contiguous (it refuses channels_last), and no memory shared; copied where needed."""
    found: Tensors = {}
    places = set()
    for name, tensor in tensors.items():
        whole = tensor.detach().cpu().contiguous()
        memory = whole.untyped_storage()
        if memory.data_ptr() in places or memory.nbytes() != whole.nbytes:
            whole = whole.clone()
        places.add(memory.data_ptr())
        found[name] = whole
    return found
