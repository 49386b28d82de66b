"""What a learning rate range test found: its curve, and the same in words. Pure, and safe to display."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from vislab.tui.views import text
from vislab.tui.views.curves import RAW_MARKER, TRAIN_COLOUR, VAL_COLOUR, VAL_MARKER, Series

_ROOM = 1.5  # times the first loss: points above it would flatten the curve


def curves(found: Mapping[str, Any]) -> list[Series]:
    """The loss of each batch and the smoothed loss, over the decimal logarithm of the learning rate."""
    xs = [math.log10(rate) for rate in found["rates"]]
    top = _ROOM * max(found["smoothed"][:1], default=0.0)

    def shown(losses: Sequence[float]) -> list[float]:
        return [loss if loss <= top else math.nan for loss in losses]

    return [
        Series("each batch", xs, shown(found["losses"]), RAW_MARKER, TRAIN_COLOUR),
        Series("smoothed", xs, shown(found["smoothed"]), VAL_MARKER, VAL_COLOUR),
    ]


def words(found: Mapping[str, Any]) -> list[str]:
    """Where the loss falls fastest, where it is lowest, where it left, and what the spec has."""
    name = text.plain(f"{found['device']} {found['device_name']}".strip(), 60)
    of = f"{text.counted(found['images'], 'image')}, batches of {text.count(found['batch_size'])}"
    lines = [f"{text.counted(len(found['rates']), 'update')} on {of}; {name}, {found['precision']}"]
    if found["steepest"] is None:
        lines.append("The loss never fell: nothing can be suggested. Try more --steps, or another range.")
    else:
        lines.append(f"steepest fall     {text.scientific(found['steepest'])}   a good base learning rate")
        lowest, tenth = text.scientific(found["lowest"]), text.scientific(found["lowest"] / 10)
        lines.append(f"lowest loss       {lowest}   a tenth is safe: {tenth}")
    if found["diverged"] is not None:
        lines.append(f"the loss left at  {text.scientific(found['diverged'])}")
    lines.append(f"the spec has      {text.scientific(found['learning_rate'])}")
    return lines
