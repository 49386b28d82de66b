"""What was written of a run for others. All text that is returned is safe."""

from collections.abc import Mapping
from typing import Any

import msgspec

from vislab.engine.runs.store import Run
from vislab.tui.views import text
from vislab.tui.views.evaluations import DAMAGED, MALFORMED
from vislab.tui.views.text import plain


def handed_over(run: Run) -> list[str]:
    """What the last check of the run's ONNX file said, passed or not; empty where none was written."""
    file = run.results / "onnx.json"
    try:
        found = msgspec.json.decode(file.read_bytes(), type=dict[str, Any])
        weights = f"{plain(found['checkpoint'])} ({plain(found['weights'])} weights, epoch {found['epoch']:d})"
        named = f"ONNX: {plain(found['file'], 1000)}, of {weights}, {text.moment(found['time'])}"
        return [named, *onnx_lines(found)]
    except FileNotFoundError:
        return []
    except (OSError, msgspec.DecodeError, *MALFORMED):
        return [f"ONNX: onnx.json {DAMAGED}"]


def onnx_lines(found: Mapping[str, Any]) -> list[str]:
    """What came of an ONNX file, the largest difference first.

    Args:
        found: of the answer of the export job, what it says of the ONNX file.
    """
    largest = found["largest_difference"]
    difference = "not a number" if largest is None else text.scientific(largest)
    verdict = "within" if found["passed"] else "above"
    real = text.counted(found["real_images"], "real one")
    lines = [
        f"largest difference of a probability, torch and onnxruntime: {difference}, {verdict} the limit of "
        f"{text.scientific(found['limit'])}, on {text.counted(found['random_images'], 'random image')} and {real}"
    ]
    if found["why_no_real_images"]:
        lines.append(f"no real images: {plain(found['why_no_real_images'], 1000)}")
    if not found["passed"]:
        return [*lines, "The file is not written."]
    shape = " × ".join(map(str, found["input"]["shape"]))
    classes = found["output"]["shape"][1]
    lines.append(
        f"opset {found['opset']}, {text.size(found['bytes'])}; in: {found['input']['name']}, {found['input']['type']} "
        f"0 to 255, {shape} (it normalises itself); out: {found['output']['name']}, batch × {classes}"
    )
    return lines


def weights_lines(found: Mapping[str, Any]) -> list[str]:
    """How weights are loaded again.

    Args:
        found: of the answer of the export job, what it says of the weights.
    """
    if found["timm"] is None:
        return ["The network is none of timm's: model.py, beside the weights, loads it."]
    arguments = ", ".join(f"{key}={value!a}" for key, value in found["timm"].items() if key != "model_name")
    file = found["files"][0].rpartition("/")[2]
    return [plain(f"timm.create_model({found['timm']['model_name']!a}, {arguments}, checkpoint_path={file!a})", 1000)]
