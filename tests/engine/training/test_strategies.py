"""What is frozen stays exactly as it was; what trains, trains as always."""

import pytest
import torch
from torch import nn

from vislab.engine.data.batches import Batch
from vislab.engine.models.assemble import assemble
from vislab.engine.training import strategies
from vislab.engine.training.ema import ExponentialMovingAverage
from vislab.engine.training.losses import make_loss
from vislab.engine.training.metrics import Accumulator
from vislab.engine.training.optim import make_optimizer
from vislab.engine.training.resumable import Resumable
from vislab.engine.training.step import Step
from vislab.presets.schema.architecture import Architecture
from vislab.presets.schema.strategy import Strategy

CPU = torch.device("cpu")
MODELS = ["test_efficientnet", "test_vit", "resnet10t"]


def assembled(model, **keys):
    architecture = Architecture(name=model, build="vislab.engine.models.zoo:build", options={"model": model})
    size = 160 if model == "test_vit" else 32
    return assemble(architecture, num_classes=3, in_channels=3, image_size=size, pretrained=False, **keys), size


def lenet():
    architecture = Architecture(name="lenet5", build="vislab.engine.models.lenet:build")
    return assemble(architecture, num_classes=3, in_channels=1, image_size=16, pretrained=False, drop_rate=0.5), 16


def stepping(strategy, made, size, channels=3):
    """Makes updates of random images; returns the function and what it trains."""
    training = Resumable(
        model=made.model,
        optimizer=make_optimizer(strategy, made.model, made.groups, CPU),
        scaler=torch.amp.GradScaler("cpu", enabled=False),
        ema=ExponentialMovingAverage(made.model, 0.9),
        interval=Accumulator(CPU),
        epoch=Accumulator(CPU),
    )
    loss = make_loss(strategy, counts=[1, 1, 1], device=CPU)
    step = Step(loss, 0, CPU, "fp32", 1, 0.0, 0.0)

    def update():
        generator = torch.Generator().manual_seed(training.position.step)
        images = torch.randn(4, channels, size, size, generator=generator)
        step(training, Batch(images, torch.randint(0, 3, (4,), generator=generator)), 1.0)
        training.position.step += 1

    return update, training


def freeze(made, trained):
    strategies.freeze(made.model, made.head, made.groups, trained)


def tensors(made, names):
    state = made.model.state_dict()
    return {name: state[name].clone() for name in names}


@pytest.mark.parametrize("model", MODELS)
def test_transfer_leaves_frozen_parameters_and_buffers_as_they_were_while_the_head_drops_out(model):
    made, size = assembled(model, drop_rate=0.4, drop_path=0.3)
    strategy = Strategy(freeze="backbone", learning_rate=0.1, weight_decay=0.1)
    head = made.groups[-1]
    body = [name for name in made.model.state_dict() if name not in head]
    update, training = stepping(strategy, made, size)
    freeze(made, 1)
    before, hashed = tensors(made, body), strategies.state_hash(strategies.frozen_state(made.model))
    assert {name for name, _ in strategies.frozen_state(made.model)} == set(body)
    heads = tensors(made, head)
    seen = []
    made.model.get_submodule(made.head[0]).register_forward_hook(
        lambda module, inputs, output: seen.append((inputs[0].detach(), output.detach()))
    )
    for _ in range(3):
        update()
    assert strategies.state_hash(strategies.frozen_state(made.model)) == hashed
    assert all(torch.equal(tensor, made.model.state_dict()[name]) for name, tensor in before.items())
    assert not any(torch.equal(tensor, made.model.state_dict()[name]) for name, tensor in heads.items())
    assert all(
        torch.equal(before[name], tensor) for name, tensor in training.ema.model.state_dict().items() if name in before
    )
    # The same images twice: features alike (no stochastic depth), logits not (the head's dropout).
    seen.clear()
    images = torch.randn(4, 3, size, size)
    with torch.no_grad():
        made.model(images), made.model(images)
    (first, first_logits), (second, second_logits) = seen
    assert torch.equal(first, second) and not torch.equal(first_logits, second_logits)


@pytest.mark.parametrize("model", MODELS)
def test_without_freezing_everything_is_in_training_mode(model):
    made, _ = assembled(model, drop_path=0.3)
    freeze(made, 1)
    freeze(made, len(made.groups))
    assert all(module.training for module in made.model.modules())
    assert all(parameter.requires_grad for parameter in made.model.parameters())
    assert strategies.frozen_state(made.model) == []


def test_gradual_unfreezes_from_the_top_on_schedule():
    made, size = lenet()
    strategy = Strategy(freeze="gradual", unfreeze_every=2, learning_rate=0.05)
    update, _ = stepping(strategy, made, size, channels=1)
    groups = made.groups
    assert len(groups) == 4
    moved = []
    for epoch in range(1, 9):
        trained = strategies.trained_groups(strategy, len(groups), epoch)
        freeze(made, trained)
        before = [tensors(made, names) for names in groups]
        update()
        after = [tensors(made, names) for names in groups]
        moved.append([any(not torch.equal(a[n], b[n]) for n in a) for a, b in zip(before, after, strict=True)])
    head, third, second, all_ = [[False] * (4 - k) + [True] * k for k in range(1, 5)]
    assert moved == [head, head, third, third, second, second, all_, all_]


@pytest.mark.parametrize("model", MODELS)
def test_gradual_keeps_the_frozen_stages_in_evaluation_mode(model):
    made, _ = assembled(model, drop_path=0.3)
    parameters = dict(made.model.named_parameters())
    for trained in range(1, len(made.groups) + 1):
        freeze(made, trained)
        wanted = {name for names in made.groups[len(made.groups) - trained :] for name in names}
        assert {name for name, parameter in parameters.items() if parameter.requires_grad} == wanted
        for prefix, module in made.model.named_modules():
            below = {id(parameter) for parameter in module.parameters()}
            names = {name for name, parameter in parameters.items() if id(parameter) in below}
            if names and not names & wanted:
                assert not any(part.training for part in module.modules()), prefix
            elif names and names <= wanted:
                assert all(part.training for part in module.modules()), prefix


def test_a_frozen_parameter_forgets_its_gradient():
    made, size = lenet()
    update, _ = stepping(Strategy(), made, size, channels=1)
    freeze(made, 4)
    update()
    freeze(made, 1)
    assert [name for name, p in made.model.named_parameters() if p.grad is not None] == list(made.groups[-1])


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"freeze": "none"}, [5, 5, 5, 5]),
        ({"freeze": "backbone"}, [1, 1, 1, 1]),
        ({"freeze": "gradual"}, [1, 2, 3, 4]),
        ({"freeze": "gradual", "unfreeze_every": 3}, [1, 1, 1, 2]),
    ],
)
def test_how_many_groups_train(keys, expected):
    assert [strategies.trained_groups(Strategy(**keys), 5, epoch) for epoch in range(1, 5)] == expected
    assert strategies.trained_groups(Strategy(**keys), 5, 10**6) == (1 if keys["freeze"] == "backbone" else 5)


def test_the_hash_tells_names_shapes_and_bits_apart():
    base = ("a", torch.zeros(2, 3))
    others = [("b", torch.zeros(2, 3)), ("a", torch.zeros(3, 2)), ("a", torch.zeros(2, 3).double())]
    others += [("a", torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, -0.0]]))]
    hashes = [strategies.state_hash([tensor]) for tensor in (base, *others)]
    assert len(set(hashes)) == len(hashes)
    strided = torch.randn(2, 3, 4, 5).to(memory_format=torch.channels_last)
    assert strategies.state_hash([("a", strided)]) == strategies.state_hash([("a", strided.contiguous())])


def test_buffers_without_parameters_are_proven_too():
    model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3, affine=False), nn.Linear(3, 2))
    strategies.freeze(model, ("2",), (("0.weight", "0.bias"), ("2.weight", "2.bias")), 1)
    names = {name for name, _ in strategies.frozen_state(model)}
    assert names == {"0.weight", "0.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked"}
    before = strategies.state_hash(strategies.frozen_state(model))
    model(torch.randn(8, 2))
    assert strategies.state_hash(strategies.frozen_state(model)) == before


def test_a_run_of_transfer_proves_that_its_frozen_part_stayed_and_goes_on_without_the_weights_file(
    make_run, train, interrupt, tmp_path, settings
):
    from safetensors.torch import save_file

    from vislab.engine.runs import checkpoints
    from vislab.engine.training import checkpoint

    made, _ = assembled("test_efficientnet")
    weights = tmp_path / "weights.safetensors"
    state = {name: tensor.clone() for name, tensor in made.model.state_dict().items()}
    save_file(state, weights)
    run = make_run(
        architecture={
            "build": "vislab.engine.models.zoo:build",
            "options": {"model": "test_efficientnet"},
            "weights": str(weights),
        },
        strategy={"pretrained": True, "freeze": "backbone", "drop_rate": 0.2, "epochs": 2},
        preprocessing={"channels": 3, "image_size": 32},
    )
    interrupt(run, lambda phase, step, epoch, done: phase == "training" and step == 8)
    weights.unlink()
    assert train(run) == 0
    state_ = run.state()
    assert not [notice for notice in state_.notices if notice.level == "error"]
    decisions = {decision.what: decision for decision in state_.decisions}
    assert decisions["pretrained weights"].details["sha256"] and decisions["frozen part"].choice
    tensors_, _ = checkpoint.load(checkpoints.full(run.checkpoints)[0])
    changed = {name for name, tensor in tensors_["weights"].items() if not torch.equal(tensor, state[name])}
    assert changed == set(made.groups[-1])
    assert state_.started.trained_parameters == sum(state[name].numel() for name in changed)


def test_a_frozen_part_that_changed_is_told(make_run, train, watch, monkeypatch):
    """If a network changes itself, the run says so."""
    real = strategies.state_hash
    answers = iter(["one hash", "another"])
    monkeypatch.setattr(strategies, "state_hash", lambda tensors: next(answers) if real(tensors) else "")
    run = make_run(strategy={"freeze": "backbone", "epochs": 1})
    assert train(run) == 0
    (notice,) = [notice for notice in run.state().notices if notice.level == "error"]
    assert "frozen part has changed" in notice.text
