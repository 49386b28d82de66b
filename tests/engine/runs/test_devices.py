# ruff: noqa: N802 (the made NVML has the names of the real one)
"""Devices, on made machines: a module object stands in for NVML."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from types import SimpleNamespace

import pynvml
import pytest

from vislab.engine.runs import devices
from vislab.engine.runs import nvml as nvml_module
from vislab.engine.runs.devices import TorchBuild, choose, explain_unusable, host, list_devices, torch_build
from vislab.presets.errors import InputError

GIB = 2**30


@dataclass
class Card:
    """A made card; `lost` raises at its handle, `parts` are the slots of a card in MIG mode, None an empty one."""

    uuid: str
    total: int = 80
    free: int = 80
    users: int = 0
    name: str = "NVIDIA Made"
    lost: bool = False
    silent: bool = False
    parts: list["Card | None"] = field(default_factory=list)


class MadeNvml:
    """As much of pynvml as is asked for, over made cards."""

    def __init__(self, *cards: Card, init: Exception | None = None) -> None:
        self.cards = cards
        self.init = init
        self.open = 0

    NVML_DEVICE_MIG_ENABLE = pynvml.NVML_DEVICE_MIG_ENABLE

    def __getattr__(self, name: str) -> object:
        if name.startswith("NVMLError"):
            return getattr(pynvml, name)
        raise AttributeError(name)

    def nvmlInit(self) -> None:
        if self.init is not None:
            raise self.init
        self.open += 1

    def nvmlShutdown(self) -> None:
        self.open -= 1

    def nvmlSystemGetDriverVersion(self) -> str:
        return "535.104.05"

    def nvmlSystemGetCudaDriverVersion_v2(self) -> int:
        return 12020

    def nvmlDeviceGetCount(self) -> int:
        return len(self.cards)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> Card:
        if self.cards[index].lost:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_GPU_IS_LOST)
        return self.cards[index]

    def nvmlDeviceGetMigMode(self, card: Card) -> list[int]:
        if card.name == "NVIDIA Old":
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return [int(bool(card.parts)), 0]

    def nvmlDeviceGetMaxMigDeviceCount(self, card: Card) -> int:
        return len(card.parts)

    def nvmlDeviceGetMigDeviceHandleByIndex(self, card: Card, index: int) -> Card:
        part = card.parts[index]
        if part is None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return part

    def nvmlDeviceGetMemoryInfo(self, card: Card) -> SimpleNamespace:
        if card.silent:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
        return SimpleNamespace(total=card.total * GIB, free=card.free * GIB)

    def nvmlDeviceGetComputeRunningProcesses(self, card: Card) -> list[object]:
        if card.silent:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NO_PERMISSION)
        return [object()] * card.users

    def nvmlDeviceGetName(self, card: Card) -> str:
        return card.name

    def nvmlDeviceGetUUID(self, card: Card) -> str:
        return card.uuid


@pytest.fixture
def machine(monkeypatch):
    """Makes this machine hold the given cards."""

    def make(*made: Card, init: Exception | None = None, system: str = "linux") -> MadeNvml:
        nvml = MadeNvml(*made, init=init)
        monkeypatch.setattr(nvml_module, "pynvml", nvml)
        monkeypatch.setattr(devices, "_has_driver", lambda: True)
        if system == "darwin":
            monkeypatch.setattr(devices.sys, "platform", "darwin")
            monkeypatch.setattr(devices.platform, "machine", lambda: "arm64")
            monkeypatch.setattr(devices.platform, "processor", lambda: "arm")
        return nvml

    return make


SMALL, BUSY, BIG = Card("GPU-aa1", 24, 24), Card("GPU-bb2", 80, 60, users=1), Card("GPU-ab3", 48, 40)


def visible(value: str | None) -> dict[str, str]:
    return {} if value is None else {"CUDA_VISIBLE_DEVICES": value}


def test_auto_takes_the_free_card_with_the_most_free_memory_and_names_it_by_uuid(machine):
    nvml = machine(SMALL, BUSY, BIG)
    chosen = choose("auto", {})
    assert (chosen.device.uuid, chosen.device.index) == ("GPU-ab3", 2)
    assert chosen.torch_name == "cuda:0"
    assert chosen.environment == {"CUDA_VISIBLE_DEVICES": "GPU-ab3"}
    assert chosen.why == "NVIDIA Made (GPU 2): the free GPU with the most memory, 40.0 of 48.0 GiB free"
    assert nvml.open == 0


def test_when_every_card_is_in_use_the_most_free_memory_decides_and_it_is_said(machine):
    machine(Card("GPU-a", 24, 3, users=2), BUSY)
    chosen = choose("auto", {})
    assert chosen.device.uuid == "GPU-bb2" and "every GPU is in use" in chosen.why


def test_cuda_is_auto_among_cards(machine):
    machine(SMALL, BIG)
    assert choose("cuda", {}).device.uuid == "GPU-ab3"


def test_cuda_n_counts_among_the_visible_cards(machine):
    machine(SMALL, BUSY, BIG)
    assert choose("cuda:1", {}).device.uuid == "GPU-bb2"
    assert choose("cuda:1", visible("2,0")).device.uuid == "GPU-aa1"
    assert choose("cuda:0", visible("GPU-bb2")).environment == {"CUDA_VISIBLE_DEVICES": "GPU-bb2"}


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        (None, ["GPU-aa1", "GPU-bb2", "GPU-ab3"]),
        ("", []),
        ("-1", []),
        ("NoDevFiles", []),
        ("1", ["GPU-bb2"]),
        ("2, 0", ["GPU-ab3", "GPU-aa1"]),
        ("GPU-ab3,GPU-aa1", ["GPU-ab3", "GPU-aa1"]),
        ("GPU-b", ["GPU-bb2"]),
        ("GPU-a", []),
        ("GPU-zz", []),
        ("0,-1,1", ["GPU-aa1"]),
        ("0,7,1", ["GPU-aa1"]),
        ("0,0", []),
        ("0,GPU-aa1", []),
        ("GPU-", []),
        ("1,", ["GPU-bb2"]),
    ],
)
def test_what_cuda_visible_devices_leaves(machine, value, seen):
    machine(SMALL, BUSY, BIG)
    found = list_devices(visible(value))
    assert [device.uuid for device in found if device.kind == "cuda"] == seen
    assert [device.kind for device in found[len(seen) :]] == ["cpu"]
    assert choose("auto", visible(value)).device.kind == ("cuda" if seen else "cpu")


def test_hidden_cards_are_said(machine):
    machine(SMALL)
    assert choose("auto", visible("")).why.endswith("CUDA_VISIBLE_DEVICES='' hides every NVIDIA GPU")
    with pytest.raises(InputError, match="CUDA_VISIBLE_DEVICES='-1' hides every NVIDIA GPU"):
        choose("cuda", visible("-1"))


def test_the_processor_is_taken_where_asked_for_and_sets_nothing(machine):
    machine(SMALL)
    chosen = choose("cpu", {})
    assert (chosen.device.kind, chosen.torch_name, chosen.environment) == ("cpu", "cpu", {})
    assert "asked for" in chosen.why


@pytest.mark.parametrize(
    ("init", "reason"),
    [
        (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, "there is no NVIDIA driver"),
        (pynvml.NVML_ERROR_DRIVER_NOT_LOADED, "does not answer: Driver Not Loaded"),
        (pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH, "version mismatch"),
    ],
)
def test_without_a_driver_there_are_no_cards_and_the_record_says_why(machine, init, reason):
    machine(SMALL, init=pynvml.NVMLError(init))
    chosen = choose("auto", {})
    assert chosen.torch_name == "cpu" and reason in chosen.why
    with pytest.raises(InputError, match=reason):
        choose("cuda:0", {})


def test_where_nvml_is_not_installed_it_is_not_asked(machine, monkeypatch):
    def load(name: str) -> None:
        raise OSError(f"{name}: cannot open shared object file")

    has_driver = devices._has_driver
    machine(SMALL)
    monkeypatch.setattr(devices, "_has_driver", has_driver)
    monkeypatch.setattr(devices.sys, "platform", "linux")
    monkeypatch.setattr(devices.ctypes, "CDLL", load)
    assert "there is no NVIDIA driver" in choose("auto", {}).why
    monkeypatch.setattr(devices.ctypes, "CDLL", lambda name: None)
    assert choose("auto", {}).device.uuid == SMALL.uuid


def test_a_driver_without_cards(machine):
    machine()
    assert "there is no NVIDIA GPU" in choose("auto", {}).why


@pytest.mark.parametrize("requested", ["cuda:2", "cuda:-1", "cuda:x", "cuda:", "mps", "gpu", "", "tpu:0", "cuda:²"])
def test_a_request_that_cannot_be_met_names_what_is_there(machine, requested):
    machine(SMALL, BIG)
    with pytest.raises(InputError) as error:
        choose(requested, {})
    assert repr(requested) in str(error.value)
    assert "cuda:0 (NVIDIA Made), cuda:1 (NVIDIA Made), cpu" in str(error.value)


def test_apple_chips_have_mps(machine):
    machine(init=pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND), system="darwin")
    assert choose("auto", {}).torch_name == "mps"
    assert choose("cpu", {}).torch_name == "cpu"
    assert [device.kind for device in list_devices({})] == ["mps", "cpu"]


def test_a_lost_card_is_left_out(machine):
    machine(Card("GPU-gone", lost=True), SMALL)
    assert [device.uuid for device in list_devices({})] == ["GPU-aa1", ""]
    assert choose("cuda:0", {}).device.index == 1


def test_a_card_that_does_not_tell_its_memory_can_still_be_taken(machine):
    machine(Card("GPU-shared", silent=True, name="NVIDIA Old"))
    device = choose("auto", {}).device
    assert (device.uuid, device.memory_total, device.users) == ("GPU-shared", 0, 0)


def test_the_parts_of_a_card_are_devices(machine):
    parts = [Card("MIG-1", 10, 9, users=1), None, Card("MIG-2", 10, 8)]
    machine(Card("GPU-whole", parts=parts), Card("GPU-empty", parts=[None]))
    assert [device.uuid for device in list_devices({})] == ["MIG-1", "MIG-2", ""]
    assert choose("auto", {}).environment == {"CUDA_VISIBLE_DEVICES": "MIG-2"}
    assert choose("auto", visible("MIG-1")).device.uuid == "MIG-1"
    assert choose("auto", visible("0")).device.uuid == "MIG-1"


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (TorchBuild("2.14.1+cpu", ""), ["2.14.1+cpu", "built without CUDA", "pytorch.org"]),
        (TorchBuild("2.14.1+cu130", "13.0"), ["built for CUDA 13.0", "up to 12.2", "Update the driver", "CUDA 12."]),
        (TorchBuild("2.10.0+cu128", "12.8"), ["built for CUDA 12.8", "The versions fit"]),
    ],
)
def test_a_card_that_torch_cannot_use_is_explained(machine, monkeypatch, build, words):
    machine(SMALL)
    monkeypatch.setattr(devices, "torch_build", lambda: build)
    text = explain_unusable(choose("auto", {}).device)
    assert all(word in text for word in [*words, "NVIDIA Made (GPU 0)", "driver 535.104.05", "device = cpu"])


def test_the_torch_build_is_read_without_importing_torch():
    program = (
        "import sys; from vislab.engine.runs.devices import torch_build; build = torch_build();"
        "assert 'torch' not in sys.modules; print(build.version, build.cuda or None)"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    import torch

    assert told.stdout.strip() == f"{torch.__version__} {torch.version.cuda}"
    assert torch_build().version == torch.__version__


def test_host_figures_are_of_this_machine():
    machine = host()
    assert machine.processor
    assert 1 <= machine.physical_cores <= machine.logical_cores
    assert 1 <= machine.usable_cores <= machine.logical_cores
    assert 0 < machine.memory_available <= machine.memory_total
    if sys.platform == "linux":
        assert machine.memory_total == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def test_this_machine_as_it_is_has_a_processor_to_choose():
    assert choose("cpu").torch_name == "cpu"
    assert list_devices()[-1].kind == "cpu"
