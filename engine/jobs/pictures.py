"""Pixels as an answer can carry them."""

import base64
from typing import Any

from vislab.engine.data.source import Pixels


def picture(pixels: Pixels) -> dict[str, Any]:
    """A picture, uint8 [H, W, 3], as {"width", "height", "rgb": base64 of its bytes}."""
    height, width, _ = pixels.shape
    return {"width": width, "height": height, "rgb": base64.b64encode(pixels.tobytes()).decode()}
