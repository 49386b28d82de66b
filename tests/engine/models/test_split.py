"""A network is cut in front of its head only where both parts together are the whole."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from vislab.engine.models.assemble import assemble
from vislab.engine.models.split import Inseparable, split
from vislab.engine.training import strategies
from vislab.presets.schema.architecture import Architecture

ZOO, LENET = "vislab.engine.models.zoo:build", "vislab.engine.models.lenet:build"
LINEAR, MAP = "vislab.engine.models.heads:linear", "vislab.engine.models.heads:study_b"


def frozen(size=32, **keys):
    made = assemble(
        Architecture(**keys), num_classes=3, in_channels=3, image_size=size, pretrained=False, drop_rate=0.5
    )
    strategies.freeze(made.model, made.head, made.groups, 1)
    return made, torch.randn(16, 3, size, size, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("keys", "shape"),
    [
        ({"build": ZOO, "options": {"model": "resnet10t"}}, (512,)),
        ({"build": ZOO, "options": {"model": "test_efficientnet"}}, (256,)),
        ({"build": ZOO, "options": {"model": "test_efficientnet"}, "head": LINEAR}, (256,)),
        ({"build": ZOO, "options": {"model": "resnet10t"}, "head": MAP}, (512, 1, 1)),
        ({"build": ZOO, "options": {"model": "test_vit"}, "size": 160}, (64,)),
        ({"build": LENET}, (84,)),
    ],
    ids=["resnet", "efficientnet", "own-head", "map", "vit", "network"],
)
def test_frozen_part_and_head_together_are_the_network_bit_for_bit(keys, shape):
    made, images = frozen(**keys)
    cut = split(made.model, made.head, images)
    with torch.no_grad():
        features = cut.features(made.model, images)
        assert features.shape == (16, *shape)
        torch.manual_seed(7)  # dropout in the head
        whole = made.model(images)
        torch.manual_seed(7)
        assert torch.equal(cut.logits(made.model, features), whole)
        assert not torch.equal(cut.logits(made.model, features), whole)


class Network(nn.Module):
    """Two layers and something between or after them."""

    def __init__(self, between=None, after=None, times=1):
        super().__init__()
        self.body = nn.Linear(12, 8)
        self.head = nn.Linear(8, 8)
        self.between, self.after, self.times = between, after, times

    def forward(self, images):
        features = self.body(images.flatten(1))
        if self.between is not None:
            features = self.between(features, self.training)
        for _ in range(self.times):
            features = self.head(features)
        return features if self.after is None else self.after(features)


@pytest.mark.parametrize(
    ("network", "head", "why"),
    [
        (Network(between=lambda x, training: functional.dropout(x, 0.5, training)), ("head",), "drawn at random"),
        (Network(after=lambda x: functional.log_softmax(x, dim=1)), ("head",), "not the last thing"),
        (Network(times=2), ("head",), "called 2 times"),
        (Network(times=0), ("head",), "called 0 times"),
        (Network(), ("head", "body"), "2 parts"),
        (Network(between=lambda x, _: x.repeat(2, 1)), ("head",), "one row an image"),
    ],
    ids=["dropout", "softmax", "twice", "never", "two-heads", "crops"],
)
def test_a_network_that_cannot_be_cut_is_told_why(network, head, why):
    network.body.eval()
    modes = [module.training for module in network.modules()]
    with pytest.raises(Inseparable, match=why):
        split(network, head, torch.randn(16, 3, 2, 2))
    assert [module.training for module in network.modules()] == modes
    assert not network.head._forward_pre_hooks
