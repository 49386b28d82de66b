"""NVIDIA cards by NVML. `devices` loads this where the driver is: pynvml takes 1.4 MB."""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pynvml

from vislab.engine.runs.devices import Device


def list_cards() -> tuple[list[Device], str]:
    """The NVIDIA cards of the machine, and why there are none."""
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError_LibraryNotFound:
        return [], "there is no NVIDIA driver"
    except pynvml.NVMLError as error:
        return [], f"the NVIDIA driver does not answer: {error}"
    try:
        cuda = pynvml.nvmlSystemGetCudaDriverVersion_v2()
        versions = (pynvml.nvmlSystemGetDriverVersion(), f"{cuda // 1000}.{cuda % 1000 // 10}")
        numbers = range(pynvml.nvmlDeviceGetCount())
        cards = [_card(index, handle, versions) for index in numbers for handle in handles(index)]
        return cards, "" if cards else "there is no NVIDIA GPU"
    except pynvml.NVMLError as error:
        return [], f"the NVIDIA driver does not answer: {error}"
    finally:
        pynvml.nvmlShutdown()


def handles(index: int) -> Iterator[Any]:
    """The card of this number, or its parts where it is in parts (MIG); nothing where it has fallen off the bus."""
    try:
        card = pynvml.nvmlDeviceGetHandleByIndex(index)
    except pynvml.NVMLError:
        return
    try:
        in_parts = pynvml.nvmlDeviceGetMigMode(card)[0] == pynvml.NVML_DEVICE_MIG_ENABLE
    except pynvml.NVMLError_NotSupported:
        in_parts = False
    if not in_parts:
        yield card
        return
    for part in range(pynvml.nvmlDeviceGetMaxMigDeviceCount(card)):
        with suppress(pynvml.NVMLError_NotFound):
            yield pynvml.nvmlDeviceGetMigDeviceHandleByIndex(card, part)


def _card(index: int, handle: Any, versions: tuple[str, str]) -> Device:
    total = free = users = 0
    with suppress(pynvml.NVMLError):  # cards that share the machine's memory do not say
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle)
        total, free = int(memory.total), int(memory.free)
    with suppress(pynvml.NVMLError):
        users = len(pynvml.nvmlDeviceGetComputeRunningProcesses(handle))
    name, uuid = pynvml.nvmlDeviceGetName(handle), pynvml.nvmlDeviceGetUUID(handle)
    return Device("cuda", index, name, uuid, total, free, users, *versions)
