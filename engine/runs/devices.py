"""What can train on this machine, known before torch is imported: NVIDIA cards by NVML, Apple's GPU, the processor."""

import ast
import ctypes
import importlib.util
import os
import platform
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import psutil

from vislab.presets.errors import InputError

VISIBLE = "CUDA_VISIBLE_DEVICES"


@dataclass(frozen=True)
class Device:
    """Something that can train.

    Attributes:
        index: of an NVIDIA card, its number in `nvidia-smi` (order on the PCI bus); else 0.
        uuid: of an NVIDIA card or of a part of one (MIG); else empty.
        memory_total, memory_free: bytes; of a card its own memory, else the machine's; 0 where the driver does not say.
        users: processes that compute on the card now, as far as this process may know.
        driver: version of the NVIDIA driver; else empty.
        driver_cuda: newest CUDA version that the driver supports, such as "13.0"; else empty.
    """

    kind: Literal["cuda", "mps", "cpu"]
    index: int
    name: str
    uuid: str = ""
    memory_total: int = 0
    memory_free: int = 0
    users: int = 0
    driver: str = ""
    driver_cuda: str = ""

    @property
    def is_taken_by_others(self) -> bool:
        """Whether others have more than half of a card's memory."""
        return self.kind == "cuda" and self.memory_free < self.memory_total / 2

    def __str__(self) -> str:
        return f"{self.name} (GPU {self.index})" if self.kind == "cuda" else f"{self.name} ({self.kind})"


@dataclass(frozen=True)
class Chosen:
    """A device, and how torch is made to use it.

    Attributes:
        torch_name: what torch calls it once `environment` is set: "cuda:0", "mps" or "cpu".
        environment: variables to set before torch is imported.
        why: one sentence, for the run's record.
    """

    device: Device
    torch_name: str
    environment: dict[str, str]
    why: str


@dataclass(frozen=True)
class Host:
    """The machine. Cores are counted, memory is in bytes; `usable_cores` are those this process may run on."""

    processor: str
    physical_cores: int
    logical_cores: int
    usable_cores: int
    memory_total: int
    memory_available: int


@dataclass(frozen=True)
class TorchBuild:
    """The installed torch as its files tell, without importing it; `cuda` is empty in a build without CUDA."""

    version: str
    cuda: str


def host() -> Host:
    """Figures of this machine, now."""
    memory = psutil.virtual_memory()
    logical = psutil.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if sys.platform == "linux" else logical
    physical = psutil.cpu_count(logical=False) or logical
    return Host(_processor(), physical, logical, usable, memory.total, memory.available)


def list_devices(environment: Mapping[str, str] = os.environ) -> list[Device]:
    """Everything that can train: the visible NVIDIA cards in the order of `cuda:N`, Apple's GPU, the processor.

    Args:
        environment: where CUDA_VISIBLE_DEVICES is read.
    """
    return _visible(_cards()[0], environment) + _own_devices()


def choose(requested: str, environment: Mapping[str, str] = os.environ) -> Chosen:
    """The device that a spec's `device` means here.

    `auto` takes the free card with the most free memory, else `mps`, else the processor; `cuda` does so among cards
    alone. A card is free when nothing computes on it; when none is, the one with the most free memory is taken.
    `cuda:N` counts among the cards that CUDA_VISIBLE_DEVICES leaves visible.

    Args:
        requested: auto, cpu, mps, cuda or cuda:N.
        environment: where CUDA_VISIBLE_DEVICES is read.

    Raises:
        InputError: there is no such device here; the text names those that are.
    """
    all_cards, trouble = _cards()
    cards = _visible(all_cards, environment)
    others = {device.kind: device for device in _own_devices()}
    if all_cards and not cards:
        trouble = f"{VISIBLE}={environment[VISIBLE]!r} hides every NVIDIA GPU"
    if requested == "auto" and not cards:
        device = others.get("mps", others["cpu"])
        return Chosen(device, device.kind, {}, f"{device}: {trouble}")
    if requested in others:
        return Chosen(others[requested], requested, {}, f"{others[requested]}: asked for by name")
    if requested in ("auto", "cuda") and cards:
        return _chosen_card(*_freest(cards))
    kind, _, number = requested.partition(":")
    if kind == "cuda" and number.isdecimal() and int(number) < len(cards):
        return _chosen_card(cards[int(number)], f"asked for as {requested}")
    names = [f"cuda:{i} ({card.name})" for i, card in enumerate(cards)] + list(others)
    reason = f" ({trouble})" if kind == "cuda" and not cards else ""
    raise InputError(f"device = {requested!r} is not here{reason}. Here are: {', '.join(names)}; auto chooses.")


def explain_unusable(device: Device) -> str:
    """Why the installed torch cannot use a card that the driver shows, and what helps."""
    build = torch_build()
    begin = f"{device} is here, driver {device.driver}, but the installed torch {build.version} cannot use it: "
    end = " Or choose device = cpu."
    if not build.cuda:
        return (
            begin + "it was built without CUDA. Install a build with CUDA, see https://pytorch.org/get-started." + end
        )
    versions = f"it was built for CUDA {build.cuda}, and the driver supports CUDA up to {device.driver_cuda}. "
    if _major(build.cuda) > _major(device.driver_cuda):
        remedy = f"Update the driver, or install a torch built for CUDA {_major(device.driver_cuda)}."
    else:
        remedy = (
            "The versions fit, so the card may be too old or too new for this torch, or not permitted to this user."
        )
    return begin + versions + remedy + end


def torch_build() -> TorchBuild:
    """Version and CUDA version of the installed torch, read from its files in a moment."""
    found = importlib.util.find_spec("torch")
    values: dict[str, Any] = {}
    if found is not None and found.origin is not None:
        for node in ast.parse((Path(found.origin).parent / "version.py").read_text()).body:
            match node:
                case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=value)):
                    values[name] = value
                case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=value)):
                    values[name] = value
    return TorchBuild(values.get("__version__") or "", values.get("cuda") or "")


def _chosen_card(card: Device, why: str) -> Chosen:
    # By its UUID: CUDA numbers cards by speed, NVML by their place on the bus.
    return Chosen(card, "cuda:0", {VISIBLE: card.uuid}, f"{card}: {why}")


def _freest(cards: list[Device]) -> tuple[Device, str]:
    free = [card for card in cards if card.users == 0]
    card = max(free or cards, key=lambda card: card.memory_free)
    memory = f"{card.memory_free / 2**30:.1f} of {card.memory_total / 2**30:.1f} GiB free"
    if not free:
        return card, f"every GPU is in use, this one has the most free memory, {memory}"
    return card, f"the free GPU with the most memory, {memory}" if len(cards) > 1 else f"the only GPU, {memory}"


def _own_devices() -> list[Device]:
    """What is there without NVIDIA: Apple's GPU on its own chips, and the processor."""
    machine = host()
    processor = Device("cpu", 0, machine.processor, "", machine.memory_total, machine.memory_available)
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return [replace(processor, kind="mps"), processor]
    return [processor]


def _visible(cards: list[Device], environment: Mapping[str, str]) -> list[Device]:
    """The cards that CUDA will see, in its order. As in CUDA, the list ends at the first entry that fits no card."""
    if VISIBLE not in environment:
        return cards
    visible: list[Device] = []
    for entry in environment[VISIBLE].split(","):
        text = entry.strip()
        if text.isdecimal():
            fitting = [card for card in cards if card.index == int(text)][:1]
        else:
            fitting = [card for card in cards if text.startswith(("GPU-", "MIG-")) and card.uuid.startswith(text)]
        if len(fitting) != 1:
            break
        if fitting[0] in visible:
            return []
        visible += fitting
    return visible


def _cards() -> tuple[list[Device], str]:
    """The NVIDIA cards of the machine, and why there are none."""
    if not _has_driver():
        return [], "there is no NVIDIA driver"
    from vislab.engine.runs.cards import list_cards

    return list_cards()


def _has_driver() -> bool:
    """Whether NVML can be loaded, asked without pynvml: the console does without its 1.4 MB where no card is."""
    if sys.platform != "linux":
        return True  # the library has no one name; pynvml looks for it
    try:
        ctypes.CDLL("libnvidia-ml.so.1")
    except OSError:
        return False
    return True


def _major(version: str) -> int:
    return int(version.partition(".")[0])


def _processor() -> str:
    if sys.platform == "linux":
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
