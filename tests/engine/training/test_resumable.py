"""Everything that changes while training goes into files and comes back with the same bits."""

import json

import pytest
import timm.optim
import torch
from safetensors.torch import load, save
from torch import nn

from vislab.engine.training.ema import ExponentialMovingAverage
from vislab.engine.training.metrics import Accumulator
from vislab.engine.training.optim import make_optimizer, set_learning_rates
from vislab.engine.training.resumable import Resumable
from vislab.presets.errors import InputError
from vislab.presets.optimizers import OPTIMIZERS
from vislab.presets.schema.strategy import Strategy

CPU = torch.device("cpu")
STEPS = 3


def resumable(name="adamw", memory_format=torch.contiguous_format, options=None, width=4, seed=0):
    torch.manual_seed(seed)
    model = nn.Sequential(
        nn.Conv2d(2, width, 3), nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, 4, 2), nn.Flatten(), nn.Linear(16, 3)
    ).to(memory_format=memory_format)
    names = tuple(name for name, _ in model.named_parameters())
    strategy = Strategy(optimizer=name, weight_decay=0.05, learning_rate=1e-2, optimizer_options=options or {})
    return Resumable(
        model=model,
        optimizer=make_optimizer(strategy, model, (names[:4], names[4:]), CPU),
        scaler=torch.amp.GradScaler("cpu", enabled=False),
        ema=ExponentialMovingAverage(model, 0.9),
        interval=Accumulator(CPU),
        epoch=Accumulator(CPU),
    )


def train(training, steps):
    for step in steps:
        generator = torch.Generator().manual_seed(step)
        set_learning_rates(training.optimizer, 0.0, 1 / (step + 1))
        training.optimizer.zero_grad()
        training.model(torch.randn(6, 2, 5, 5, generator=generator)).square().mean().backward()
        training.optimizer.step()
        training.ema.update(training.model, step + 1)
        training.interval.sums += 0.1
        training.position.step += 1
        training.position.elapsed += 0.1


def through_files(training):
    """Tensors and the rest, as they come back from files of both kinds."""
    tensors = {
        file: load(save({name: tensor.detach().contiguous().clone() for name, tensor in content.items()}))
        for file, content in training.tensors().items()
    }
    return tensors, json.loads(json.dumps(training.scalars()))


def bits(training):
    tensors = {f"{file}/{name}": t for file, content in training.tensors().items() for name, t in content.items()}
    scalars = training.scalars()
    for group in scalars["optimizer"]["groups"]:
        group.pop("buffer", None)  # older timm keeps there, for all groups at once, what follows from a step's number
    return tensors, scalars


def assert_same(first, second):
    (first_tensors, first_scalars), (second_tensors, second_scalars) = bits(first), bits(second)
    assert first_tensors.keys() == second_tensors.keys()
    for name, tensor in first_tensors.items():
        assert tensor.dtype == second_tensors[name].dtype and torch.equal(tensor, second_tensors[name]), name
    assert first_scalars == second_scalars


@pytest.mark.parametrize("name", sorted(OPTIMIZERS.keys() & set(timm.optim.list_optimizers())))
def test_every_optimizer_goes_on_bit_for_bit(name):
    whole, stopped, resumed = (resumable(name, torch.channels_last, seed=seed) for seed in (0, 0, 1))
    train(whole, range(2 * STEPS))
    train(stopped, range(STEPS))
    resumed.restore(*through_files(stopped))
    assert_same(stopped, resumed)
    train(resumed, range(STEPS, 2 * STEPS))
    assert_same(whole, resumed)


@pytest.mark.parametrize("options", [{"fused": True}, {"foreach": True}, {"fused": False}], ids=str)
@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_state_has_the_strides_of_its_parameter(name, options):
    """A fused optimizer walks parameter and state by the same offsets: other strides are silently wrong."""
    stopped, resumed = (resumable(name, torch.channels_last, options, seed=seed) for seed in (0, 1))
    train(stopped, range(STEPS))
    resumed.restore(*through_files(stopped))
    seen = 0
    for parameter, state in resumed.optimizer.state.items():
        for value in state.values():
            if isinstance(value, torch.Tensor) and value.shape == parameter.shape:
                assert value.stride() == parameter.stride()
                seen += parameter.ndim == 4 and not parameter.is_contiguous()
    assert seen


def test_a_checkpoint_before_the_optimizers_first_step_comes_back():
    stopped, resumed = resumable(seed=0), resumable(seed=1)
    resumed.restore(*through_files(stopped))
    assert_same(stopped, resumed)


def test_positions_come_back_exactly():
    stopped, resumed = resumable(), resumable()
    stopped.position.best_figure, stopped.position.best_epoch, stopped.position.since_best = 1 / 3, 4, 2
    stopped.position.elapsed = 0.1 + 0.2
    resumed.restore(*through_files(stopped))
    assert resumed.position == stopped.position


def test_another_model_or_optimizer_is_refused():
    stopped = resumable()
    train(stopped, range(2))
    with pytest.raises(InputError, match="does not fit the run's model or optimizer"):
        resumable(width=5).restore(*through_files(stopped))
    tensors, scalars = through_files(stopped)
    scalars["optimizer"]["groups"].pop()
    with pytest.raises(InputError, match="does not fit the run's model or optimizer"):
        resumable().restore(tensors, scalars)


def test_the_moving_average_follows_as_its_definition_says():
    torch.manual_seed(0)
    model = nn.Linear(2, 2)
    average = ExponentialMovingAverage(model, 0.5)
    expected = model.weight.detach().clone()
    for step in range(1, 30):
        with torch.no_grad():
            model.weight.add_(torch.randn(2, 2))
        average.update(model, step)
        kept = min(0.5, (1 + step) / (10 + step))
        expected = kept * expected + (1 - kept) * model.weight.detach()
    torch.testing.assert_close(average.model.weight.detach(), expected)
    assert not average.model.training and not average.model.weight.requires_grad


def test_the_moving_average_copies_buffers():
    model = nn.BatchNorm1d(3)
    average = ExponentialMovingAverage(model, 0.99)
    model(torch.randn(8, 3))
    average.update(model, 1)
    assert torch.equal(average.model.running_mean, model.running_mean) and average.model.num_batches_tracked == 1
