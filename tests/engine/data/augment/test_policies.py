import pytest
import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2

from vislab.engine.data.augment import policies
from vislab.engine.data.augment.policies import OPERATIONS

THEIRS = {
    "identity": "Identity",
    "shear_x": "ShearX",
    "shear_y": "ShearY",
    "translate_x": "TranslateX",
    "translate_y": "TranslateY",
    "rotate": "Rotate",
    "brightness": "Brightness",
    "color": "Color",
    "contrast": "Contrast",
    "sharpness": "Sharpness",
    "posterize": "Posterize",
    "solarize": "Solarize",
    "auto_contrast": "AutoContrast",
    "equalize": "Equalize",
}


def pixels(channels: int, height: int = 24, width: int = 30, count: int = 14) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randint(0, 256, (count, channels, height, width), generator=generator).to(torch.uint8)


@pytest.mark.parametrize("wide", [False, True])
def test_the_tables_are_torchvisions(wide: bool) -> None:
    space = (v2.TrivialAugmentWide if wide else v2.RandAugment)._AUGMENTATION_SPACE
    table = policies.magnitudes(24, 30, wide=wide)
    assert [THEIRS[name] for name in OPERATIONS] and set(THEIRS.values()) == set(space)
    for name, ours in zip(OPERATIONS, table, strict=True):
        magnitudes_of, signed = space[THEIRS[name]]
        theirs = magnitudes_of(31, 24, 30)
        assert signed == (name in policies.SIGNED)
        expected = torch.zeros(31) if theirs is None else theirs.float()
        torch.testing.assert_close(ours, expected.trunc() if name.startswith("translate") else expected)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(("wide", "magnitude", "sign"), [(False, 9, 1), (False, 30, -1), (True, 17, -1), (True, 30, 1)])
def test_every_operation_agrees_with_torchvision(channels: int, wide: bool, magnitude: int, sign: int) -> None:
    theirs = v2.TrivialAugmentWide() if wide else v2.RandAugment()
    batch = pixels(channels)
    images, choice = batch.float() / 255, torch.randperm(14, generator=torch.Generator().manual_seed(6))
    strength = policies.magnitudes(24, 30, wide=wide)[choice, magnitude]
    for row, operation in enumerate(choice.tolist()):
        strength[row] *= sign if OPERATIONS[operation] in policies.SIGNED else 1
    applied = policies.apply(images, choice, strength)
    for row, operation in enumerate(choice.tolist()):
        name = OPERATIONS[operation]
        on_levels = name in ("posterize", "solarize", "equalize")
        source = batch[row] if on_levels else images[row]
        amount = float(strength[row])
        expected = theirs._apply_image_or_video_transform(
            source, THEIRS[name], amount, interpolation=InterpolationMode.BILINEAR, fill={Tensor: None}
        )
        expected = expected.float() / 255 if on_levels else expected
        torch.testing.assert_close(applied[row], expected, atol=2e-4, rtol=0, msg=lambda text, at=name: f"{at}: {text}")


def test_draws_choose_operations_evenly_and_both_signs() -> None:
    draws = torch.arange(1400) / 1400
    assert policies.uniform.whole(draws, 14).bincount().tolist() == [100] * 14
    magnitude = policies._signed(torch.ones(4), torch.tensor([1, 1, 12, 12]), torch.tensor([0.2, 0.7, 0.2, 0.7]))
    assert magnitude.tolist() == [-1, 1, 1, 1]


def test_rand_augment_applies_its_operations_in_turn() -> None:
    images = pixels(3).float() / 255
    draws = torch.rand(14, 4, generator=torch.Generator().manual_seed(7))
    twice = policies.rand_augment(images, draws, num_ops=2, magnitude=9)
    once = policies.rand_augment(images, draws[:, :2], num_ops=1, magnitude=9)
    assert torch.equal(twice, policies.rand_augment(once, draws[:, 2:], num_ops=1, magnitude=9))
    assert not torch.equal(once, twice)


def test_trivial_augment_takes_strength_from_its_second_draw() -> None:
    images = pixels(3, count=2).float() / 255
    brightness = (OPERATIONS.index("brightness") + 0.5) / 14
    draws = torch.tensor([[brightness, 0.0, 0.9], [brightness, 0.9999, 0.9]])
    weak, strong = policies.trivial_augment(images, draws)
    torch.testing.assert_close(weak, images[0])
    torch.testing.assert_close(strong, (images[1] * 1.99).clamp(max=1))
