"""LeNet-5 as it is taught today: ReLU and max pooling in place of the original's sigmoids and subsampling.

LeCun, Bottou, Bengio, Haffner: Gradient-based learning applied to document recognition (1998).
"""

from torch import nn

from vislab.engine.models.network import Network
from vislab.engine.models.pooling import HalvingMaxPool
from vislab.presets.errors import InputError


def build(
    num_classes: int, *, in_channels: int, image_size: int, padding: int = 2, drop_rate: float = 0.0
) -> nn.Module:
    """LeNet-5: two convolutions 5×5 with max pooling and ReLU, then dense layers of 120 and 84.

    The ReLU comes after the pooling, where maps have a quarter of the numbers: the largest of four rectified numbers is
    the largest of the four, rectified, and both orders have the same gradients.

    With 28 px images, `padding = 2` around the first convolution gives the classic maps: 28, 14, 10, 5. With 32 px
    images `padding = 0` gives them.

    Raises:
        InputError: the images are too small (below 12 px with `padding = 2`).
    """
    side = ((image_size + 2 * padding - 4) // 2 - 4) // 2
    if side < 1:
        raise InputError(f"LeNet-5 cannot read images of {image_size} px; set preprocessing.image_size to 16 or more")
    stages = [
        nn.Sequential(nn.Conv2d(in_channels, 6, 5, padding=padding), HalvingMaxPool(), nn.ReLU(inplace=True)),
        nn.Sequential(nn.Conv2d(6, 16, 5), HalvingMaxPool(), nn.ReLU(inplace=True)),
    ]
    neck = nn.Sequential(
        nn.Flatten(),
        nn.Linear(16 * side * side, 120),
        nn.ReLU(inplace=True),
        nn.Linear(120, 84),
        nn.ReLU(inplace=True),
    )
    return Network(stages, neck, 84, num_classes, drop_rate=drop_rate)
