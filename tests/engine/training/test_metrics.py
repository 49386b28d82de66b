"""Figures equal scikit-learn's, also where classes are absent, alone or tied."""

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, confusion_matrix, f1_score, top_k_accuracy_score

from vislab.engine.data.batches import Batch
from vislab.engine.training import metrics
from vislab.engine.training.metrics import Accumulator, confusion, hits, macro_f1


@st.composite
def predictions(draw):
    """Logits without ties, float32 [N, K], and labels int64 [N]; classes may be absent, or one alone may occur."""
    classes, count = draw(st.integers(1, 9)), draw(st.integers(1, 40))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    logits = np.stack([random.permutation(classes) for _ in range(count)]).astype(np.float32)
    labels = random.integers(0, draw(st.integers(1, classes)), count)
    return torch.from_numpy(logits), torch.from_numpy(labels)


@pytest.mark.filterwarnings("ignore:A single label")
@settings(deadline=None, max_examples=60)
@given(predictions())
def test_accuracy_and_macro_f1_equal_scikit_learns(made):
    logits, labels = made
    predicted = logits.argmax(dim=1)
    top1, _ = hits(logits, labels)
    assert float(top1.double().mean()) == pytest.approx(accuracy_score(labels, predicted), abs=1e-12)
    matrix = confusion(predicted, labels, logits.shape[1])
    expected = confusion_matrix(labels, predicted, labels=np.arange(logits.shape[1]))
    np.testing.assert_array_equal(matrix, expected)
    assert macro_f1(matrix) == pytest.approx(f1_score(labels, predicted, average="macro", zero_division=0), abs=1e-12)


@settings(deadline=None, max_examples=60)
@given(predictions())
def test_top_five_equals_scikit_learns(made):
    logits, labels = made
    _, top5 = hits(logits, labels)
    if logits.shape[1] <= 2:  # scikit-learn takes two classes for a question of yes or no
        assert top5.min() == 1
        return
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that five of five classes are always right
        expected = top_k_accuracy_score(labels, logits, k=5, labels=range(logits.shape[1]))
    assert float(top5.double().mean()) == pytest.approx(expected, abs=1e-12)


@given(st.integers(0, 2**32 - 1), st.integers(2, 9))
def test_of_equal_logits_the_lower_class_comes_first_as_in_argmax(seed, classes):
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randint(0, 3, (30, classes), generator=generator).float()
    labels = torch.randint(0, classes, (30,), generator=generator)
    top1, top5 = hits(logits, labels)
    assert torch.equal(top1.bool(), logits.argmax(dim=1) == labels)
    first_five = torch.sort(logits, dim=1, descending=True, stable=True).indices[:, :5]
    assert torch.equal(top5.bool(), (first_five == labels[:, None]).any(dim=1))


def test_a_model_that_answers_with_a_constant_is_not_always_right():
    labels = torch.arange(6)
    top1, top5 = hits(torch.zeros(6, 6), labels)
    assert top1.tolist() == [1, 0, 0, 0, 0, 0] and top5.tolist() == [1, 1, 1, 1, 1, 0]


def test_a_row_with_a_nan_is_wrong():
    logits = torch.tensor([[float("nan")] * 3, [1.0, float("nan"), 0.0], [3.0, 1.0, 2.0]])
    top1, top5 = hits(logits, torch.tensor([0, 0, 0]))
    assert top1.tolist() == [0, 0, 1] and top5.tolist() == [0, 0, 1]


def test_no_sample_has_no_f1():
    assert macro_f1(torch.zeros(3, 3, dtype=torch.int64)) == 0.0


@settings(deadline=None, max_examples=60)
@given(st.lists(st.integers(1, 6), min_size=1, max_size=8), st.integers(0, 2**32 - 1))
def test_sums_over_pieces_are_those_of_the_whole(pieces, seed):
    """Means are per sample, however the samples were cut into micro-batches, batches and intervals."""
    generator = torch.Generator().manual_seed(seed)
    count = sum(pieces)
    logits, labels = torch.randn(count, 4, generator=generator), torch.randint(0, 4, (count,), generator=generator)
    losses, weights = torch.rand(count, generator=generator), torch.rand(count, generator=generator) + 0.1
    total, interval = Accumulator(torch.device("cpu")), Accumulator(torch.device("cpu"))
    for part in zip(*(column.split(pieces) for column in (logits, losses * weights, weights, labels)), strict=True):
        interval.add(part[0], part[1].sum(), part[2].sum(), Batch(part[0], part[3]))
        interval.updates += 1
        if len(part[0]) % 2:
            total.merge(interval)
            interval.reset()
    total.merge(interval)
    means = total.read()
    assert means["images"] == count and total.updates == len(pieces)
    assert means["loss"] == pytest.approx(float((losses * weights).sum() / weights.sum()), rel=1e-5)
    assert means["accuracy"] == pytest.approx(accuracy_score(labels, logits.argmax(dim=1)), abs=1e-12)


def test_sums_do_not_depend_on_when_they_are_settled(monkeypatch):
    """A checkpoint inside an interval settles: a resumed log equals another bit for bit."""
    generator = torch.Generator().manual_seed(0)
    logits, labels = torch.randn(60, 4, generator=generator), torch.randint(0, 4, (60,), generator=generator)
    losses = torch.rand(10, generator=generator)
    found = []
    for together in (1, 24 * 3, 10_000):
        monkeypatch.setattr(metrics, "_TOGETHER", together)
        sums = Accumulator(torch.device("cpu"))
        for number, part in enumerate(zip(logits.split(6), labels.split(6), losses, strict=True)):
            sums.add(part[0], part[2], 6.0, Batch(part[0], part[1]))
            if number == 4 and together > 24:
                sums.settle()
        found.append(sums.read())
        sums.reset()
        assert set(sums.read().values()) == {0.0}
    assert found[0] == found[1] == found[2] and found[0]["images"] == 60


def test_nothing_seen_reads_as_zero():
    assert set(Accumulator(torch.device("cpu")).read().values()) == {0.0}


def test_of_a_mixed_sample_the_larger_share_counts():
    logits = torch.eye(3)[[0, 0, 1]]
    batch = Batch(
        logits, torch.tensor([0, 1, 0]), partner_labels=torch.tensor([1, 0, 1]), share=torch.tensor([0.7, 0.3, 0.5])
    )
    sums = Accumulator(torch.device("cpu"))
    sums.add(logits, torch.tensor(3.0), 3.0, batch)
    assert sums.read()["accuracy"] == pytest.approx(2 / 3)
