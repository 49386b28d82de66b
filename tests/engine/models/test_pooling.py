"""Max pooling that halves a map gives what torch's gives."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from vislab.engine.models.pooling import HalvingMaxPool


def pooled(pool: nn.Module, maps: torch.Tensor, weights: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Values, and the gradient of their weighted sum."""
    maps = maps.detach().requires_grad_()
    values = pool(maps)
    (values * weights).sum().backward()
    assert maps.grad is not None
    return values.detach(), maps.grad


@given(
    shape=st.tuples(*[st.integers(1, 4)] * 2, *[st.integers(2, 9)] * 2),
    layout=st.sampled_from([torch.contiguous_format, torch.channels_last]),
    seed=st.integers(0, 1000),
)
def test_values_and_gradients_are_torchs(
    shape: tuple[int, int, int, int], layout: torch.memory_format, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randperm(torch.Size(shape).numel(), generator=generator).float().reshape(shape)  # all different
    weights = torch.randn(*shape[:2], shape[2] // 2, shape[3] // 2, generator=generator)
    maps = maps.contiguous(memory_format=layout)
    for ours, torchs in zip(
        pooled(HalvingMaxPool(), maps, weights), pooled(nn.MaxPool2d(2), maps, weights), strict=True
    ):
        assert torch.equal(ours, torchs)


@given(dtype=st.sampled_from([torch.float32, torch.bfloat16, torch.float16]), seed=st.integers(0, 1000))
def test_of_equal_numbers_exactly_one_gets_the_gradient(dtype: torch.dtype, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randint(0, 3, (2, 3, 6, 8), generator=generator).to(dtype)
    weights = torch.randint(1, 9, (2, 3, 3, 4), generator=generator).to(dtype)
    values, gradient = pooled(HalvingMaxPool(), maps, weights)
    assert torch.equal(values, nn.functional.max_pool2d(maps, 2))
    assert values.dtype == gradient.dtype == dtype
    squares = gradient.unfold(2, 2, 2).unfold(3, 2, 2).flatten(4)
    chosen = maps.unfold(2, 2, 2).unfold(3, 2, 2).flatten(4).gather(4, squares.argmax(4, keepdim=True))
    assert torch.equal(squares.sum(4), weights)
    assert ((squares != 0).sum(4) == 1).all()
    assert torch.equal(chosen[..., 0], values)


@pytest.mark.parametrize("place", range(4))
def test_a_nan_is_not_lost(place: int) -> None:
    maps = torch.randn(1, 1, 2, 2)
    maps.view(-1)[place] = torch.nan
    assert HalvingMaxPool()(maps).isnan().all()


def test_without_a_gradient_nothing_is_kept() -> None:
    with torch.no_grad():
        values = HalvingMaxPool()(torch.randn(1, 1, 2, 2, requires_grad=True))
    assert values.grad_fn is None
