"""One update: the same however the batch is cut."""

import pytest
import torch
from torch import nn

from vislab.engine.data.batches import Batch
from vislab.engine.training.losses import make_loss
from vislab.engine.training.metrics import Accumulator
from vislab.engine.training.resumable import Resumable
from vislab.engine.training.step import Step
from vislab.presets.errors import InputError
from vislab.presets.schema.strategy import Strategy

CPU = torch.device("cpu")
COUNTS = [30, 5, 10]


def batch_of(count, mixed=False):
    generator = torch.Generator().manual_seed(count)
    images = torch.randn(count, 1, 6, 6, generator=generator)
    labels, partners = (torch.randint(0, 3, (count,), generator=generator) for _ in range(2))
    share = torch.rand(count, generator=generator)
    return Batch(images, labels, partners, share) if mixed else Batch(images, labels)


def network(*layers):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.Tanh(), *layers, nn.Flatten(), nn.Linear(64, 3))


def updated(model, batch, *, accumulate=1, clip_norm=0.0, step=0, seed=0, **strategy):
    optimizer = torch.optim.SGD([{"params": list(model.parameters()), "base": 0.1}], lr=0.1)
    training = Resumable(
        model=model,
        optimizer=optimizer,
        scaler=torch.amp.GradScaler("cpu", enabled=False),
        ema=None,
        interval=Accumulator(CPU),
        epoch=Accumulator(CPU),
    )
    training.position.step = step
    make = Step(
        loss=make_loss(Strategy(**strategy), counts=COUNTS, device=CPU),
        seed=seed,
        device=CPU,
        precision="fp32",
        accumulate=accumulate,
        clip_norm=clip_norm,
        minimum_learning_rate=0.0,
    )
    assert make(training, batch, 0.5) == pytest.approx(0.05)
    return training


def gradients(training):
    return [parameter.grad.clone() for parameter in training.model.parameters()]


@pytest.mark.parametrize("mixed", [False, True], ids=["plain", "mixed"])
@pytest.mark.parametrize(
    "strategy",
    [{"class_weights": "balanced", "label_smoothing": 0.1}, {"loss": "focal"}, {"loss": "binary_cross_entropy"}],
    ids=["weighted", "focal", "bce"],
)
@pytest.mark.parametrize("count", [16, 7])
def test_the_gradient_does_not_depend_on_the_micro_batches(count, strategy, mixed):
    whole = updated(network(), batch_of(count, mixed), **strategy)
    for accumulate in (2, 3, count):
        cut = updated(network(), batch_of(count, mixed), accumulate=accumulate, **strategy)
        torch.testing.assert_close(gradients(cut), gradients(whole), rtol=1e-5, atol=1e-6)
        for name, mean in whole.interval.read().items():
            assert cut.interval.read()[name] == pytest.approx(mean, abs=1e-6), name


def test_the_gradient_is_that_of_torchs_weighted_mean():
    batch = batch_of(9)
    found = gradients(updated(network(), batch, accumulate=4, class_weights="balanced", label_smoothing=0.1))
    model = network()
    weight = torch.tensor([45 / (3 * count) for count in COUNTS])
    torch.nn.CrossEntropyLoss(weight=weight, label_smoothing=0.1)(model(batch.images), batch.labels).backward()
    torch.testing.assert_close(found, [parameter.grad for parameter in model.parameters()], rtol=1e-5, atol=1e-6)


def test_clipping_bounds_the_norm_and_reports_what_it_was():
    free = updated(network(), batch_of(8))
    norm = float(free.gradient_norm)
    assert norm == pytest.approx(float(torch.cat([g.flatten() for g in gradients(free)]).norm()), rel=1e-5)
    clipped = updated(network(), batch_of(8), clip_norm=norm / 4)
    assert float(clipped.gradient_norm) == pytest.approx(norm, rel=1e-5)
    assert float(torch.cat([g.flatten() for g in gradients(clipped)]).norm()) == pytest.approx(norm / 4, rel=1e-4)


def test_dropout_is_a_function_of_seed_step_and_micro_batch_alone():
    def of(**keys):
        torch.rand(3)  # whatever else draws from the generator
        return gradients(updated(network(nn.Dropout(0.5)), batch_of(8), **keys))

    first = of(step=3)
    assert all(map(torch.equal, first, of(step=3)))
    for other in ({"step": 4}, {"step": 3, "seed": 1}):
        assert not torch.equal(first[0], of(**other)[0])
    twice = Batch(*(torch.cat([column, column]) for column in (batch_of(4).images, batch_of(4).labels)))
    halves = []
    model = network(nn.Dropout(0.5))
    model.register_forward_hook(lambda module, inputs, output: halves.append(output.detach()))
    updated(model, twice, accumulate=2)
    assert not torch.equal(*halves)


def test_micro_batches_are_never_of_one_image():
    for count in range(2, 20):
        for parts in range(1, 25):
            sizes = [len(part) for part in batch_of(count).split(parts)]
            assert sum(sizes) == count and min(sizes) >= 2 and len(sizes) <= parts
            assert max(sizes) - min(sizes) <= 1
    assert [len(part) for part in batch_of(1).split(4)] == [1]


def test_batch_norm_on_a_batch_of_one_is_the_users_to_mend():
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(36), nn.Linear(36, 3))
    with pytest.raises(InputError, match=r"strategy\.batch_size"):
        updated(model, batch_of(1))


def test_another_fault_of_the_model_is_not_taken_for_it():
    class Broken(nn.Linear):
        def forward(self, images):
            raise ValueError("my own fault")

    with pytest.raises(ValueError, match="my own fault"):
        updated(Broken(1, 1), batch_of(4))
