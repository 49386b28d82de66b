"""Climbing a ladder of batch sizes: where it ends, what is chosen, and that a probe changes nothing."""

import math

import pytest
import torch
from torch import nn

from vislab.engine import memory
from vislab.engine.data.batches import Batch
from vislab.engine.models.assemble import assemble
from vislab.engine.training import probing
from vislab.engine.training.batch_probing import BatchProbe, Rung, climb
from vislab.engine.training.endings import STOPPED, Interrupted
from vislab.engine.training.losses import make_loss
from vislab.engine.training.precision import Arithmetic

CPU = torch.device("cpu")
SIZES = (16, 32, 64, 128, 256, 512)


def climbed(seconds, *, peaks=(), room=math.inf, most=1e9, cost=0.0):
    """Climbs with figures that are given: seconds an image, bytes at the peak; each attempt takes `cost` × size."""
    now, known = [0.0], dict(zip(SIZES, peaks, strict=False))
    figures = {size: Rung(each, known.get(size, 0)) for size, each in zip(SIZES, seconds, strict=True)}

    def attempt(size):
        now[0] += cost * size
        return figures[size]

    return climb(figures[16], SIZES, attempt, room=room, seconds=most, clock=lambda: now[0])


def test_it_climbs_as_long_as_something_is_gained() -> None:
    rungs, ended = climbed([6.0, 5.0, 4.0, 3.0, 2.0, 1.0])
    assert tuple(rungs) == SIZES and ended == {}


def test_two_doublings_in_a_row_that_gain_nothing_end_it() -> None:
    assert tuple(climbed([6.0, 5.0, 4.9, 4.0, 3.9, 4.1])[0]) == SIZES
    assert tuple(climbed([6.0, 5.0, 4.9, 5.0, 1.0, 1.0])[0]) == SIZES[:4]
    assert tuple(climbed([6e-5, 5e-5, 4.9e-5, 5e-5, 1e-5, 1e-5])[0]) == SIZES, "short updates cost nothing"


def test_what_would_not_fit_is_not_tried() -> None:
    # What stays the same takes 100, each image 10: 128 images take 1,380, 256 would take 2,660.
    peaks = [100 + 10 * size for size in SIZES]
    rungs, ended = climbed([6.0, 5.0, 4.0, 3.0, 2.0, 1.0], peaks=peaks, room=2500)
    assert tuple(rungs) == SIZES[:4]
    assert list(ended) == [256] and "not tried" in ended[256]


def test_time_ends_it() -> None:
    rungs, ended = climbed([6.0, 5.0, 4.0, 3.0, 2.0, 1.0], cost=1.0, most=230.0)
    assert tuple(rungs) == SIZES[:4]  # 32, 64 and 128 have taken 224; 256 would take 256
    assert ended == {256: "not tried, for want of time"}


def test_memory_ends_it_and_other_errors_do_not() -> None:
    def attempt(size):
        if size == 64:
            raise torch.OutOfMemoryError("CUDA out of memory.\nmore")
        return Rung(1 / size, 0)

    rungs, ended = climb(Rung(1 / 16, 0), SIZES, attempt, room=math.inf, seconds=1e9)
    assert tuple(rungs) == (16, 32) and ended == {64: "out of memory (CUDA out of memory.)"}

    def broken(size):
        raise RuntimeError("shapes do not match")

    with pytest.raises(RuntimeError, match="shapes"):
        climb(Rung(1.0, 0), SIZES, broken, room=math.inf, seconds=1e9)


@pytest.fixture
def probe(make_spec, mine, monkeypatch):
    """A probe of a small network with batch norm and dropout, for whose run measuring is always worth it."""
    monkeypatch.setattr(probing, "WORTH_SECONDS", 0.0)
    monkeypatch.setattr(probing, "TURN", 0.0)
    monkeypatch.setattr(probing, "is_busy", lambda: False)
    spec = make_spec(strategy={"batch_size": "auto", "optimizer": "adam"})
    assembled = assemble(
        spec.architecture, num_classes=3, in_channels=1, image_size=8, pretrained=False, folder=mine.parent
    )
    images, labels = torch.randn(64, 1, 8, 8), torch.arange(64) % 3
    share = torch.rand(64)
    return BatchProbe(
        spec=spec,
        device=CPU,
        assembled=assembled,
        loss=make_loss(spec.strategy, counts=[4, 4, 4], device=CPU, folder=mine.parent),
        check=lambda: None,
        sizes=(16, 32, 64),
        batch_of=lambda size: Batch(images[:size], labels[:size], labels[:size], share[:size]),
        arithmetic=Arithmetic(threads=1),
        images=10**9,
    )


def test_a_probe_measures_the_sizes_and_changes_nothing(probe, everything) -> None:
    before = everything(probe, probe.batch_of(64).images)
    choice = probe()
    assert everything(probe, probe.batch_of(64).images) == before
    assert choice.lasting and choice.batch_size in probe.sizes
    assert {"16: images/s", "32: images/s"} <= choice.table.keys()
    assert choice.why.startswith("measured: the smallest within 5% of the fastest (16: ")


def test_a_probe_obeys_a_request_to_stop_and_changes_nothing(probe, everything) -> None:
    calls = []

    def check() -> None:
        calls.append(1)
        if len(calls) == 9:
            raise Interrupted("stop", STOPPED)

    before = everything(probe, probe.batch_of(64).images)
    probe.check = check
    with pytest.raises(Interrupted):
        probe()
    assert everything(probe, probe.batch_of(64).images) == before


def test_a_batch_that_does_not_fit_is_no_choice_and_is_not_cut(probe, monkeypatch) -> None:
    forward = nn.Sequential.forward

    def starving(self, images):
        if len(images) > 32:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(self, images)

    monkeypatch.setattr(nn.Sequential, "forward", starving)
    choice = probe()
    assert choice.batch_size in (16, 32)
    assert choice.table["64"] == "out of memory (CUDA out of memory.)" and "64: out of memory" in choice.why


def test_where_not_even_the_smallest_fits_it_is_taken_and_left_to_micro_batches(probe, monkeypatch) -> None:
    def starving(self, images):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr(nn.Sequential, "forward", starving)
    choice = probe()
    assert (choice.batch_size, choice.lasting) == (16, False)


def test_a_network_that_cannot_be_copied_has_the_usual_size(probe) -> None:
    probe.assembled.model.stream = (number for number in ())
    choice = probe()
    assert (choice.batch_size, choice.lasting, choice.table) == (64, False, {})


def test_a_short_run_and_a_busy_machine(probe, monkeypatch) -> None:
    monkeypatch.setattr(probing, "is_busy", lambda: True)
    choice = probe()
    assert not choice.lasting and "within 20% of the fastest" in choice.why
    monkeypatch.setattr(probing, "WORTH_SECONDS", 1e12)
    choice = probe()
    assert choice.batch_size == 64 and "too short to measure" in choice.why


@pytest.mark.skipif(not memory.forget_peak(), reason="only Linux tells the peak of a process")
def test_the_peak_grows_with_what_is_taken() -> None:
    before = memory.peak()
    held = torch.ones(30_000_000)
    assert memory.peak() - before > 100_000_000
    del held
    assert memory.forget_peak() and memory.peak() < before + 60_000_000
