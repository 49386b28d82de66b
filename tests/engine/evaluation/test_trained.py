"""A trained run opened for use: which weights, on which preprocessing, with which answers."""

import csv

import numpy as np
import pytest
import torch

from vislab.engine.data.source import ArrayImages
from vislab.engine.data.sources import open_dataset
from vislab.engine.evaluation import trained as module
from vislab.engine.evaluation.trained import open_trained
from vislab.engine.runs import checkpoints
from vislab.presets.errors import InputError


@pytest.fixture
def opened(make_run, train):
    def make(**keys):
        run = make_run(**keys)
        assert train(run) == 0
        return open_trained(run, device="cpu")

    return make


def source_of(model):
    return open_dataset(model.spec.dataset, data_dir=model.run.path, folder=model.run.code)


def test_it_answers_what_the_run_was_judged_by(opened):
    model = opened()
    assert (model.weights, model.classes) == ("raw", ("a", "b", "c"))
    assert not any(part.training for part in model.model.modules())
    source = source_of(model)
    with (model.run.path / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    places = {source.images.name(i): i for i in range(len(source.images))}
    found = model.predict(source.images, np.array([places[row["name"]] for row in rows]))
    assert [model.classes[i] for i in found.logits.argmax(1)] == [row["predicted"] for row in rows]
    shares = found.logits.softmax(1).amax(1).tolist()
    assert shares == pytest.approx([float(row["confidence"]) for row in rows], abs=2e-6)
    assert found.kept.tolist() == list(range(len(rows))) and found.unreadable == ()
    assert model.sha256 == checkpoints.sha256(model.run.checkpoints / model.checkpoint / model.file)


def test_the_moving_average_is_preferred(opened):
    model = opened(strategy={"ema": 0.5})
    assert (model.weights, model.file) == ("ema", "ema.safetensors")
    assert model.checkpoint.startswith("best-")


def test_without_held_out_images_the_last_weights_are_used(opened):
    model = opened(strategy={"split": "none"})
    assert (model.weights, model.checkpoint) == ("raw", "14")
    assert model.epoch == 2


def test_portions_give_the_same_answers(opened, monkeypatch):
    model = opened()
    source, told = source_of(model), []
    whole = model.predict(source.images).logits
    monkeypatch.setattr(module, "BATCH", 8)
    monkeypatch.setattr(module, "_CHUNK", 20 * 64)
    found = model.predict(source.images, progress=lambda *words: told.append(words))
    torch.testing.assert_close(found.logits, whole)
    assert [told[-1], *told[:1]] == [(57, 57), (16, 57)]
    assert torch.equal(model.predict(source.images).logits, found.logits), "identical on a second run"


def test_flips_average_probabilities(opened):
    model = opened()
    pixels = torch.randint(0, 256, (5, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    both = model.logits(pixels, flip=True).softmax(1)
    mean = (model.logits(pixels).softmax(1) + model.logits(pixels.flip(3)).softmax(1)) / 2
    torch.testing.assert_close(both, mean)
    assert not torch.allclose(both, model.logits(pixels).softmax(1))


def test_memory_that_runs_out_halves_the_batch(opened, monkeypatch):
    model, batches = opened(), []
    forward = module.predict_logits

    def starving(*given, batch_size, **keys):
        batches.append(batch_size)
        if batch_size > 16:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(*given, batch_size=batch_size, **keys)

    monkeypatch.setattr(module, "predict_logits", starving)
    assert model.predict(source_of(model).images).logits.shape == (57, 3) and batches == [64, 32, 16]


def test_no_images_give_no_answers(opened):
    model = opened()
    found = model.predict(ArrayImages({"x": np.zeros((0, 4, 4, 1), np.uint8)}))
    assert found.logits.shape == (0, 3)


def test_a_run_without_whole_weights_cannot_be_opened(make_run, train):
    run = make_run()
    with pytest.raises(InputError, match="has saved no weights yet"):
        open_trained(run, device="cpu")
    assert train(run) == 0
    with pytest.raises(InputError, match="'cuda:77' is not here"):
        open_trained(run, device="cuda:77")
    for folder in checkpoints.best(run.checkpoints):
        (folder / "weights.safetensors").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"are damaged: best-\d+: weights.safetensors does not match"):
        open_trained(run, device="cpu")


def test_weights_that_do_not_fit_any_more_say_so(make_run, train):
    run = make_run()
    assert train(run) == 0
    [copy] = run.code.iterdir()
    copy.write_text(copy.read_text().replace("width=6", "width=7"))
    with pytest.raises(InputError, match="do not fit the network that its spec builds now"):
        open_trained(run, device="cpu")
