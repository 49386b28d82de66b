"""Every architecture preset written as weights and loaded again as another person would, and two small ones as ONNX.

Weights are random. ONNX of all presets takes minutes: `benchmarks/export_all.py` goes over them.
"""

import msgspec
import pytest
import torch

from vislab.engine.evaluation import onnx_file, weights_file
from vislab.engine.evaluation.trained import Trained
from vislab.engine.models.assemble import assemble
from vislab.engine.runs.checkpoints import Manifest
from vislab.engine.runs.store import Run
from vislab.presets.library import resolve
from vislab.presets.shelves import BUILT_IN

PRESETS = sorted(file.stem for file in (BUILT_IN / "architectures").glob("*.toml"))
SIDE = 64
"""Pixels of an image's side at most: the same layers as at the preset's own size, in a tenth of the time."""
SMALL = ("lenet5", "study-b-cnn")


@pytest.fixture
def untrained(settings, tmp_path):
    """A preset's network with random weights, its running averages too, as a run opened for use."""

    def make(name):
        spec = resolve(dataset="digits", architecture=name, strategy="scratch", settings=settings)
        side = min(SIDE, spec.preprocessing.image_size)
        spec = msgspec.structs.replace(spec, preprocessing=msgspec.structs.replace(spec.preprocessing, image_size=side))
        channels = spec.preprocessing.channels
        assembled = assemble(spec.architecture, num_classes=3, in_channels=channels, image_size=side, pretrained=False)
        for average in assembled.model.eval().buffers():
            if average.is_floating_point():
                average += torch.rand(average.shape, generator=torch.Generator().manual_seed(0)) / 10
        return Trained(
            run=Run(tmp_path / "run"),
            spec=spec,
            classes=("a", "b", "c"),
            assembled=assembled,
            weights="raw",
            checkpoint="best-1",
            file="weights.safetensors",
            manifest=Manifest(kind="best", step=1, epoch=1, files={"weights.safetensors": "0f"}),
            device=torch.device("cpu"),
            device_name="cpu",
        )

    return make


@pytest.mark.parametrize("name", PRESETS)
def test_weights_loaded_again_give_the_same_logits(name, untrained, tmp_path):
    model = untrained(name)
    written = weights_file.write(model, tmp_path / "out" / "w.safetensors")
    assert written.largest_difference <= weights_file.TOLERANCE
    architecture = model.spec.architecture
    own_heads = ("none", "vislab.engine.models.heads:linear")
    timms = architecture.build == "vislab.engine.models.zoo:build" and architecture.head in own_heads
    assert (written.timm is not None) == timms, "what timm builds needs no model.py"
    assert (written.model_file is None) == timms


@pytest.mark.parametrize("name", SMALL)
def test_onnx_gives_the_same_probabilities(name, untrained, tmp_path):
    model = untrained(name)
    side, channels = model.spec.preprocessing.image_size, model.spec.preprocessing.channels
    found = onnx_file.write(model, tmp_path / "m.onnx", torch.empty(0, channels, side, side, dtype=torch.uint8))
    assert found["passed"] and found["largest_difference"] <= onnx_file.LIMIT
