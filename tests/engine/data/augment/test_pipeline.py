from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.transforms.v2 import functional as reference

from vislab.engine.data.augment import Pipeline, operations
from vislab.presets.augmentations import CATALOGUE
from vislab.presets.errors import InputError

EVERY = tuple(CATALOGUE)
STRONG = {
    "rotation": "rotation(degrees=90, fill=0.3)",
    "affine": "affine(degrees=40, translate=0.3, scale_min=0.6, scale_max=1.5, shear=20)",
    "random_crop": "random_crop(padding=5, mode='reflect')",
    "colour_jitter": "colour_jitter(brightness=0.8, contrast=0.8, saturation=0.8, hue=0.3)",
    "rand_augment": "rand_augment(num_ops=3, magnitude=20)",
    "random_erasing": "random_erasing(p=0.9, value=0.6)",
}


def images(count: int, channels: int, height: int = 16, width: int = 16, seed: int = 1) -> Tensor:
    return torch.rand(count, channels, height, width, generator=torch.Generator().manual_seed(seed))


def draws(count: int, columns: int, seed: int = 2) -> Tensor:
    return torch.rand(count, columns, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", EVERY)
def test_a_sample_does_not_depend_on_its_batch(name: str, channels: int) -> None:
    pipeline = Pipeline((STRONG.get(name, name),), image_size=16)
    batch, table = images(24, channels, 20, 20), draws(24, pipeline.columns)
    together = pipeline(batch, table)
    assert together.shape == (24, channels, 16, 16) and not torch.equal(together[0], together[1])
    for row in range(24):
        alone = pipeline(batch[row : row + 1], table[row : row + 1])
        torch.testing.assert_close(alone[0], together[row], atol=1e-6, rtol=0)


@settings(max_examples=40, deadline=None)
@given(
    names=st.lists(st.sampled_from(EVERY), max_size=4),
    channels=st.sampled_from([1, 3]),
    height=st.integers(8, 30),
    width=st.integers(8, 30),
    seed=st.integers(0, 10**6),
)
def test_any_pipeline_gives_finite_images_in_range_and_leaves_its_input_alone(
    names: list[str], channels: int, height: int, width: int, seed: int
) -> None:
    pipeline = Pipeline(tuple(STRONG.get(name, name) for name in names), image_size=12)
    batch, table = images(5, channels, height, width, seed), draws(5, pipeline.columns, seed)
    before = batch.clone(), table.clone()
    result = pipeline(batch, table)
    assert result.shape == (5, channels, 12, 12) and result.dtype == torch.float32
    assert result.min() >= 0 and result.max() <= 1
    assert torch.equal(batch, before[0]) and torch.equal(table, before[1])
    assert pipeline.crops == ("random_resized_crop" in names) and pipeline.names == tuple(names)
    assert torch.equal(pipeline(batch, table), result)


@pytest.mark.parametrize("extreme", [0.0, 1 - 2**-24])
@pytest.mark.parametrize("name", EVERY)
def test_the_first_and_the_last_possible_draw_work(name: str, extreme: float) -> None:
    pipeline = Pipeline((STRONG.get(name, name),), image_size=16)
    result = pipeline(images(2, 3), torch.full((2, pipeline.columns), extreme))
    assert result.isfinite().all()


def test_no_augmentation_only_resizes() -> None:
    pipeline = Pipeline((), image_size=16)
    assert pipeline.columns == 0 and not pipeline.crops
    large, right = images(2, 3, 30, 24), images(2, 3)
    torch.testing.assert_close(pipeline(large, draws(2, 0)), reference.resize(large, [16, 16], antialias=True))
    assert torch.equal(pipeline(right, draws(2, 0)), right)


def test_each_augmentation_gets_its_own_draws() -> None:
    pipeline = Pipeline(("horizontal_flip", "vertical_flip"), image_size=16)
    batch = images(4, 3)
    table = torch.tensor([[0.1, 0.1], [0.1, 0.9], [0.9, 0.1], [0.9, 0.9]])
    result = pipeline(batch, table)
    for row, expected in enumerate((batch[0].flip(1, 2), batch[1].flip(2), batch[2].flip(1), batch[3])):
        assert torch.equal(result[row], expected)


def test_flips_happen_with_their_probability() -> None:
    table = (torch.arange(100)[:, None] + 0.5) / 100
    batch = images(1, 1, 4, 4).expand(100, -1, -1, -1)
    flipped = operations.horizontal_flip(batch, table, p=0.3)
    assert (flipped != batch).flatten(1).any(1).sum() == 30


@given(seed=st.integers(0, 10**6), epoch=st.integers(1, 50))
def test_an_alternating_flip_shows_each_image_both_ways_in_two_epochs(seed: int, epoch: int) -> None:
    pipeline = Pipeline(("rotation", "alternating_flip"), image_size=4)
    flipped = [pipeline.draws(seed, number, 200)[:, 1] < 0.5 for number in (epoch, epoch + 1, epoch + 2)]
    assert torch.equal(flipped[0], ~flipped[1]) and torch.equal(flipped[0], flipped[2])
    assert 60 < flipped[0].sum() < 140
    angles = [pipeline.draws(seed, number, 200)[:, 0] for number in (epoch, epoch + 2)]
    assert not torch.equal(*angles)


def test_an_alternating_flip_mirrors_left_and_right() -> None:
    batch = images(2, 3)
    result = operations.alternating_flip(batch, torch.tensor([[0.49], [0.5]]))
    assert torch.equal(result, torch.stack([batch[0].flip(-1), batch[1]]))


def test_rotation_is_torchvisions_rotate() -> None:
    batch, table = images(5, 3), torch.tensor([[0.0], [0.3], [0.5], [0.8], [0.99]])
    rotated = operations.rotation(batch, table, degrees=60, fill=0.0)
    bilinear = reference.InterpolationMode.BILINEAR
    for row, image in enumerate(batch):
        expected = reference.rotate(image, (2 * float(table[row]) - 1) * 60, interpolation=bilinear)
        torch.testing.assert_close(rotated[row], expected, atol=2e-5, rtol=0)


def test_affine_draws_span_their_ranges() -> None:
    batch = images(2, 3, 20, 20)
    corner = torch.tensor([[0.0] * 5, [1.0] * 5])
    options = {"degrees": 30.0, "translate": 0.25, "scale_min": 0.5, "scale_max": 2.0, "shear": 10.0}
    moved = operations.affine(batch, corner, **options, fill=0.0)
    bilinear = reference.InterpolationMode.BILINEAR
    for row, (sign, scale) in enumerate(((-1, 0.5), (1, 2.0))):
        expected = reference.affine(
            batch[row], sign * 30.0, [sign * 5, sign * 5], scale, [sign * 10.0, 0.0], interpolation=bilinear
        )
        torch.testing.assert_close(moved[row], expected, atol=2e-5, rtol=0)


def test_random_crop_reaches_every_place_evenly() -> None:
    place = (torch.arange(90) + 0.5) / 90
    batch = torch.zeros(90, 1, 9, 9)
    batch[:, 0, 4, 4] = 1
    moved = operations.random_crop(batch, torch.stack((place, place.flip(0)), 1), padding=4, mode="zero")
    assert torch.equal(moved.sum((0, 1)), 10 * torch.eye(9).flip(1))


def test_random_resized_crop_takes_the_area_and_ratio_of_its_draws() -> None:
    batch = images(3, 3, 40, 40)
    table = torch.tensor([[0.0, 0.0, 0.0, 0.0], [1.0, 0.5, 0.5, 0.5], [0.0, 1.0, 0.999, 0.999]])
    options = {"image_size": 20, "scale_min": 0.25, "scale_max": 1.0, "ratio_min": 0.5, "ratio_max": 2.0}
    cropped = operations.random_resized_crop(batch, table, **options)
    for row, box in enumerate(((0, 0, 28, 14), (0, 0, 40, 40), (26, 12, 14, 28))):
        expected = reference.resized_crop(batch[row], *box, size=[20, 20], antialias=True)
        torch.testing.assert_close(cropped[row], expected, atol=2e-6, rtol=0)


def test_random_resized_crop_reads_the_stored_size_and_later_ones_the_models() -> None:
    pipeline = Pipeline(("random_resized_crop(scale_min=1.0)", "random_crop"), image_size=16)
    assert pipeline.crops
    middle = torch.full((2, 6), 0.5)
    large = images(2, 3, 24, 24)
    torch.testing.assert_close(pipeline(large, middle), reference.resize(large, [16, 16], antialias=True))


def test_erasing_is_torchvisions_erase_of_one_box() -> None:
    batch = images(2, 3, 20, 20)
    table = torch.tensor([[0.1, 1.0, 0.5, 0.5, 0.5], [0.9, 1.0, 0.5, 0.5, 0.5]])
    options = {"scale_min": 0.1, "scale_max": 0.25, "ratio_min": 0.5, "ratio_max": 2.0}
    erased = operations.random_erasing(batch, table, p=0.5, **options, value=0.7)
    expected = reference.erase(batch[0], 5, 5, 10, 10, torch.tensor([0.7]).reshape(1, 1, 1))
    assert torch.equal(erased[0], expected) and torch.equal(erased[1], batch[1])


def test_colour_jitter_adjusts_in_its_order() -> None:
    batch, table = images(3, 3), draws(3, 4)
    jittered = operations.colour_jitter(batch, table, brightness=0.5, contrast=0.4, saturation=0.3, hue=0.2)
    for row, image in enumerate(batch):
        brightness, contrast, saturation, hue = (2 * table[row] - 1).tolist()
        expected = reference.adjust_brightness(image, 1 + brightness * 0.5)
        expected = reference.adjust_contrast(expected, 1 + contrast * 0.4)
        expected = reference.adjust_saturation(expected, 1 + saturation * 0.3)
        expected = reference.adjust_hue(expected, hue * 0.2)
        torch.testing.assert_close(jittered[row], expected, atol=1e-5, rtol=0)


def test_colour_jitter_of_nothing_changes_nothing() -> None:
    pipeline = Pipeline(("colour_jitter(brightness=0, contrast=0, saturation=0, hue=0)",), image_size=16)
    batch = images(3, 3)
    assert torch.equal(pipeline(batch, draws(3, 4)), batch)


MINE = '''
import torch

def wobble(images, draws, *, strength=0.1, image_size):
    """Wobble the brightness."""
    assert draws.shape == (len(images), 16) and image_size == 16
    return images + strength * draws[:, :1, None, None]

def narrow(images, draws):
    return images[:, :, :-1]

def doubled(images, draws):
    return images.double()

def lost(images, draws):
    return images[:-1]

def nothing(images, draws):
    pass
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path


def test_a_users_own_function_joins_in_and_is_clamped(folder: Path) -> None:
    pipeline = Pipeline(("horizontal_flip(p=0)", "./mine.py:wobble(strength=1.5)"), image_size=16, folder=folder)
    batch, table = images(4, 3), draws(4, 17)
    assert pipeline.columns == 17 and pipeline.names == ("horizontal_flip", "./mine.py:wobble")
    expected = (batch + 1.5 * table[:, 1:2, None, None]).clamp(max=1)
    torch.testing.assert_close(pipeline(batch, table), expected)


def test_a_users_function_may_change_the_size(folder: Path) -> None:
    pipeline = Pipeline(("./mine.py:narrow",), image_size=16, folder=folder)
    assert pipeline(images(4, 3), draws(4, 16)).shape == (4, 3, 16, 16)


@pytest.mark.parametrize(
    ("name", "found"),
    [("doubled", "float64 [4, 3, 16, 16]"), ("lost", "float32 [3, 3, 16, 16]"), ("nothing", "a NoneType")],
)
def test_what_is_no_batch_of_images_is_refused(folder: Path, name: str, found: str) -> None:
    pipeline = Pipeline((f"./mine.py:{name}",), image_size=16, folder=folder)
    with pytest.raises(InputError) as caught:
        pipeline(images(4, 3), draws(4, 16))
    assert f"./mine.py:{name} returned {found}" in str(caught.value)


def test_reflection_needs_an_image_larger_than_the_padding() -> None:
    with pytest.raises(InputError, match="reflected padding must be below image_size = 4"):
        Pipeline(("random_crop(mode='reflect')",), image_size=4)
