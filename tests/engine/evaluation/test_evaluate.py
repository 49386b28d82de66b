"""A model's figures on images that it was not trained on."""

import pytest
import torch
import torch.nn.functional as F
from sklearn.metrics import accuracy_score, f1_score, log_loss
from torch import nn

from vislab.engine.data.preprocessing import normalise
from vislab.engine.evaluation.evaluate import figures, predict_logits
from vislab.presets.schema.preprocessing import Preprocessing

PREPROCESSING = Preprocessing(image_size=6, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4))
PIXELS = torch.randint(0, 256, (23, 3, 6, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def network():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.Dropout(0.5), nn.Flatten(), nn.Linear(128, 4))


def logits_of(model, batch_size=8, **keys):
    given = {
        "preprocessing": PREPROCESSING,
        "precision": "fp32",
        "device": torch.device("cpu"),
        "memory_format": torch.contiguous_format,
        "batch_size": batch_size,
    }
    return predict_logits(model, PIXELS, **(given | keys))


def test_logits_are_those_of_evaluation_mode_whatever_the_batch():
    model = network()
    with torch.no_grad():
        expected = network().eval()(normalise(PIXELS, PREPROCESSING))
    for batch_size in (1, 8, 23, 100):
        torch.testing.assert_close(logits_of(model, batch_size), expected)
    torch.testing.assert_close(logits_of(model, memory_format=torch.channels_last), expected)
    assert model.training and model[1].num_batches_tracked == 0
    assert not logits_of(model).requires_grad


def test_bf16_is_near_and_comes_back_as_fp32():
    found = logits_of(network(), precision="bf16")
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, logits_of(network()), rtol=0.05, atol=0.05)
    assert not torch.equal(found, logits_of(network()))


def test_every_modules_mode_is_put_back_also_after_an_interruption():
    model = network()
    model[1].eval()

    def stop(done, total):
        raise KeyboardInterrupt

    modes = [module.training for module in model.modules()]
    with pytest.raises(KeyboardInterrupt):
        logits_of(model, between=stop)
    assert [module.training for module in model.modules()] == modes
    logits_of(model)
    assert [module.training for module in model.modules()] == modes


def test_between_batches_is_told_how_far_it_is():
    told = []
    logits_of(network(), between=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_figures_equal_scikit_learns():
    generator = torch.Generator().manual_seed(1)
    logits, labels = torch.randn(200, 7, generator=generator), torch.randint(0, 7, (200,), generator=generator)
    found = figures(logits, labels, lambda z, y: F.cross_entropy(z, y, reduction="none"))
    predicted = logits.argmax(1)
    assert found.images == 200 and torch.equal(found.predicted, predicted)
    assert found.accuracy == pytest.approx(accuracy_score(labels, predicted))
    assert found.macro_f1 == pytest.approx(f1_score(labels, predicted, average="macro"))
    expected = log_loss(labels, logits.double().softmax(1), labels=range(7))
    assert found.loss == pytest.approx(expected, rel=1e-6)
    assert found.accuracy < found.top5 < 1
