"""The networks as people write them by hand, or take them from torchvision and timm."""

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
        case _:
            import timm

            model = timm.create_model("tf_efficientnet_lite0", num_classes=told.work.classes)
            assert told.weights is not None
            state = torch.load(told.weights, map_location="cpu", weights_only=True)
            own = model.state_dict()
            # The file is a port of the same network: the same tensors in the same order, under other names.
            body = [name for name in own if not name.startswith("classifier")]
            found = [tensor for name, tensor in state.items() if not name.startswith(("classifier", "_fc"))]
            assert [own[name].shape for name in body] == [tensor.shape for tensor in found]
            model.load_state_dict(dict(zip(body, found, strict=True)), strict=False)
            for parameter in model.parameters():
                parameter.requires_grad = False
            for parameter in model.get_classifier().parameters():
                parameter.requires_grad = True
            return model


def size(model: nn.Module) -> int:
    """Numbers in a model's parameters."""
    return sum(parameter.numel() for parameter in model.parameters())
