"""Training pixels in the device's memory. The processor stands for a device: what is asked of one is the same."""

import numpy as np
import pytest
import torch

from vislab.engine.data.augment import Pipeline
from vislab.engine.data.batches import TrainingBatches
from vislab.engine.data.source import ArrayImages
from vislab.engine.data.stores import ArrayPixels, JoinedPixels, MappedPixels
from vislab.engine.training import resident
from vislab.engine.training.features import Table
from vislab.engine.training.resident import moved
from vislab.presets.augmentations import CATALOGUE
from vislab.presets.schema.preprocessing import Preprocessing

CPU, META = torch.device("cpu"), torch.device("meta")
PIXELS = torch.randint(0, 256, (23, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))


def stores(folder):
    (folder / "pixels").write_bytes(PIXELS.numpy().tobytes())
    arrays = ArrayImages({"made": np.moveaxis(PIXELS.numpy(), 1, 3)})
    return {
        "memory": PIXELS,
        "memory-mapped": MappedPixels(folder / "pixels", np.arange(23, dtype=np.int64), (1, 8, 8)),
        "arrays": ArrayPixels(arrays, np.arange(23, dtype=np.int64), 1),
        "joined": JoinedPixels(
            MappedPixels(folder / "pixels", np.arange(10, dtype=np.int64), (1, 8, 8)), PIXELS[10:].clone()
        ),
    }


@pytest.mark.parametrize("place", ["memory", "memory-mapped", "arrays", "joined"])
def test_pixels_arrive_whole_wherever_they_lay(tmp_path, monkeypatch, place):
    monkeypatch.setattr(resident, "_PORTION", 5 * 64)
    told = []
    there = moved(stores(tmp_path)[place], CPU, lambda done, total: told.append((done, total)))
    assert there.dtype == torch.uint8 and torch.equal(there, PIXELS)
    assert there.data_ptr() != PIXELS.data_ptr()
    assert told == [(5, 23), (10, 23), (15, 23), (20, 23), (23, 23)]


@pytest.mark.parametrize("alpha", [0.0, 0.3])
@pytest.mark.parametrize("augment", [(), tuple(name for name in CATALOGUE if name != "alternating_flip")])
def test_on_a_device_everything_of_a_batch_is_made_there(augment, alpha):
    """The meta device refuses to be mixed with others, as every device does, and to be waited for: nothing of it can be
    read.
    """
    made = TrainingBatches(
        moved(PIXELS.expand(-1, 3, -1, -1), META, lambda *position: None),
        torch.arange(23),
        preprocessing=Preprocessing(image_size=8, channels=3, mean=(0.5,), std=(0.5,)),
        pipeline=Pipeline(augment, image_size=8),
        seed=0,
        batch_size=5,
        mixup=alpha,
        cutmix=alpha,
        device=META,
    )
    found = list(made.epoch(1))
    assert [tuple(batch.images.shape) for batch in found] == [*[(5, 3, 8, 8)] * 4, (3, 3, 8, 8)]
    assert all((batch.share is None) == (batch.partner_labels is None) == (alpha == 0) for batch in found)
    columns = [(batch.images, batch.labels, batch.partner_labels, batch.share) for batch in found]
    assert {tensor.device.type for row in columns for tensor in row if tensor is not None} == {"meta"}


@pytest.fixture
def room(monkeypatch):
    """Lets the processor have memory of its own: so many bytes are free."""

    def install(free, needed=0):
        monkeypatch.setattr(resident, "free_memory", lambda device: free)
        monkeypatch.setattr(resident.Residence, "_needed", lambda self: needed)

    return install


def places(run):
    return [decision.choice for decision in run.state().decisions if decision.what == "pixels"]


SIZE = 42 * 8 * 8  # of the made training images


@pytest.mark.parametrize(
    ("free", "needed", "fits"),
    [(3 * SIZE, 0, True), (3 * SIZE - 3, 0, False), (10**9, 10**9 - SIZE, True), (10**9, 10**9 - SIZE + 1, False)],
    ids=["a third", "less than a third", "beside what training needs", "not beside it"],
)
def test_they_are_moved_where_they_fit_and_change_no_bit(make_run, train, trained, room, free, needed, fits):
    keys = {"strategy": {"epochs": 1, "augment": ["rotation(degrees=20)"], "mixup": 0.3}}
    usual, run = make_run(**keys), make_run(**keys)
    assert train(usual) == 0
    room(free, needed)
    assert train(run) == 0
    assert places(run) == (["device memory"] if fits else places(usual)) and places(usual) != ["device memory"]
    assert trained(run) == trained(usual)


def test_what_training_needs_is_what_the_launch_screen_estimates(make_run, train, monkeypatch):
    asked = []
    needed = resident.Residence._needed
    monkeypatch.setattr(resident.Residence, "_needed", lambda self: asked.append(needed(self)) or asked[-1])
    monkeypatch.setattr(resident, "free_memory", lambda device: 10**9)
    run = make_run(strategy={"epochs": 1})
    assert train(run) == 0
    weights = sum(tensor.nbytes for tensor in torch.nn.Linear(6, 3).parameters())
    assert len(asked) == 1 and weights < asked[0] < 10**7


READING = '''
"""A network that reads a number while it trains."""

import torch
from torch import nn


class Reading(nn.Linear):
    def forward(self, images):
        logits = super().forward(images.flatten(1))
        return logits * 2 if self.training and float(logits.detach().mean()) > 0 else logits


def build(num_classes, *, in_channels, image_size):
    """Linear."""
    return Reading(in_channels * image_size**2, num_classes)
'''


def test_a_network_that_cannot_say_what_it_needs_leaves_them_where_they_are(make_run, train, monkeypatch, tmp_path):
    (tmp_path / "reading.py").write_text(READING)
    monkeypatch.setattr(resident, "free_memory", lambda device: 10**9)
    run = make_run(strategy={"epochs": 1}, architecture={"build": f"{tmp_path / 'reading.py'}:build"})
    assert train(run) == 0
    (notice,) = [notice for notice in run.state().notices if notice.topic == "pixels"]
    assert "stay in the host's memory: what training needs" in notice.text and "meta" in notice.text
    assert "device memory" not in places(run)


def test_memory_that_runs_out_during_the_move_leaves_them_where_they_are(make_run, train, trained, room, monkeypatch):
    usual, run = make_run(strategy={"epochs": 1}), make_run(strategy={"epochs": 1})
    assert train(usual) == 0
    room(10**9)

    def refused(*args):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nMore.")

    monkeypatch.setattr(resident, "moved", refused)
    assert train(run) == 0
    (notice,) = [notice for notice in run.state().notices if notice.topic == "pixels"]
    assert "stay in the host's memory" in notice.text and "Tried to allocate 2.00 GiB.)" in notice.text
    assert places(run) == places(usual) and trained(run) == trained(usual)


def test_another_error_of_the_move_is_an_error(make_run, train, room, monkeypatch):
    def broken(*args):
        raise RuntimeError("a fault")

    room(10**9)
    monkeypatch.setattr(resident, "moved", broken)
    run = make_run(strategy={"epochs": 1})
    assert train(run) == 1
    assert "a fault" in run.state().ended.reason


VIEWS = {"augment": ["horizontal_flip"], "cached_views": 2}


@pytest.mark.parametrize(("more", "free", "tables"), [({}, 10**9, 1), (VIEWS, 10**9, 2), ({}, 9, 0)])
def test_features_are_moved_in_place_of_pixels_and_change_no_bit(
    make_run, train, trained, room, monkeypatch, more, free, tables
):
    keys = {"strategy": {"epochs": 2, "freeze": "backbone", **more}}
    usual, run = make_run(**keys), make_run(**keys)
    assert train(usual) == 0
    room(free)
    there, taken, take = [], set(), Table.take
    monkeypatch.setattr(resident, "moved", lambda *given: there.append(moved(*given)) or there[-1])
    monkeypatch.setattr(Table, "take", lambda table, rows: taken.add(id(table.shards[0])) or take(table, rows))
    assert train(run) == 0
    decided = {decision.what: decision.choice for decision in run.state().decisions}
    assert decided["features"] == "once per image" and decided["pixels"] != "device memory"
    assert decided.get("place of features") == ("device memory" if tables else None)
    assert len(there) == tables and {id(shard) for shard in there} <= taken
    assert trained(run) == trained(usual)


def test_the_processor_has_no_memory_of_its_own():
    assert resident.free_memory(CPU) is None
