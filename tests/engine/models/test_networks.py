"""Our own networks have the layers that their sources name."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from vislab.engine.models import alexnet, cnn, googlenet, heads, lenet, mlp, resnet, zoo
from vislab.engine.models.network import BackboneWithHead, Network
from vislab.engine.models.pooling import HalvingMaxPool
from vislab.presets.errors import InputError


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def convolutions(model: nn.Module) -> list[tuple[int, int, int, int]]:
    """Filters, kernel, stride and padding of each convolution."""
    found = [module for module in model.modules() if isinstance(module, nn.Conv2d)]
    return [(c.out_channels, c.kernel_size[0], c.stride[0], int(c.padding[0])) for c in found]


def dense(model: nn.Module) -> list[tuple[int, int]]:
    return [(m.in_features, m.out_features) for m in model.modules() if isinstance(m, nn.Linear)]


def test_lenet5_has_the_classic_maps_and_parameters() -> None:
    network = lenet.build(10, in_channels=1, image_size=28)
    assert parameters(network) == 61_706
    assert convolutions(network) == [(6, 5, 1, 2), (16, 5, 1, 0)]
    assert dense(network) == [(400, 120), (120, 84), (84, 10)]
    assert parameters(lenet.build(10, in_channels=1, image_size=32, padding=0)) == 61_706


def test_lenet5_rectifies_after_the_pooling_as_if_before() -> None:
    torch.manual_seed(0)
    network = lenet.build(10, in_channels=1, image_size=28)
    first, second = network.features
    usual = nn.Sequential(first[0], nn.ReLU(), nn.MaxPool2d(2), second[0], nn.ReLU(), nn.MaxPool2d(2), network.neck)
    images, gradients = torch.randn(8, 1, 28, 28), []
    for model in (nn.Sequential(network.features, network.neck), usual):
        answers = model(images)
        answers.square().sum().backward()
        gradients.append([answers, first[0].weight.grad, second[0].weight.grad, first[0].bias.grad])
        network.zero_grad()
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(*gradients, strict=True))
    assert [type(layer) for layer in first] == [nn.Conv2d, HalvingMaxPool, nn.ReLU]


@settings(deadline=None, max_examples=25)
@given(image_size=st.integers(12, 70), channels=st.sampled_from([1, 3]))
def test_lenet5_reads_any_image_of_twelve_pixels_or_more(image_size: int, channels: int) -> None:
    network = lenet.build(7, in_channels=channels, image_size=image_size)
    assert network(torch.zeros(1, channels, image_size, image_size)).shape == (1, 7)


def test_lenet5_refuses_smaller_images() -> None:
    with pytest.raises(InputError, match="cannot read images of 11 px"):
        lenet.build(10, in_channels=1, image_size=11)


def test_alexnet32_has_the_layers_of_study_e() -> None:
    network = alexnet.build(10, in_channels=3, kernel=3, stride=1, padding=1)
    assert convolutions(network) == [(64, 3, 1, 1), (192, 5, 1, 2), (384, 3, 1, 1), (256, 3, 1, 1), (256, 3, 1, 1)]
    assert dense(network) == [(9216, 4096), (4096, 4096), (4096, 10)]
    by_hand = (
        (3 * 9 * 64 + 64)
        + (64 * 25 * 192 + 192)
        + (192 * 9 * 384 + 384)
        + (384 * 9 * 256 + 256)
        + (256 * 9 * 256 + 256)
        + (9216 * 4096 + 4096)
        + (4096 * 4096 + 4096)
        + (4096 * 10 + 10)
    )
    assert parameters(network) == by_hand == 57_023_306
    pools = [module for module in network.modules() if isinstance(module, nn.MaxPool2d)]
    assert [(pool.kernel_size, pool.stride) for pool in pools] == [(3, 2)] * 3
    assert [module.p for module in network.modules() if isinstance(module, nn.Dropout)] == [0.5, 0.5]


def test_alexnet_and_googlenet_have_the_published_sizes() -> None:
    with torch.device("meta"):
        assert parameters(alexnet.build(1000, in_channels=3)) == 61_100_840
        # torchvision's 6,624,904 has 3×3 where the paper has 5×5: 16 more weights for each pair of channels there
        wider = sum(rows[3] * rows[4] for stage in googlenet.STAGES for rows in stage) * (25 - 9)
        assert parameters(googlenet.build(1000, in_channels=3)) == 6_624_904 + wider


def test_plain_convolutional_networks_follow_their_options() -> None:
    study_d = cnn.build(150, in_channels=3, image_size=64, widths=(8, 16, 32, 64, 128), pool="flatten")
    kinds = [type(module) for stage in study_d.features for module in stage]  # type: ignore[union-attr]
    assert kinds == [nn.Conv2d, nn.BatchNorm2d, nn.ReLU, HalvingMaxPool] * 5
    assert dense(study_d) == [(128 * 2 * 2, 150)]
    study_c = cnn.build(4, in_channels=3, image_size=32, dense=(64,), batch_norm=False, pool="flatten")
    assert len(convolutions(study_c)) == 4 and dense(study_c) == [(256 * 2 * 2, 64), (64, 4)]
    assert not any(isinstance(module, nn.BatchNorm2d) for module in study_c.modules())


@pytest.mark.parametrize(
    ("options", "message"),
    [({"widths": ()}, "one or more"), ({"dense": (0,)}, "1 or more"), ({"pool": "max"}, "average or flatten")],
)
def test_plain_convolutional_networks_refuse_options_out_of_range(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        cnn.build(4, in_channels=3, image_size=32, **options)  # type: ignore[arg-type]


def test_images_that_pooling_shrinks_to_nothing_are_refused() -> None:
    with pytest.raises(InputError, match="need images of 16 px or more, found 15"):
        cnn.build(4, in_channels=3, image_size=15)


def test_a_residual_block_adds_its_input() -> None:
    block = resnet.ResidualBlock(3, 8).eval()
    images = torch.rand(2, 3, 9, 9)
    assert torch.equal(block(images), block.skip(images) + block.residual(images))
    assert block(images).shape == (2, 8, 5, 5)
    network = resnet.build(5, in_channels=3)
    assert sum(isinstance(module, resnet.ResidualBlock) for module in network.modules()) == 4


def test_stochastic_depth_leaves_residuals_out_in_training_only() -> None:
    block = resnet.ResidualBlock(3, 8, drop_path=0.5)
    images = torch.rand(1, 3, 8, 8).expand(64, 3, 8, 8)
    block.eval()
    assert torch.equal(block(images), block.skip(images) + block.residual(images))
    block.drop_path.train()
    skipped = (block(images) == block.skip(images)).flatten(1).all(dim=1)
    assert 0 < skipped.sum() < 64


def test_the_perceptron_has_depth_hidden_layers_of_width() -> None:
    assert dense(mlp.build(5, in_channels=1, image_size=8, width=16, depth=3)) == [
        (64, 16),
        (16, 16),
        (16, 16),
        (16, 5),
    ]
    with pytest.raises(InputError, match="width and depth of 1 or more"):
        mlp.build(5, in_channels=1, image_size=8, depth=0)


@pytest.mark.parametrize("side", [1, 2, 5, 7, 30])
def test_study_b_reads_maps_of_any_size(side: int) -> None:
    assert heads.study_b(12, 3)(torch.rand(2, 12, side, side)).shape == (2, 3)


def test_heads_say_what_they_read() -> None:
    assert heads.taken_by(heads.study_b) == "map"
    assert heads.taken_by(heads.linear) == heads.taken_by(heads.mlp) == "vector"
    assert heads.taken_by(lambda features, num_classes: nn.Linear(features, num_classes)) == "vector"
    assert heads.mlp(6, 3)(torch.rand(2, 6)).shape == (2, 3)


def test_a_linear_head_drops_only_while_it_trains() -> None:
    head = heads.LinearHead(50, 3, drop_rate=0.5)
    vector = torch.rand(4, 50)
    assert not torch.equal(head(vector), head(vector))
    head.eval()
    assert torch.equal(head(vector), nn.functional.linear(vector, head.weight, head.bias))
    assert set(head.state_dict()) == {"weight", "bias"}


def test_a_drop_rate_out_of_range_is_refused() -> None:
    for drop_rate in (1.0, -0.1):
        with pytest.raises(InputError, match="drop_rate must be at least 0 and below 1"):
            lenet.build(10, in_channels=1, image_size=28, drop_rate=drop_rate)


def test_networks_without_classes_are_backbones() -> None:
    backbone = lenet.build(0, in_channels=1, image_size=28)
    assert isinstance(backbone, Network)
    images = torch.rand(2, 1, 28, 28)
    assert backbone(images).shape == (2, 84)
    assert backbone.forward_features(images).shape == (2, 16, 5, 5)
    assert BackboneWithHead(backbone, heads.study_b(16, 3), "map")(images).shape == (2, 3)
    assert BackboneWithHead(backbone, heads.linear(84, 3), "vector")(images).shape == (2, 3)


def test_pixels_are_a_map_that_is_the_image() -> None:
    images = torch.rand(2, 3, 5, 5)
    backbone = zoo.pixels(in_channels=3)
    assert torch.equal(backbone.get_submodule("").forward_features(images), images)  # type: ignore[operator]
    assert backbone(images).shape == (2, 75)
    with pytest.raises(InputError, match="without a head"):
        zoo.pixels(3, in_channels=3)
