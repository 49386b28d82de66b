"""Losses against those of torch and torchvision."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torchvision.ops import sigmoid_focal_loss

from vislab.engine.data.batches import Batch
from vislab.engine.training.losses import cross_entropy, make_loss
from vislab.presets.errors import InputError
from vislab.presets.schema.strategy import Strategy

CPU = torch.device("cpu")
COUNTS = [40, 10, 25, 5]
GENERATOR = torch.Generator().manual_seed(0)
LOGITS = 3 * torch.randn(32, 4, generator=GENERATOR)
LABELS = torch.randint(0, 4, (32,), generator=GENERATOR)
PARTNERS = torch.randint(0, 4, (32,), generator=GENERATOR)
SHARE = torch.rand(32, generator=GENERATOR)
BATCH = Batch(LOGITS, LABELS)
MIXED = Batch(LOGITS, LABELS, PARTNERS, SHARE)


def loss_of(counts=COUNTS, folder=None, **keys):
    return make_loss(Strategy(**keys), counts=counts, device=CPU, folder=folder)


def objective(loss, batch=BATCH):
    """The number whose gradient trains, as the step forms it."""
    weights = loss.weights(batch)
    if weights is None:
        return loss(LOGITS, batch).sum() / len(batch)
    return (loss(LOGITS, batch) * weights).sum() / weights.sum()


@pytest.mark.parametrize("label_smoothing", [0.0, 0.1])
@pytest.mark.parametrize("class_weights", ["none", "balanced"])
def test_cross_entropy_is_torchs(label_smoothing, class_weights):
    loss = loss_of(label_smoothing=label_smoothing, class_weights=class_weights)
    weight = torch.tensor([80 / (4 * count) for count in COUNTS]) if class_weights == "balanced" else None
    reference = torch.nn.CrossEntropyLoss(weight=weight, label_smoothing=label_smoothing)
    torch.testing.assert_close(objective(loss), reference(LOGITS, LABELS))


def test_cross_entropy_takes_the_short_way_to_the_same_bits():
    found, expected = (LOGITS.clone().requires_grad_() for _ in range(2))
    loss_of()(found, BATCH).sum().backward()
    cross_entropy(expected, F.one_hot(LABELS, 4).float()).sum().backward()
    assert torch.equal(loss_of()(LOGITS, BATCH), cross_entropy(LOGITS, F.one_hot(LABELS, 4).float()))
    assert torch.equal(found.grad, expected.grad)


def test_balanced_weights_are_scikit_learns():
    from sklearn.utils.class_weight import compute_class_weight

    labels = torch.arange(4).repeat_interleave(torch.tensor(COUNTS)).numpy()
    loss = loss_of(class_weights="balanced")
    found = loss.weights(Batch(torch.zeros(4, 1), torch.arange(4)))
    expected = compute_class_weight("balanced", classes=np.arange(4), y=labels)
    torch.testing.assert_close(found.double(), torch.from_numpy(expected), rtol=1e-6, atol=0)


def test_a_class_without_training_images_makes_no_weight_infinite():
    loss = loss_of(counts=[3, 0, 5], class_weights="balanced")
    assert loss.weights(Batch(torch.zeros(3, 1), torch.arange(3))).isfinite().all()


@pytest.mark.parametrize("label_smoothing", [0.0, 0.2])
def test_mixed_cross_entropy_is_that_of_both_labels(label_smoothing):
    loss = loss_of(label_smoothing=label_smoothing)
    each = [F.cross_entropy(LOGITS, y, label_smoothing=label_smoothing, reduction="none") for y in (LABELS, PARTNERS)]
    torch.testing.assert_close(loss(LOGITS, MIXED), SHARE * each[0] + (1 - SHARE) * each[1])


@pytest.mark.parametrize("name", ["cross_entropy", "focal"])
def test_with_class_weights_each_label_of_a_mixed_sample_counts_with_its_own(name):
    loss = loss_of(loss=name, class_weights="balanced")
    plain = loss_of(loss=name)
    weight = torch.tensor([80 / (4 * count) for count in COUNTS])
    parts = [weight[y] * plain(LOGITS, Batch(LOGITS, y)) for y in (LABELS, PARTNERS)]
    expected = (SHARE * parts[0] + (1 - SHARE) * parts[1]).sum()
    expected = expected / (SHARE * weight[LABELS] + (1 - SHARE) * weight[PARTNERS]).sum()
    torch.testing.assert_close(objective(loss, MIXED), expected)


def test_binary_cross_entropy_is_torchs_summed_over_classes():
    loss = loss_of(loss="binary_cross_entropy")
    targets = F.one_hot(LABELS, 4).float()
    expected = F.binary_cross_entropy_with_logits(LOGITS, targets, reduction="none").sum(dim=1)
    torch.testing.assert_close(loss(LOGITS, BATCH), expected)
    mixed = SHARE[:, None] * targets + (1 - SHARE)[:, None] * F.one_hot(PARTNERS, 4).float()
    expected = F.binary_cross_entropy_with_logits(LOGITS, mixed, reduction="none").sum(dim=1)
    torch.testing.assert_close(loss(LOGITS, MIXED), expected)


def test_binary_cross_entropy_weighs_whole_samples():
    loss, plain = loss_of(loss="binary_cross_entropy", class_weights="balanced"), loss_of(loss="binary_cross_entropy")
    weight = torch.tensor([80 / (4 * count) for count in COUNTS])[LABELS]
    torch.testing.assert_close(objective(loss), (plain(LOGITS, BATCH) * weight).sum() / weight.sum())


def test_focal_loss_of_two_classes_is_torchvisions():
    loss = loss_of(counts=[1, 1], loss="focal")
    logits, labels = LOGITS[:, :2], LABELS % 2
    expected = sigmoid_focal_loss(logits[:, 1] - logits[:, 0], labels.float(), alpha=-1, gamma=2)
    torch.testing.assert_close(loss(logits, Batch(logits, labels)), expected)


def test_focal_loss_is_weighed_cross_entropy():
    probability = LOGITS.softmax(dim=1).gather(1, LABELS[:, None])[:, 0]
    expected = (1 - probability) ** 2 * F.cross_entropy(LOGITS, LABELS, reduction="none")
    torch.testing.assert_close(loss_of(loss="focal")(LOGITS, BATCH), expected)


@pytest.mark.parametrize("name", ["cross_entropy", "focal", "binary_cross_entropy"])
def test_gradients_are_finite_where_the_model_is_certain(name):
    logits = torch.tensor([[200.0, -200.0], [-200.0, 200.0]], requires_grad=True)
    loss_of(counts=[1, 1], loss=name)(logits, Batch(logits, torch.tensor([0, 0]))).sum().backward()
    assert logits.grad.isfinite().all()


def test_validation_reports_the_plain_loss():
    loss = loss_of(label_smoothing=0.1, class_weights="balanced")
    torch.testing.assert_close(loss.plain(LOGITS, LABELS), F.cross_entropy(LOGITS, LABELS, reduction="none"))


def test_bf16_logits_are_judged_in_fp32():
    losses = loss_of()(LOGITS.bfloat16(), BATCH)
    assert losses.dtype == torch.float32
    torch.testing.assert_close(losses, F.cross_entropy(LOGITS.bfloat16().float(), LABELS, reduction="none"))


OWN = """
import torch
import torch.nn.functional as F

def per_sample(logits, labels):
    return F.cross_entropy(logits, labels, reduction="none")

def double(logits, labels):
    return F.cross_entropy(logits.double(), labels, reduction="none")

def mean(logits, labels):
    return F.cross_entropy(logits, labels)

def matrix(logits, labels):
    return logits

def short(logits, labels):
    return F.cross_entropy(logits, labels, reduction="none")[:-1]

def number(logits, labels):
    return 0.5
"""


@pytest.fixture
def own(tmp_path):
    (tmp_path / "own.py").write_text(OWN)
    return lambda name, **keys: loss_of(loss=f"./own.py:{name}", folder=tmp_path, **keys)


@pytest.mark.parametrize("name", ["per_sample", "double"])
@pytest.mark.parametrize("batch", [BATCH, MIXED], ids=["plain", "mixed"])
def test_an_own_loss_per_sample_equals_the_built_in_one(own, name, batch):
    torch.testing.assert_close(own(name)(LOGITS, batch), loss_of()(LOGITS, batch))
    torch.testing.assert_close(own(name).plain(LOGITS, LABELS), loss_of().plain(LOGITS, LABELS))


def test_an_own_loss_that_is_a_mean_trains_alike(own):
    torch.testing.assert_close(objective(own("mean")), objective(loss_of()))
    assert own("mean")(LOGITS, BATCH).shape == (32,)


def test_an_own_loss_per_sample_is_weighed_by_class(own):
    torch.testing.assert_close(
        objective(own("per_sample", class_weights="balanced")), objective(loss_of(class_weights="balanced"))
    )


@pytest.mark.parametrize(("name", "found"), [("matrix", "(32, 4)"), ("short", "(31,)"), ("number", "float")])
def test_an_own_loss_of_a_wrong_shape_is_refused_by_name(own, name, found):
    with pytest.raises(InputError) as error:
        own(name)(LOGITS, BATCH)
    assert f"own.py:{name}" in str(error.value) and found in str(error.value) and "32" in str(error.value)
