"""The bench job: what it counts, and that it leaves nothing behind."""

import tempfile

import msgspec
import pytest
import torch

from vislab.engine.jobs import bench
from vislab.engine.jobs.bench import answer
from vislab.presets.errors import InputError
from vislab.presets.library import resolve

SETS = ("strategy.limit=64", "strategy.batch_size=16", "device=cpu", "threads=1")


@pytest.fixture
def ask(tmp_path, monkeypatch):
    def ask(*sets: str, seconds: float = 0.05, **strategy: str) -> dict:
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
        spec = resolve(recipe="digits-lenet5", sets=(*SETS, *sets))
        told = msgspec.to_builtins(spec)
        told["strategy"] |= strategy
        found = answer({"spec": told, "seconds": seconds}, lambda what, done, total: None)
        assert list(tmp_path.glob("vislab-*")) == [], "no run is left"
        return found

    return ask


def test_a_run_that_is_over_before_its_time(ask) -> None:
    found = ask("strategy.accumulate=2", "strategy.augment=['horizontal_flip']", "strategy.epochs=2", seconds=60.0)
    images = found["epoch_images"]
    assert found["measured"]["updates"] * 16 >= 2 * images == found["measured"]["images"]
    assert set(found["images_per_second"]) == {"data", "step", "full"}
    assert all(speed > 0 for speed in found["images_per_second"].values())
    seconds = found["epoch_seconds"]
    assert set(seconds) == {"data", "forward", "backward", "optimizer", "evaluation", "rest"}
    assert sum(seconds.values()) == pytest.approx(images / found["images_per_second"]["full"] + seconds["evaluation"])
    assert found["parameters"] == 61_706 and found["batch_size"] == 16


def test_the_pass_of_a_frozen_part_is_told_beside_the_head_that_trains(ask, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("VISLAB_CACHE_DIR", str(tmp_path / "cache"))
    computed, cached = (ask(seconds=1e-6, freeze="backbone") for _ in range(2))
    assert computed["trained_parameters"] == 84 * 10 + 10 and computed["parameters"] == 61_706
    first, second = computed["features"], cached["features"]
    assert first["source"] == "computed" and first["seconds"] == first["spent"] > 0
    assert first["images_per_second"] == pytest.approx(first["images"] / first["seconds"])
    assert second["source"] == "from the cache" and second["images"] == first["images"]
    assert second["seconds"] >= second["spent"], "known, however soon they were found"
    assert second["images_per_second"] == pytest.approx(second["images"] / second["seconds"])
    assert ask(seconds=1e-6)["features"] is None


def test_time_that_is_up_before_the_epoch_is(ask) -> None:
    found = ask("strategy.limit=1000", seconds=1e-6)
    assert found["measured"]["updates"] == 1 and found["measured"]["images"] == 16
    assert found["epoch_seconds"]["evaluation"] > 0


def test_torch_computes_as_in_a_run(ask) -> None:
    try:
        ask("deterministic=true", seconds=1e-6)
        assert torch.are_deterministic_algorithms_enabled() and not torch.backends.cudnn.benchmark
    finally:
        torch.use_deterministic_algorithms(False)
    ask(seconds=1e-6)
    assert torch.get_num_threads() == 1 and torch.backends.cudnn.benchmark


def test_updates_that_are_timed_whole_follow_each_other_without_waiting(ask, monkeypatch) -> None:
    waits, measure = [], bench._updates

    def measured(loop, batch, limit, *, apart):
        before = len(waits)
        found = measure(loop, batch, 0.1, apart=apart)
        waited[apart] = len(waits) - before
        return found

    waited = {}
    monkeypatch.setattr(bench, "_wait", waits.append)
    monkeypatch.setattr(bench, "_updates", measured)
    ask(seconds=1e-6)
    assert waited[False] == 2 and waited[True] > 10, "after the warm-up and at the end"


def test_a_batch_size_is_chosen_as_a_run_would(ask) -> None:
    found = ask("strategy.batch_size=auto", "strategy.limit=1000", seconds=1e-6)["batch_size"]
    assert found in (16, 32), "more leave an epoch fewer than 20 updates; which of these is faster, the machine decides"


def test_a_mistake_is_told_and_leaves_nothing(ask) -> None:
    with pytest.raises(InputError, match="fp16"):
        ask("precision=fp16")
