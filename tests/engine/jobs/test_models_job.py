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


def test_memory_of_training_is_that_counted_by_hand() -> None:
    found = ask(strategy={"batch_size": 6, "optimizer": "adam"})["memory"]
    assert found["weights"] == found["gradients"] == 4 * 61_706
    # Adam keeps two figures a weight.
    assert found["optimizer"] == 2 * found["gradients"]
    assert found["total"] == sum(found[part] for part in ("weights", "gradients", "optimizer", "activations"))
    # At least the input and the outputs of both convolutions are kept for the backward pass; not ten times as much.
    kept = 6 * 4 * (28**2 + 6 * 28**2 + 16 * 10**2)
    assert kept < found["activations"] < 10 * kept


def test_a_batch_size_that_a_run_will_decide_counts_as_the_usual_one() -> None:
    assert ask(strategy={"batch_size": "auto"})["memory"] == ask(strategy={"batch_size": 64})["memory"]


@pytest.mark.parametrize(("optimizer", "share"), [("sgd", 1), ("adamw", 2), ("lion", 1)])
def test_state_of_the_optimizer(optimizer: str, share: int) -> None:
    found = ask(strategy={"optimizer": optimizer})["memory"]
    assert found["optimizer"] == share * found["gradients"]


def test_memory_grows_with_the_micro_batch_and_shrinks_with_what_is_frozen() -> None:
    def activations(**strategy: object) -> int:
        return ask(strategy=strategy)["memory"]["activations"]

    assert activations(batch_size=128) == 2 * activations(batch_size=64)
    assert activations(batch_size=128, accumulate=4) == activations(batch_size=32)
    assert activations(batch_size=64, freeze="backbone") < activations(batch_size=64) / 2
    assert activations(batch_size=64, freeze="gradual") == activations(batch_size=64)
    averaged, raw = (ask(strategy={"ema": ema})["memory"]["weights"] for ema in (0.9, 0.0))
    assert averaged == 2 * raw


def test_a_model_too_large_for_this_machine_is_counted_without_its_numbers() -> None:
    architecture = {"build": "vislab.engine.models.zoo:build", "options": {"model": "efficientnet_l2"}}
    found = ask(architecture=architecture, in_channels=3, image_size=800, strategy={"batch_size": 64})
    assert found["parameters"] > 470e6 and found["memory"]["total"] > 500e9


def test_code_that_needs_numbers_is_counted_too(tmp_path) -> None:
    (tmp_path / "mine.py").write_text(
        "from torch import nn\n"
        "def build(num_classes, *, in_channels, image_size):\n"
        "    layer = nn.Linear(in_channels * image_size**2, num_classes)\n"
        "    layer.weight.data.mul_(1 / layer.weight.std().item())\n"
        "    return nn.Sequential(nn.Flatten(), layer)\n"
    )
    found = ask(architecture={"build": "./mine.py:build"}, folder=str(tmp_path))
    assert found["parameters"] == 28**2 * 10 + 10 and found["multiply_adds"] == 28**2 * 10
