"""Pictures of what a model saw in training, and of where it looks."""

import base64

import numpy as np
import pytest
import torch

from vislab.engine import worker
from vislab.engine.analysis import predictions
from vislab.engine.data.batches import TrainingBatches
from vislab.engine.data.preprocessing import denormalise
from vislab.engine.jobs import augmented, saliency
from vislab.presets.errors import InputError

SIDE = 8  # the model's own, so that pictures are not resized


def ask(job, run, settings, **keys):
    request = {"run_dir": str(run.path), "data_dir": str(settings.data_dir), "side": SIDE, **keys}
    return job.answer(request, lambda *words: None)


def pixels(picture):
    shape = picture["height"], picture["width"], 3
    return np.frombuffer(base64.b64decode(picture["rgb"]), np.uint8).reshape(shape)


@pytest.mark.parametrize(
    "mix",
    [{}, {"mixup": 0.4}, {"balance_to": 40, "balance_augment": ["rotation(degrees=30)"]}],
    ids=["plain", "mixup", "copies"],
)
def test_the_pictures_are_the_first_batch_of_the_training(make_run, settings, monkeypatch, mix):
    seen = []
    epoch = TrainingBatches.epoch

    def watched(self, number, *, start=0):
        for batch in epoch(self, number, start=start):
            seen.append(batch)
            yield batch

    monkeypatch.setattr(TrainingBatches, "epoch", watched)
    run = make_run(strategy={"epochs": 1, "augment": ["rotation(degrees=40)", "horizontal_flip"], **mix})
    assert worker.main(run.path, settings=settings) == 0
    first = seen[0]
    found = ask(augmented, run, settings, count=len(first))
    assert len(found["pictures"]) == len(first)
    expected = denormalise(first.images, run.spec().preprocessing).permute(0, 2, 3, 1).expand(-1, -1, -1, 3).numpy()
    classes = run.state().started.classes
    for row, picture in enumerate(found["pictures"]):
        assert np.array_equal(pixels(picture), expected[row])
        assert picture["label"] == classes[int(first.labels[row])]
        if "mixup" in mix:
            assert picture["partner"] == classes[int(first.partner_labels[row])]
            assert picture["share"] == pytest.approx(float(first.share[row]))
    assert ask(augmented, run, settings, count=1)["pictures"] == found["pictures"][:1], "whatever the batch"


def test_a_run_that_has_not_begun_has_nothing_to_show(make_run, settings):
    with pytest.raises(InputError, match="not read its data yet"):
        ask(augmented, make_run(), settings, count=4)


def test_heat_maps_of_images_by_name(make_run, settings):
    run = make_run()
    assert worker.main(run.path, settings=settings) == 0
    rows = predictions.read(run.path)[:3]
    found = ask(saliency, run, settings, names=[rows[1].name, "never", rows[0].name])
    assert found["method"] == "Grad-CAM"
    second, never, first = found["pictures"]
    assert "not in the data set" in never["error"]
    assert (first["predicted"], second["predicted"]) == (rows[0].predicted, rows[1].predicted)
    assert pixels(first["seen"]).shape == pixels(first["heat"]).shape == (SIDE, SIDE, 3)
    assert not np.array_equal(pixels(first["seen"]), pixels(first["heat"]))
    assert ask(saliency, run, settings, names=[rows[0].name])["pictures"] == [first]


def test_hot_colours_are_where_the_map_is_high():
    heat = torch.zeros(4, 4)
    heat[:, 2:] = 1
    mixed = saliency._under(np.full((4, 4, 3), 100, np.uint8), heat)
    assert mixed[:, 3].mean() > mixed[:, 0].mean() + 50
