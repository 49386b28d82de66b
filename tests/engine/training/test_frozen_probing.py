"""Choosing the arithmetic of a frozen part: forward passes of a few images, and nothing is changed by them."""

import pytest
import torch
from torch import nn

from vislab.engine.data.batches import Batch
from vislab.engine.models.assemble import assemble
from vislab.engine.training import probing
from vislab.engine.training.frozen_probing import IMAGES, FrozenProbe
from vislab.engine.training.losses import make_loss
from vislab.engine.training.precision import Arithmetic
from vislab.engine.training.strategies import state_hash

CPU = torch.device("cpu")


@pytest.fixture
def probe(make_spec, mine, monkeypatch):
    """A probe of a small frozen network, whose turns are single forward passes."""
    monkeypatch.setattr(probing, "TURN", 0.0)
    spec = make_spec(precision="auto", memory_format="auto", threads=1, strategy={"freeze": "backbone"})
    assembled = assemble(
        spec.architecture, num_classes=3, in_channels=1, image_size=8, pretrained=False, folder=mine.parent
    )
    loss = make_loss(spec.strategy, counts=[4, 4, 4], device=CPU, folder=mine.parent)
    batch = Batch(torch.randn(8, 1, 8, 8), torch.arange(8) % 3)
    return FrozenProbe(
        spec=spec, device=CPU, assembled=assembled, batch=batch, loss=loss, steps=10**7, check=lambda: None
    )


def test_a_few_images_go_forward_and_nothing_is_learnt(probe, monkeypatch) -> None:
    seen = []
    forward = nn.Sequential.forward
    monkeypatch.setattr(
        nn.Sequential,
        "forward",
        lambda self, images: (seen.append((len(images), torch.is_grad_enabled())), forward(self, images))[1],
    )
    before = state_hash(probe.assembled.model.state_dict().items())
    choice = probe(Arithmetic())
    assert set(seen) == {(IMAGES, False)}
    assert state_hash(probe.assembled.model.state_dict().items()) == before
    assert choice.table.keys() == {
        f"{precision} {layout}, 1 thread"
        for precision in ("fp32", "bf16")
        for layout in ("contiguous", "channels_last")
    }


def test_features_that_take_a_moment_are_not_measured_for(probe) -> None:
    probe.steps = 3
    assert probe(Arithmetic()).why.startswith("too short to measure")


def test_the_whole_time_is_for_the_one_choice_that_is_open(probe, monkeypatch) -> None:
    given = []
    race = probing.run_race
    monkeypatch.setattr(
        probing,
        "run_race",
        lambda *args, seconds, **keys: given.append(seconds) or race(*args, seconds=9, **keys),
    )
    probe.steps = 10**10
    choice = probe(Arithmetic())
    assert given == [300.0]  # all that may be measured for: the number of threads is in the spec
    assert len(choice.table) == 4
