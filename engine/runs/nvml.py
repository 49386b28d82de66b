"""NVIDIA cards by NVML, in this process; as a program, for another one: see `vislab.engine.runs.cards`."""

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict
from typing import Any

import pynvml

from vislab.engine.runs.devices import Device
from vislab.engine.runs.meters import Reading


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
        cards = [_card(index, handle, versions) for index in numbers for handle in _handles(index)]
        return cards, "" if cards else "there is no NVIDIA GPU"
    except pynvml.NVMLError as error:
        return [], f"the NVIDIA driver does not answer: {error}"
    finally:
        pynvml.nvmlShutdown()


def _handles(index: int) -> Iterator[Any]:
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


def read_card(worker: int, name: str) -> Reading | None:
    """The card that a worker computes on; None when it cannot be seen from here.

    Args:
        worker: process id.
        name: of the card, which tells where process ids do not (in a container).
    """
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return None
    try:
        numbers = range(pynvml.nvmlDeviceGetCount())
        cards = [(index, handle) for index in numbers for handle in _handles(index)]
        found = [card for card in cards if worker in _users(card[1])]
        found = found or [card for card in cards if pynvml.nvmlDeviceGetName(card[1]) == name]
        return _reading(*found[0]) if len(found) == 1 else None
    except pynvml.NVMLError:
        return None
    finally:
        pynvml.nvmlShutdown()


def _users(handle: Any) -> set[int]:
    with suppress(pynvml.NVMLError):
        return {process.pid for process in pynvml.nvmlDeviceGetComputeRunningProcesses(handle)}
    return set()


def _reading(index: int, handle: Any) -> Reading:
    memory = _told(pynvml.nvmlDeviceGetMemoryInfo, handle)
    rates = _told(pynvml.nvmlDeviceGetUtilizationRates, handle)
    milliwatts = _told(pynvml.nvmlDeviceGetPowerUsage, handle)
    return Reading(
        card=True,
        name=f"{pynvml.nvmlDeviceGetName(handle)} (GPU {index})",
        busy=None if rates is None else rates.gpu / 100,
        memory_used=None if memory is None else int(memory.used),
        memory_total=None if memory is None else int(memory.total),
        temperature=_told(pynvml.nvmlDeviceGetTemperature, handle, pynvml.NVML_TEMPERATURE_GPU),
        power=None if milliwatts is None else milliwatts / 1000,
    )


def _told(ask: Callable[..., Any], *arguments: Any) -> Any:
    """What the driver answers; None for what this card does not support."""
    with suppress(pynvml.NVMLError):
        return ask(*arguments)
    return None


def main() -> None:
    """Answer questions, one line of JSON each, until there are no more; the protocol is that of `JobProcess`."""
    for line in sys.stdin:
        request = json.loads(line)
        result: dict[str, Any]
        if request["job"] == "cards":
            cards, trouble = list_cards()
            result = {"cards": [asdict(card) for card in cards], "trouble": trouble}
        else:
            reading = read_card(request["worker"], request["name"])
            result = {"reading": None if reading is None else asdict(reading)}
        print(json.dumps({"id": request["id"], "result": result}), flush=True)


if __name__ == "__main__":
    main()
