"""Where a model looks: the part that decides is the part that lights up, and nothing of the model changes."""

import pytest
import torch
from torch import nn

from vislab.engine.evaluation.saliency import saliency

SIDE = 24


class Corner(nn.Module):
    """The answer depends on the upper left quarter alone."""

    def __init__(self, features: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.features = features
        self.head = head

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        mask = torch.zeros_like(images)
        mask[:, :, : SIDE // 2, : SIDE // 2] = 1
        return self.head(self.features(images * mask))


def share_in_corner(maps: torch.Tensor) -> float:
    return float((maps[:, : SIDE // 2 + 2, : SIDE // 2 + 2].sum() / maps.sum()).item())


def convolutional() -> nn.Module:
    torch.manual_seed(1)
    features = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 8, 1, bias=False),
    )
    last = nn.Linear(8, 4)
    with torch.no_grad():
        last.weight.abs_()  # whatever is seen speaks for every answer
    return Corner(features, nn.Sequential(nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten(), last))


def perceptron() -> nn.Module:
    torch.manual_seed(2)
    return Corner(nn.Flatten(), nn.Sequential(nn.Linear(3 * SIDE**2, 16), nn.ReLU(), nn.Linear(16, 4)))


@pytest.mark.parametrize(("make", "method"), [(convolutional, "Grad-CAM"), (perceptron, "gradient")])
def test_the_part_that_decides_lights_up(make, method):
    model = make().eval()
    images = torch.rand(5, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(3))
    found = saliency(model, images, model(images).argmax(dim=1))
    assert found.method == method and found.maps.shape == (5, SIDE, SIDE)
    lit = found.maps[found.maps.amax(dim=(1, 2)) > 0]
    assert len(lit) >= 3 and lit.min() >= 0 and torch.allclose(lit.amax(dim=(1, 2)), torch.ones(len(lit)))
    assert share_in_corner(lit) > 0.95


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "deit3_small_patch16_224", "swin_tiny_patch4_window7_224"])
def test_transformers_of_timm(name):
    import timm

    torch.manual_seed(0)
    options = {"depths": (1, 1, 1, 1)} if "swin" in name else {"depth": 2, "img_size": 64}
    model = timm.create_model(name, num_classes=3, **options).eval()
    side = 224 if "swin" in name else 64
    images = torch.rand(2, 3, side, side)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    logits = model(images)
    found = saliency(model, images, torch.tensor([0, 2]))
    assert found.method == ("Grad-CAM" if "swin" in name else "attention roll-out")
    assert found.maps.shape == (2, side, side) and found.maps.isfinite().all() and found.maps.max() == 1
    assert torch.equal(model(images), logits), "attention is fused again, and no hook is left"
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())


def test_roll_out_follows_the_attention():
    import timm

    torch.manual_seed(0)
    model = timm.create_model("vit_tiny_patch16_224", num_classes=3, depth=1, img_size=64).eval()
    width = model.embed_dim
    with torch.no_grad():  # every token asks for what the sixth patch holds
        model.pos_embed.zero_()
        model.pos_embed[0, 1 + 5, 0] = 300.0
        qkv = model.blocks[0].attn.qkv
        qkv.weight.zero_()
        qkv.bias.zero_()
        qkv.bias[:width] = 1.0
        qkv.weight[width : 2 * width, 0] = 1.0
    found = saliency(model, torch.rand(1, 3, 64, 64), torch.tensor([1]))
    coarse = nn.functional.avg_pool2d(found.maps[None], 16)[0, 0].flatten()
    assert int(coarse.argmax()) == 5


def test_nothing_speaks_for_a_constant_answer():
    model = convolutional().eval()
    with torch.no_grad():
        model.head[-1].weight.zero_()
    found = saliency(model, torch.rand(2, 3, SIDE, SIDE), torch.tensor([0, 1]))
    assert not found.maps.any()


def test_images_stay_as_they_are_and_a_caller_without_gradients_may_ask():
    model, images = convolutional().eval(), torch.rand(2, 3, SIDE, SIDE)
    copy = images.clone()
    with torch.no_grad():
        saliency(model, images, torch.tensor([0, 1]))
    assert torch.equal(images, copy) and not images.requires_grad


def test_another_class_has_another_map():
    """Class 0 is spoken for by red, class 1 by green; red lies above, green below."""
    last = nn.Linear(3, 2, bias=False)
    model = nn.Sequential(nn.Conv2d(3, 3, 1, bias=False), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), last).eval()
    with torch.no_grad():
        model[0].weight.copy_(torch.eye(3)[:, :, None, None])
        last.weight.copy_(torch.eye(3)[:2])
    image = torch.zeros(1, 3, SIDE, SIDE)
    image[:, 0, : SIDE // 2] = 1
    image[:, 1, SIDE // 2 :] = 1
    red, green = saliency(model, image.repeat(2, 1, 1, 1), torch.tensor([0, 1])).maps
    assert torch.equal(red, image[0, 0]) and torch.equal(green, image[0, 1])


def test_no_part_of_an_even_image_stands_out():
    torch.manual_seed(4)
    head = nn.Sequential(nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4))
    model = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1, padding_mode="circular"), *head).eval()
    maps = saliency(model, torch.full((4, 3, SIDE, SIDE), 0.7), torch.arange(4)).maps
    assert maps.amax() == 1 and torch.allclose(maps.amax(dim=(1, 2)), maps.amin(dim=(1, 2)), atol=1e-4)


def test_a_roll_out_of_equal_tokens_is_dark_and_that_of_others_the_same_for_every_class():
    import timm

    torch.manual_seed(0)
    model = timm.create_model("vit_tiny_patch16_224", num_classes=3, depth=2, img_size=64).eval()
    image = torch.rand(1, 3, 64, 64).repeat(2, 1, 1, 1)
    one, other = saliency(model, image, torch.tensor([0, 2])).maps
    assert torch.equal(one, other) and one.max() == 1
    with torch.no_grad():
        model.pos_embed[:, 1:] = 0
    assert not saliency(model, torch.full((1, 3, 64, 64), 0.7), torch.tensor([1])).maps.any()
