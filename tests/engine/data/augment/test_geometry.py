import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as reference

from vislab.engine.data.augment import geometry

BILINEAR = InterpolationMode.BILINEAR
SHAPES = [(3, 24, 24), (1, 28, 28), (3, 17, 30)]


def images(shape: tuple[int, int, int], count: int = 6) -> Tensor:
    return torch.rand(count, *shape, generator=torch.Generator().manual_seed(1))


def uniform(*shape: int, low: float = 0.0, high: float = 1.0, seed: int = 2) -> Tensor:
    return low + torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) * (high - low)


@pytest.mark.parametrize(("dimension", "flip"), [(-1, reference.horizontal_flip), (-2, reference.vertical_flip)])
def test_flip_mirrors_the_marked_samples_only(dimension: int, flip: object) -> None:
    assert callable(flip)
    batch, which = images((3, 5, 7)), torch.tensor([True, False, True, True, False, False])
    flipped = geometry.flip(batch, which, dimension)
    for row, image in enumerate(batch):
        assert torch.equal(flipped[row], flip(image) if which[row] else image)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("mode", "theirs"), [("zero", "constant"), ("reflect", "reflect")])
def test_shift_crop_is_pad_then_crop(shape: tuple[int, int, int], mode: str, theirs: str) -> None:
    batch = images(shape)
    top, left = torch.tensor([0, 8, 4, 3, 7, 1]), torch.tensor([8, 0, 4, 6, 2, 5])
    cropped = geometry.shift_crop(batch, top, left, 4, mode)
    for row, image in enumerate(batch):
        padded = reference.pad(image, [4], padding_mode=theirs)
        expected = reference.crop(padded, int(top[row]), int(left[row]), shape[1], shape[2])
        assert torch.equal(cropped[row], expected)


@pytest.mark.parametrize("shape", SHAPES)
def test_warp_is_affine(shape: tuple[int, int, int]) -> None:
    batch = images(shape)
    degrees, scale = uniform(6, low=-180, high=180), uniform(6, low=0.5, high=2, seed=3)
    shift, shear = uniform(6, 2, low=-9, high=9, seed=4), uniform(6, 2, low=-40, high=40, seed=5)
    matrices = geometry.inverse_affine(degrees, shift[:, 0], shift[:, 1], scale, shear[:, 0], shear[:, 1])
    warped = geometry.warp(batch, matrices)
    for row, image in enumerate(batch):
        expected = reference.affine(
            image,
            angle=float(degrees[row]),
            translate=shift[row].tolist(),
            scale=float(scale[row]),
            shear=shear[row].tolist(),
            interpolation=BILINEAR,
        )
        torch.testing.assert_close(warped[row], expected, atol=2e-4, rtol=0)


def test_warp_about_a_point_is_affine_with_that_centre() -> None:
    batch = images((3, 20, 26))
    degrees, zero, one = uniform(6, low=-60, high=60), torch.zeros(6), torch.ones(6)
    matrices = geometry.about(geometry.inverse_affine(degrees, zero, zero, one, zero, zero), -13.0, -10.0)
    warped = geometry.warp(batch, matrices)
    for row, image in enumerate(batch):
        expected = reference.affine(
            image, float(degrees[row]), [0, 0], 1.0, [0, 0], interpolation=BILINEAR, center=[0, 0]
        )
        torch.testing.assert_close(warped[row], expected, atol=2e-4, rtol=0)


def test_fill_comes_in_from_outside_and_the_inside_is_as_without() -> None:
    batch = images((3, 21, 21))
    zero, one = torch.zeros(6), torch.ones(6)
    matrices = geometry.inverse_affine(torch.full((6,), 45.0), zero, zero, one, zero, zero)
    black, filled = geometry.warp(batch, matrices), geometry.warp(batch, matrices, 0.5)
    covered = geometry.warp(torch.ones_like(batch), matrices)
    torch.testing.assert_close(filled, black + 0.5 * (1 - covered), atol=1e-6, rtol=0)
    assert torch.allclose(filled[:, :, 0, 0], torch.tensor(0.5))


def test_the_identity_changes_nothing_visible() -> None:
    batch, zero = images((1, 28, 28)), torch.zeros(6)
    matrices = geometry.inverse_affine(zero, zero, zero, torch.ones(6), zero, zero)
    torch.testing.assert_close(geometry.warp(batch, matrices), batch, atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", [(3, 24, 24), (1, 42, 42), (3, 30, 50), (1, 8, 8)])
def test_resized_crop_is_crop_then_antialiased_resize(shape: tuple[int, int, int]) -> None:
    batch = images(shape)
    height, width = shape[1:]
    area, form, x, y = uniform(4, 6, low=0.05, high=0.95)
    boxes = geometry.random_boxes(area, form, x, y, height, width, (0.5, 2.0))
    resized = geometry.resized_crop(batch, boxes, 20)
    for row, image in enumerate(batch):
        top, left, box_height, box_width = (int(side[row]) for side in boxes)
        expected = reference.resized_crop(image, top, left, box_height, box_width, [20, 20], antialias=True)
        torch.testing.assert_close(resized[row], expected, atol=2e-6, rtol=0)


DRAW = st.floats(0, 1 - 2**-24, width=32)


@settings(max_examples=200, deadline=None)
@given(
    area=st.floats(1e-3, 1),
    form=DRAW,
    x=DRAW,
    y=DRAW,
    height=st.integers(1, 300),
    width=st.integers(1, 300),
    ratio=st.tuples(st.floats(0.05, 1), st.floats(1, 20)),
)
def test_boxes_lie_inside_and_keep_area_and_ratio_where_they_can(
    area: float, form: float, x: float, y: float, height: int, width: int, ratio: tuple[float, float]
) -> None:
    draws = (torch.tensor([value]) for value in (area, form, x, y))
    top, left, box_height, box_width = (int(side) for side in geometry.random_boxes(*draws, height, width, ratio))
    assert box_height >= 1 and top >= 0 and top + box_height <= height
    assert box_width >= 1 and left >= 0 and left + box_width <= width
    pixels = area * width * height
    if pixels >= 1 and pixels / height**2 <= ratio[1] and width**2 / pixels >= ratio[0]:
        assert abs(box_height * box_width - pixels) <= (box_height + box_width) / 2 + 1  # half a pixel on each side
        if min(box_height, box_width) >= 20:
            assert ratio[0] * 0.9 <= box_width / box_height <= ratio[1] * 1.1


def test_a_draw_next_to_one_stays_inside() -> None:
    last = torch.full((1,), 1 - 2**-24)
    for side in range(1, 400):
        top, left, height, width = geometry.random_boxes(last * 0.04, last, last, last, side, side, (1.0, 1.0))
        assert int(top + height) == side and int(left + width) == side


def test_inside_marks_the_box() -> None:
    boxes = (torch.tensor([0, 2]), torch.tensor([1, 3]), torch.tensor([2, 1]), torch.tensor([3, 0]))
    expected = torch.zeros(2, 1, 4, 5, dtype=torch.bool)
    expected[0, 0, 0:2, 1:4] = True
    assert torch.equal(geometry.inside(boxes, 4, 5), expected)


def test_resize_antialiases_and_leaves_the_right_size_alone() -> None:
    batch = images((3, 40, 30))
    torch.testing.assert_close(geometry.resize(batch, 16), reference.resize(batch, [16, 16], antialias=True))
    square = images((3, 16, 16))
    assert geometry.resize(square, 16) is square
