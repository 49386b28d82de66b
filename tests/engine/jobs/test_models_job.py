import pytest

from vislab.engine.jobs.models import answer

LENET = {"name": "lenet5", "build": "vislab.engine.models.lenet:build"}


def ask(**more: object) -> dict:
    request = {"architecture": LENET, "num_classes": 10, "in_channels": 1, "image_size": 28, **more}
    return answer(request, lambda what, done, total: None)


def test_parameters_and_multiply_adds_are_those_computed_by_hand() -> None:
    found = ask()
    # conv 6@5x5, conv 16@5x5, dense 120, 84, 10 on 28 x 28 (28, 14, 10, 5 pixels a side).
    layers = [(25, 6, 28**2), (150, 16, 10**2), (400, 120, 1), (120, 84, 1), (84, 10, 1)]
    assert found["parameters"] == sum((inputs + 1) * outputs for inputs, outputs, _ in layers) == 61_706
    assert found["multiply_adds"] == sum(inputs * outputs * places for inputs, outputs, places in layers)
    assert found["trainable"] == found["parameters"]


def test_a_frozen_backbone_leaves_the_head_to_train() -> None:
    frozen, gradual = (ask(strategy={"freeze": freeze}) for freeze in ("backbone", "gradual"))
    assert frozen["trainable"] == gradual["trainable"] == 84 * 10 + 10
    assert frozen["parameters"] == 61_706 and frozen["head"] and frozen["stages"] > 1


def test_attention_is_counted() -> None:
    def cost(size: int) -> int:
        options = {"model": "vit_tiny_patch16_224"}
        architecture = {"name": "vit", "build": "vislab.engine.models.zoo:build", "options": options}
        return ask(architecture=architecture, in_channels=3, image_size=size)["multiply_adds"]

    # 12 blocks of width 192: 12 d^2 a token for its matrices, 2 n d a token for attention; and the patches.
    def by_hand(size: int) -> int:
        tokens, width = (size // 16) ** 2, 192
        blocks = 12 * ((tokens + 1) * 12 * width**2 + 2 * (tokens + 1) ** 2 * width)
        return blocks + tokens * 768 * width + width * 10

    assert cost(64) == pytest.approx(by_hand(64), rel=1e-3)
