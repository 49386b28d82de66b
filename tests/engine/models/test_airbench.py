"""The fast network for CIFAR-10: whitening, what trains, and what a bad option is told."""

import pytest
import torch
from torch import nn

from vislab.engine.models.airbench import Scaled, Shift, Whitening, build
from vislab.presets.errors import InputError


def photographs(count: int = 64) -> torch.Tensor:
    """Neighbouring pixels and channels are alike, as in pictures."""
    draws = torch.Generator().manual_seed(4)
    coarse = torch.randn(count, 1, 5, 5, generator=draws)
    smooth = nn.functional.interpolate(coarse, (32, 32), mode="bilinear") * torch.tensor([1.0, 0.9, 0.8])[:, None, None]
    return smooth + 0.2 * torch.randn(count, 3, 32, 32, generator=draws)


def test_whitened_patches_are_uncorrelated_and_of_one_size() -> None:
    images = photographs()
    layer = Whitening(3)
    layer.initialise(images)
    with torch.no_grad():
        found = nn.functional.conv2d(images, layer.weight)
    half = found.shape[1] // 2
    assert torch.equal(found[:, :half], -found[:, half:])
    columns = found[:, :half].permute(1, 0, 2, 3).reshape(half, -1)
    covariance = columns @ columns.T / columns.shape[1]
    torch.testing.assert_close(covariance, torch.eye(half), atol=0.03, rtol=0)


def test_a_constant_image_does_not_blow_up() -> None:
    layer = Whitening(1)
    layer.initialise(torch.full((4, 1, 8, 8), 0.5))
    assert layer.weight.isfinite().all()


def test_filters_and_scales_are_kept_but_do_not_train() -> None:
    model = build(10, in_channels=3)
    trained = {name for name, _ in model.named_parameters()}
    assert "features.0.0.weight" in model.state_dict() and "features.0.0.weight" not in trained
    norms = [name for name, module in model.named_modules() if isinstance(module, Shift)]
    assert len(norms) == 6
    assert all(f"{name}.bias" in trained and f"{name}.weight" not in trained for name in norms)


def test_the_paper_s_network_has_its_number_of_weights() -> None:
    model = build(10, in_channels=3)
    counted = sum(tensor.numel() for name, tensor in model.state_dict().items() if name.endswith(("weight", "bias")))
    assert counted == 1_972_792


@pytest.mark.parametrize("options", [{}, {"widths": (32, 48), "depth": 3, "residual": True}])
def test_it_learns_a_batch_by_heart(options: dict[str, object]) -> None:
    torch.manual_seed(0)
    model = build(4, in_channels=3, **options)
    images, labels = photographs(32), torch.arange(32) % 4
    model.initialise(images)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.3, momentum=0.85, nesterov=True)
    losses = []
    for _ in range(10):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


@pytest.mark.parametrize("options", [{"widths": ()}, {"widths": (16, 64)}, {"widths": (64, 32)}, {"depth": 1}])
def test_bad_options_are_named(options: dict[str, object]) -> None:
    with pytest.raises(InputError, match=next(iter(options))):
        build(10, in_channels=3, **options)


def test_the_gradient_of_a_maximum_goes_to_one_pixel_of_each_map() -> None:
    """By index and not by equality, which does not hold where bf16 is compiled."""
    features = torch.ones(2, 3, 4, 4, requires_grad=True)
    found = Scaled(0.5)(features)
    assert torch.equal(found, torch.full((2, 3), 0.5))
    found.sum().backward()
    assert torch.equal(features.grad.flatten(2).sort(dim=2).values[..., -2:], torch.tensor([0.0, 0.5]).expand(2, 3, 2))
