"""Expected calibration error and temperature."""

import itertools

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve

from vislab.engine.evaluation.calibration import COOLEST, HOTTEST, calibration_error, fit_temperature


@st.composite
def answers(draw, largest=30, scale=4):
    images, classes = draw(st.integers(1, largest)), draw(st.integers(1, 6))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 2**31)))
    rough = draw(st.booleans())  # few different values: ties
    logits = scale * torch.randn(images, classes, generator=generator)
    labels = torch.randint(0, draw(st.integers(1, classes)), (images,), generator=generator)
    return (logits.round() if rough else logits), labels


@given(answers(), st.integers(1, 20))
def test_the_error_is_that_of_the_definition(given_, bins):
    logits, labels = given_
    shares = torch.softmax(logits.double(), 1).numpy()
    confidence, right = shares.max(1), logits.argmax(1).numpy() == labels.numpy()
    edges, error = np.linspace(0, 1, bins + 1), 0.0
    for low, high in itertools.pairwise(edges):
        inside = (confidence > low) & (confidence <= high)
        if inside.any():
            error += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    assert calibration_error(logits, labels, bins=bins) == pytest.approx(error, abs=1e-12)


def test_bins_are_scikit_learns():
    generator = torch.Generator().manual_seed(0)
    logits, labels = 2 * torch.randn(500, 4, generator=generator), torch.randint(0, 4, (500,), generator=generator)
    confidence = logits.double().softmax(1).amax(1).numpy()
    right = (logits.argmax(1) == labels).numpy()
    shares, means = calibration_curve(right, confidence, n_bins=15)
    counts = np.histogram(confidence, bins=15, range=(0, 1))[0]
    expected = (counts[counts > 0] / 500 * np.abs(shares - means)).sum()
    assert calibration_error(logits, labels) == pytest.approx(expected, abs=1e-12)


@given(answers(largest=60))
def test_no_other_temperature_has_a_smaller_loss(given_):
    logits, labels = given_

    def loss(temperature):
        return float(F.cross_entropy(logits.double() / temperature, labels))

    found = fit_temperature(logits, labels)
    if found is None:
        assert loss(COOLEST) == pytest.approx(loss(HOTTEST))
        return
    assert COOLEST <= found <= HOTTEST
    for factor in (0.9, 0.99, 1.01, 1.1):
        assert loss(found) <= loss(min(max(found * factor, COOLEST), HOTTEST)) + 1e-9


def test_the_temperature_that_was_put_in_is_found():
    generator = torch.Generator().manual_seed(1)
    logits = torch.randn(20_000, 5, generator=generator, dtype=torch.float64)
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    assert fit_temperature(3 * logits, labels) == pytest.approx(3, rel=0.05)
    assert calibration_error(3 * logits, labels) > 0.1 > 0.02 > calibration_error(logits, labels)


def test_ends():
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0]])
    assert fit_temperature(logits, torch.tensor([0, 1])) == COOLEST
    assert fit_temperature(logits, torch.tensor([1, 0])) == HOTTEST
    assert fit_temperature(torch.zeros(3, 1), torch.zeros(3, dtype=torch.int64)) is None
    assert fit_temperature(torch.ones(3, 4), torch.tensor([0, 1, 2])) is None
    assert calibration_error(torch.zeros(3, 1), torch.zeros(3, dtype=torch.int64)) == 0.0
