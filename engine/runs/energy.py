"""Energy that an NVIDIA card uses, by its own counter."""

from contextlib import suppress

import pynvml


class EnergyMeter:
    """Energy since the last look, whoever used the card; it does not tell of other devices, nor of a part of a card.

    Args:
        uuid: of the card, as NVML names it; empty: another device.
    """

    def __init__(self, uuid: str) -> None:
        self._uuid = uuid
        self._before = self._joules()

    def since(self) -> float | None:
        """Joules since the last call, or since this was made; None where the device does not tell."""
        before, self._before = self._before, self._joules()
        return None if before is None or self._before is None else max(0.0, self._before - before)

    def _joules(self) -> float | None:
        """What the card has used since its driver was loaded."""
        if not self._uuid:
            return None
        with suppress(pynvml.NVMLError):
            pynvml.nvmlInit()
            try:
                card = pynvml.nvmlDeviceGetHandleByUUID(self._uuid)
                return float(pynvml.nvmlDeviceGetTotalEnergyConsumption(card)) / 1000
            finally:
                pynvml.nvmlShutdown()
        return None
