"""The learning rate range test: what it suggests, and that it leaves no trace."""

import json
import math
import tempfile
from pathlib import Path

import msgspec
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vislab.engine.cache import Cache
from vislab.engine.jobs import find_lr
from vislab.engine.models.airbench import Airbench
from vislab.engine.training.finders import centred_means, suggestions
from vislab.presets.errors import InputError

losses = st.lists(st.floats(0.0, 100.0), max_size=40)


@given(losses, st.integers(1, 10))
def test_a_centred_mean_stays_inside_and_does_not_lag(values, around) -> None:
    means = centred_means(values, around)
    assert len(means) == len(values)
    assert all(min(values) - 1e-9 <= mean <= max(values) + 1e-9 for mean in means)
    line = [3.0 * at for at in range(len(values))]
    assert centred_means(line, around) == pytest.approx(line)


@given(losses)
def test_suggestions_are_rates_that_were_tried_and_the_steepest_is_before_the_lowest(values) -> None:
    rates = [10.0**-at for at in range(len(values), 0, -1)]
    steepest, lowest = suggestions(rates, values)
    assert (steepest is None) == (lowest is None)
    if steepest is not None and lowest is not None:
        assert rates.index(steepest) < rates.index(lowest)
        assert values[rates.index(lowest)] == min(values)


def test_the_steepest_point_of_a_known_curve() -> None:
    smoothed = [2.0, 2.0, 1.9, 1.0, 0.8, 0.7, 3.0]
    rates = [10.0**at for at in range(-6, 1)]
    assert suggestions(rates, smoothed) == (rates[3], rates[5])


def test_a_loss_that_only_rises_suggests_nothing() -> None:
    assert suggestions([0.1, 1.0, 10.0], [1.0, 2.0, 3.0]) == (None, None)
    assert suggestions([], []) == (None, None)


@pytest.fixture
def ask(make_spec, settings, monkeypatch):
    """Asks the job in this process, by way of JSON."""
    monkeypatch.setenv("VISLAB_CACHE_DIR", str(settings.cache_dir))

    def answer(steps=60, lowest=1e-4, highest=100.0, **keys):
        request = {
            "spec": msgspec.to_builtins(make_spec(**keys)),
            "data_dir": str(settings.data_dir),
            "runs_dir": str(settings.runs_dir),
            "lowest": lowest,
            "highest": highest,
            "steps": steps,
        }
        said = []
        threads = torch.get_num_threads()
        try:
            found = find_lr.answer(json.loads(json.dumps(request)), lambda *told: said.append(told))
        finally:
            torch.set_num_threads(threads)
        return json.loads(json.dumps(found, allow_nan=False)), said

    return answer


def test_it_finds_where_the_loss_falls_and_where_it_leaves_and_leaves_no_trace(ask, tmp_path, monkeypatch) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    found, said = ask(strategy={"optimizer": "sgd", "learning_rate": 0.02})
    assert 1e-4 < found["steepest"] < found["lowest"] < (found["diverged"] or math.inf)
    assert len(found["rates"]) == len(found["losses"]) == len(found["smoothed"]) <= 60
    assert found["rates"] == sorted(found["rates"])
    assert found["learning_rate"] == 0.02
    assert ("updates", 3, 60) in said
    left = [path for path in tmp_path.rglob("*") if not path.name.startswith("torchinductor")]  # torch's own folder
    assert left == [scratch]


def test_a_loss_that_leaves_ends_it(ask) -> None:
    found, _ = ask(strategy={"optimizer": "sgd"}, highest=1e8)
    assert found["diverged"] is not None
    assert len(found["rates"]) < 60


def test_the_same_seed_finds_the_same(ask) -> None:
    assert ask(steps=12) == ask(steps=12)


def test_torch_computes_as_in_a_run(ask) -> None:
    try:
        ask(steps=10, deterministic=True)
        assert torch.are_deterministic_algorithms_enabled() and not torch.backends.cudnn.benchmark
    finally:
        torch.use_deterministic_algorithms(False)


def test_a_network_that_sets_itself_up_from_images_does_so_as_in_a_run(ask, make_run, train, monkeypatch) -> None:
    seen = []
    monkeypatch.setattr(Airbench, "initialise", lambda self, images: seen.append(images))
    airbench = {"architecture": {"build": "vislab.engine.models.airbench:build", "options": {"widths": [8, 8]}}}
    ask(steps=10, **airbench)
    assert train(make_run(strategy={"epochs": 1}, **airbench)) == 0
    in_test, in_run = seen
    assert in_test.shape == (42, 1, 8, 8) and torch.equal(in_test, in_run)


def test_what_it_has_decoded_stays_in_the_cache_within_the_budget(ask, settings, monkeypatch) -> None:
    larger = {"dataset": {"options": {"size": 16}}}  # than the network sees: it is decoded
    monkeypatch.setenv("VISLAB_CACHE_BUDGET", "0")
    ask(steps=10, **larger)
    assert list(Cache.of(settings).entries()) == []
    monkeypatch.setenv("VISLAB_CACHE_BUDGET", "1 MB")
    ask(steps=10, **larger)
    assert {entry.kind for entry in Cache.of(settings).entries()} == {"pixels"}


def test_the_usual_batch_stands_for_one_that_a_run_will_decide(ask) -> None:
    assert ask(steps=10, strategy={"batch_size": "auto"})[0]["batch_size"] == 16
    assert ask(steps=10)[0]["batch_size"] == 8


def test_what_is_wrong_is_told_as_a_run_would_tell_it(ask) -> None:
    with pytest.raises(InputError, match="fp16 needs a CUDA GPU"):
        ask(precision="fp16")
    with pytest.raises(InputError, match="loss"):
        ask(strategy={"loss": str(Path("nowhere.py:loss").absolute())})
