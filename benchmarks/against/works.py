"""What is measured: each work's data, model and length, the same for all sides."""

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Work:
    """One training that every side does.

    Attributes:
        train, test: images of the two parts.
        size: side of the model's input in pixels.
        epochs: that are trained; the figure leaves the first one out, in which graphs are traced and caches filled.
        jpeg: side of the JPEG pictures in pixels; 0: the IDX files themselves.
        classes: of Fashion-MNIST.
        rivals: sides that it is measured against.
        settings: of vislab alone.
        limits: how many times as fast as each rival vislab is to be.
        whole: the seconds of the whole command count, from its start to its end, not images a second: what is done
            once is a part of it.
        rival_epochs: epochs that a rival is timed for where it would take too long; 0: all.
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
    rivals: tuple[str, ...] = ("textbook",)
    settings: tuple[str, ...] = ()
    limits: dict[str, float] = field(default_factory=dict)
    whole: bool = False
    rival_epochs: int = 0

    def epochs_of(self, side: str) -> int:
        """Epochs that a side is told to train."""
        return self.epochs if side == "vislab" else self.rival_epochs or self.epochs

    @property
    def chooses(self) -> bool:
        """Whether vislab's `auto` has a choice, which a training as short as this one must remember."""
        return not self.whole and not any(setting.startswith("precision=") for setting in self.settings)


_LOOPS = ("textbook", "lightning", "fastai", "keras")

_TRANSFER = Work(
    "Transfer, EfficientNet-Lite0, JPEG folder at 224 px, 15 epochs in all, auto",
    architecture="efficientnet_lite0",
    train=612,
    test=152,
    size=224,
    epochs=15,
    batch=32,
    jpeg=512,
    classes=4,
    rivals=_LOOPS,
    limits={"textbook": 20.0},
    whole=True,
    rival_epochs=2,
)

WORKS = {
    "lenet5": Work(
        "LeNet-5, Fashion-MNIST, fp32",
        architecture="lenet5",
        train=20_000,
        test=4_000,
        size=28,
        epochs=5,
        rivals=("bare", "bare-stock", *_LOOPS),
        settings=("precision=fp32", "memory_format=contiguous"),
        limits={"bare": 0.95, "textbook": 2.0, "lightning": 2.5, "fastai": 1.8, "keras": 1.15},
    ),
    "alexnet32": Work(
        "AlexNet, Fashion-MNIST at 32 px, auto",
        architecture="alexnet32",
        train=1280,
        test=256,
        size=32,
        rivals=_LOOPS,
        limits={"textbook": 1.5},
    ),
    "resnet18": Work(
        "ResNet-18, JPEG folder at 224 px, auto",
        architecture="resnet18",
        train=192,
        test=64,
        size=224,
        batch=32,
        jpeg=320,
        classes=4,
        rivals=_LOOPS,
        limits={"textbook": 2.5},
    ),
    "deit": Work(
        "DeiT-Small, JPEG folder at 224 px, auto",
        architecture="deit_small",
        train=48,
        test=32,
        size=224,
        batch=16,
        jpeg=320,
        classes=4,
        limits={"textbook": 1.6},
    ),
    "transfer": _TRANSFER,
    "transfer-fp32": replace(
        _TRANSFER,
        title="Transfer, EfficientNet-Lite0, JPEG folder at 224 px, 15 epochs in all, fp32",
        rivals=("textbook",),
        settings=("precision=fp32",),
        limits={"textbook": 15.0},
    ),
}
