"""The networks as people write them by hand, or take them from torchvision and timm."""

from pathlib import Path

import torch
from side import Order
from torch import nn


def lenet5() -> nn.Module:
    """LeNet-5 with ReLU and max pooling, for 28 x 28 grey images."""
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def alexnet32() -> nn.Module:
    """AlexNet with a small stem, for 32 x 32 grey images."""
    return nn.Sequential(
        nn.Conv2d(1, 64, 3, stride=1, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(64, 192, 5, padding=2),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, stride=2),
        nn.Conv2d(192, 384, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(384, 256, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.Conv2d(256, 256, 3, padding=1),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, stride=2),
        nn.AdaptiveAvgPool2d(6),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(256 * 6 * 6, 4096),
        nn.ReLU(inplace=True),
        nn.Dropout(0.5),
        nn.Linear(4096, 4096),
        nn.ReLU(inplace=True),
        nn.Linear(4096, 10),
    )


def network(told: Order) -> nn.Module:
    """The model of a work; of a transfer only the head trains."""
    match told.work.architecture:
        case "lenet5":
            return lenet5()
        case "alexnet32":
            return alexnet32()
        case "resnet18":
            from torchvision.models import resnet18

            return resnet18(num_classes=told.work.classes)
        case "deit_small":
            import timm

            return timm.create_model("deit_small_patch16_224", num_classes=told.work.classes)
        case "efficientnet_lite0":
            assert told.weights is not None
            return frozen_efficientnet_lite0(told.weights, told.work.classes)
        case unknown:
            raise ValueError(unknown)


def frozen_efficientnet_lite0(weights: Path, classes: int) -> nn.Module:
    """As tutorials do: all weights frozen, the classifier a new one."""
    import timm

    model = timm.create_model("tf_efficientnet_lite0")
    state = torch.load(weights, map_location="cpu", weights_only=True)
    own = model.state_dict()
    # The file is a port of the same network: the same tensors in the same order, under other names.
    assert [tensor.shape for tensor in own.values()] == [tensor.shape for tensor in state.values()]
    model.load_state_dict(dict(zip(own, state.values(), strict=True)))
    model.requires_grad_(False)
    model.classifier = nn.Linear(model.num_features, classes)
    return model


def size(model: nn.Module) -> int:
    """Numbers in a model's parameters."""
    return sum(parameter.numel() for parameter in model.parameters())
