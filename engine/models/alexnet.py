"""AlexNet in its one-column form, for 224 px images and, with a smaller stem, for 32 px ones.

Krizhevsky: One weird trick for parallelizing convolutional neural networks (2014), after Krizhevsky, Sutskever,
Hinton: ImageNet classification with deep convolutional neural networks (2012).
"""

from torch import nn

from vislab.engine.models.network import Network


def build(
    num_classes: int,
    *,
    in_channels: int,
    kernel: int = 11,
    stride: int = 4,
    padding: int = 2,
    drop_rate: float = 0.5,
) -> nn.Module:
    """AlexNet: five convolutions, three max pools, two dense layers of 4096 with dropout before each.

    `kernel`, `stride` and `padding` are those of the first convolution: 11, 4, 2 suit 224 px; 3, 1, 1 suit the 32 px of
    Study E. An average pool brings the last map to 6 × 6, whatever the image's size.
    """

    def convolution(inputs: int, filters: int, kernel: int, padding: int, stride: int = 1) -> list[nn.Module]:
        return [nn.Conv2d(inputs, filters, kernel, stride=stride, padding=padding), nn.ReLU(inplace=True)]

    def pool() -> nn.Module:
        return nn.MaxPool2d(3, stride=2)

    stages = [
        nn.Sequential(*convolution(in_channels, 64, kernel, padding, stride), pool()),
        nn.Sequential(*convolution(64, 192, 5, 2), pool()),
        nn.Sequential(*convolution(192, 384, 3, 1)),
        nn.Sequential(*convolution(384, 256, 3, 1)),
        nn.Sequential(*convolution(256, 256, 3, 1), pool()),
    ]
    neck = nn.Sequential(
        nn.AdaptiveAvgPool2d(6),
        nn.Flatten(),
        nn.Dropout(drop_rate),
        nn.Linear(256 * 6 * 6, 4096),
        nn.ReLU(inplace=True),
        nn.Dropout(drop_rate),
        nn.Linear(4096, 4096),
        nn.ReLU(inplace=True),
    )
    return Network(stages, neck, 4096, num_classes)
