"""Every architecture preset builds, reads its images and knows its parts."""

import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
import pytest
import torch

from vislab import presets
from vislab.engine.models.assemble import Assembled, assemble
from vislab.presets.schema.architecture import Architecture
from vislab.presets.schema.preprocessing import Preprocessing

FOLDER = Path(presets.__file__).parent / "architectures"
NAMES = sorted(file.stem for file in FOLDER.glob("*.toml"))
OURS = {"mlp", "lenet5", "alexnet", "alexnet32", "googlenet"}
STUDIES = {"study-a-cnn", "study-b-cnn", "study-b-base", "study-c-cnn1", "study-d-cnn5", "study-d-resnet4"}
RESIDUAL_AND_DENSE = {"resnet18", "resnet50", "densenet121"}
LIGHT = {"mobilenetv3", "efficientnet_b0", "efficientnet_lite0", "rexnet"}
ATTENTIVE = {"vit_small", "deit_small", "coatnet"}

# Classes, channels and side with which a preset's `parameters` were published, where not 1000, 3 and its own.
PUBLISHED = {
    "lenet5": (10, 1, 28),
    "alexnet32": (10, 3, 32),
    "airbench94": (10, 3, 32),
    "airbench96": (10, 3, 32),
    "study-b-cnn": (3, 3, 224),
    "study-b-base": (3, 3, 224),
    "study-d-cnn5": (150, 3, 224),
    "study-d-resnet4": (150, 3, 224),
}


def read(name: str) -> tuple[Architecture, dict[str, Any]]:
    table = tomllib.loads((FOLDER / f"{name}.toml").read_text())
    preprocessing = table.pop("preprocessing", {})
    msgspec.convert(preprocessing, Preprocessing)
    assert "name" not in table
    return msgspec.convert(table | {"name": name}, Architecture), preprocessing


def parameters(assembled: Assembled) -> int:
    return sum(parameter.numel() for parameter in assembled.model.parameters())


def test_the_presets_that_are_promised_are_there() -> None:
    assert set(NAMES) >= OURS | STUDIES | RESIDUAL_AND_DENSE | LIGHT | ATTENTIVE


@pytest.mark.parametrize("name", NAMES)
def test_preset_builds_and_returns_logits(name: str) -> None:
    architecture, preprocessing = read(name)
    assert architecture.help.endswith(".") and len(architecture.help) < 120
    side = preprocessing.get("image_size", 28)
    num_classes, in_channels, side = PUBLISHED.get(name, (1000, preprocessing.get("channels", 3), side))
    assembled = assemble(
        architecture, num_classes=num_classes, in_channels=in_channels, image_size=side, pretrained=False
    )  # which itself runs a batch of two through the model
    if architecture.parameters:
        assert parameters(assembled) == architecture.parameters
    assert assembled.weights is None
    assert all(module.training for module in assembled.model.modules())

    in_groups = Counter(parameter for group in assembled.groups for parameter in group)
    assert in_groups == Counter(parameter for parameter, _ in assembled.model.named_parameters())
    of_head = {
        f"{part}.{parameter}"
        for part in assembled.head
        for parameter, _ in assembled.model.get_submodule(part).named_parameters()
    }
    assert of_head and set(assembled.groups[-1]) == of_head
    classes = {assembled.model.get_parameter(parameter).shape[0] for parameter in of_head}
    assert num_classes in classes


@pytest.mark.parametrize("name", ["lenet5", "mlp", "study-d-cnn5", "study-d-resnet4", "study-b-cnn", "resnet18"])
def test_small_presets_learn_greyscale_images_step_by_step(name: str) -> None:
    architecture, _ = read(name)
    model = assemble(architecture, num_classes=3, in_channels=1, image_size=32, pretrained=False).model
    images, labels = torch.rand(6, 1, 32, 32, generator=torch.Generator().manual_seed(0)), torch.arange(6) % 3
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
    losses = []
    for _ in range(8):
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert losses[-1] < losses[0]


def test_both_recipes_of_study_b_have_the_same_own_layers() -> None:
    alone, _ = read("study-b-cnn")
    on_base, _ = read("study-b-base")
    assert alone.head == on_base.head and alone.head_options == on_base.head_options
    heads = [
        assemble(architecture, num_classes=3, in_channels=3, image_size=64, pretrained=False).model.get_submodule(
            "head"
        )
        for architecture in (alone, on_base)
    ]
    layers = [[type(module).__name__ for module in head.children()] for head in heads]
    assert layers[0] == layers[1]
    shapes = [[tuple(tensor.shape) for tensor in head.state_dict().values()] for head in heads]
    assert shapes[0][1:] == shapes[1][1:], "only the first convolution's inputs differ"
    assert (shapes[0][0][1], shapes[1][0][1]) == (3, 1280)


def test_the_stages_of_a_known_network_run_from_the_input_to_the_head() -> None:
    architecture, _ = read("deit_small")
    groups = assemble(architecture, num_classes=5, in_channels=3, image_size=64, pretrained=False).groups
    assert len(groups) == 14, "embeddings, twelve blocks, head"
    assert set(groups[0]) == {"cls_token", "pos_embed", "patch_embed.proj.weight", "patch_embed.proj.bias"}
    assert all(name.startswith("blocks.3.") for name in groups[4])
    assert groups[-1] == ("head.weight", "head.bias")
