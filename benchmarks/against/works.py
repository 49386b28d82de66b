"""What is measured: each work's data, model and length, the same for all sides."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Work:
    """One training that every side does.

    Attributes:
        train, test: images of the two parts.
        size: side of the model's input in pixels.
        epochs: that are trained; the figure leaves the first one out, in which graphs are traced and caches filled.
        jpeg: side of the JPEG pictures in pixels; 0: the IDX files themselves.
        classes: of Fashion-MNIST.
        rivals: sides that there is a program for.
        settings: of vislab alone.
        limits: how many times as fast as each rival vislab is to be.
        whole: seconds of the whole training count, not images a second: what is done once is a part of it.
        textbook_epochs: epochs that the textbook loop is timed for where it would take too long; 0: all.
    """

    title: str
    architecture: str
    train: int
    test: int
    size: int
    epochs: int = 2
    batch: int = 64
    jpeg: int = 0
    classes: int = 10
    rivals: tuple[str, ...] = ("textbook", "lightning", "fastai", "keras")
    settings: tuple[str, ...] = ()
    limits: dict[str, float] = field(default_factory=dict)
    whole: bool = False
    textbook_epochs: int = 0


_FP32 = ("precision=fp32", "memory_format=contiguous")

WORKS = {
    "lenet5": Work(
        "LeNet-5, Fashion-MNIST, fp32",
        architecture="lenet5",
        train=60_000,
        test=10_000,
        size=28,
        epochs=3,
        rivals=("bare", "textbook", "lightning", "fastai", "keras"),
        settings=_FP32,
        limits={"bare": 0.95, "textbook": 2.0, "lightning": 2.5, "fastai": 1.8, "keras": 1.15},
    ),
    "alexnet32": Work(
        "AlexNet, Fashion-MNIST at 32 px, auto",
        architecture="alexnet32",
        train=1920,
        test=320,
        size=32,
        limits={"textbook": 1.5},
    ),
    "resnet18": Work(
        "ResNet-18, JPEG folder at 224 px, auto",
        architecture="resnet18",
        train=256,
        test=64,
        size=224,
        batch=32,
        jpeg=320,
        classes=4,
        rivals=("textbook", "lightning", "fastai"),
        limits={"textbook": 2.5},
    ),
    "transfer": Work(
        "Transfer, EfficientNet-Lite0, JPEG folder at 224 px, 15 epochs in all, auto",
        architecture="efficientnet_lite0",
        train=612,
        test=152,
        size=224,
        epochs=15,
        batch=32,
        jpeg=512,
        classes=4,
        rivals=("textbook",),
        limits={"textbook": 20.0},
        whole=True,
        textbook_epochs=2,
    ),
    "transfer-fp32": Work(
        "Transfer, EfficientNet-Lite0, JPEG folder at 224 px, 15 epochs in all, fp32",
        architecture="efficientnet_lite0",
        train=612,
        test=152,
        size=224,
        epochs=15,
        batch=32,
        jpeg=512,
        classes=4,
        rivals=("textbook",),
        settings=_FP32,
        limits={"textbook": 15.0},
        whole=True,
        textbook_epochs=2,
    ),
}
