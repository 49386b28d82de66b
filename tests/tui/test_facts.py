from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.engine.jobs.data import answer as data_answer
from vislab.engine.jobs.models import answer as model_answer
from vislab.engine.runs.events import DecisionMade
from vislab.engine.runs.log import EventWriter
from vislab.engine.runs.store import Run, all_runs, create
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings
from vislab.tui.draft import FIRST, Draft, resolve
from vislab.tui.facts import (
    ENOUGH_RUNS,
    Facts,
    classes_known,
    data_facts,
    data_request,
    hub_cache,
    measured_seconds_per_epoch,
    model_facts,
    model_request,
    steps_per_epoch,
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "runs", tmp_path / "data", tmp_path / "cache", tmp_path / "config")


def spec_of(draft: Draft, settings: Settings) -> Spec:
    spec = resolve(draft, settings).spec
    assert spec is not None
    return spec


def test_the_jobs_answer_what_is_asked(settings) -> None:
    spec = spec_of(FIRST, settings)
    request = data_request(spec, settings)
    assert request is not None
    data = data_facts(data_answer(request, lambda *report: None))
    assert data.images() == 1797 and len(data.classes) == 10 and not data.split_error and data.side == 8
    assert sum(map(data.images, ("train", "validation", "test"))) == 1797
    assert classes_known(spec, Facts()) == classes_known(spec, Facts(data)) == 10
    question = model_request(spec, 10)
    assert question is not None
    model = model_facts(model_answer(question, lambda *report: None))
    assert model.parameters == 61_706 == model.trainable and model.memory["total"] > 4 * 61_706
    assert model_request(spec, 0) is None
    assert model_request(spec, 10, 1438) == question
    few = model_request(spec, 10, 20)
    assert (
        few is not None
        and model_facts(model_answer(few, lambda *report: None)).memory["activations"] < (model.memory["activations"])
    )


def test_nothing_is_asked_of_the_hub(settings) -> None:
    assert data_request(spec_of(FIRST.choose("dataset", "hf:uoft-cs/cifar10"), settings), settings) is None
    assert data_request(spec_of(Draft(), settings), settings) is None


@given(st.integers(1, 2000), st.integers(1, 300))
def test_every_image_is_in_a_step_and_no_step_is_a_single_image(images, batch) -> None:
    steps = steps_per_epoch(images, batch)
    assert steps >= 1 and (steps - 1) * batch < images <= steps * batch + 1


@pytest.fixture
def finished(settings, history):
    def make(draft: Draft, *, device: str = "Xeon", seconds: float = 2.0) -> Run:
        run = create(settings.runs_dir, spec_of(draft, settings))
        writer = EventWriter(run.events)
        writer.append(DecisionMade(what="device", choice="cpu", why="", details={"name": device}))
        for event in history([1.0, 0.9, 0.8], val_loss=[1.0, 0.9, 0.8]):
            if hasattr(event, "val_seconds"):
                event = msgspec.structs.replace(event, seconds=seconds, val_seconds=0.5)
            writer.append(event)
        writer.close()
        return run

    return make


def test_time_is_that_of_an_earlier_run_of_the_same_work_on_the_same_device(settings, finished, monkeypatch) -> None:
    def found(draft: Draft, device: str = "Xeon", images: int = 1200) -> float | None:
        return measured_seconds_per_epoch(all_runs(settings.runs_dir), spec_of(draft, settings), device, images)

    assert found(FIRST) is None
    finished(FIRST)
    assert found(FIRST) == found(FIRST.with_value("strategy.epochs", "99").with_value("seed", "5")) == 2.0
    assert found(FIRST, images=600) == 1.0
    assert found(FIRST, device="H100") is None
    for key, text in (("preprocessing.image_size", "32"), ("precision", "bf16"), ("strategy.batch_size", "8")):
        assert found(FIRST.with_value(key, text)) is None
    for key, text in (("cache_features", "false"), ("strategy.cached_views", "4"), ("strategy.balance_to", "9")):
        assert found(FIRST.with_value(key, text)) is None
    assert found(FIRST.choose("architecture", "mlp")) is None
    assert found(FIRST.choose("dataset", "mnist")) is None
    finished(FIRST, seconds=4.0)
    finished(FIRST, seconds=2.2)
    assert found(FIRST) == 2.2  # of all three runs: each is of few epochs, and may have been slow by chance
    for _ in range(ENOUGH_RUNS):
        finished(FIRST, seconds=3.0)
    assert found(FIRST) == 3.0
    with monkeypatch.context() as patch:
        patch.delattr(Run, "state")
        assert found(FIRST) == 3.0, "logs that have not grown are not read again"


def test_a_damaged_run_is_passed_over(settings, finished) -> None:
    finished(FIRST)
    for file in ("spec.toml", "events.jsonl"):
        run = finished(FIRST, seconds=9.0)
        (run.path / file).unlink()
        (run.path / file).mkdir()
    spec = spec_of(FIRST, settings)
    assert measured_seconds_per_epoch(all_runs(settings.runs_dir), spec, "Xeon", 1200) == 2.0


def test_the_cache_of_the_hub_is_where_its_library_finds_it(monkeypatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert hub_cache({}) == Path("/home/me/.cache/huggingface/hub")
    assert hub_cache({"XDG_CACHE_HOME": "/c"}) == Path("/c/huggingface/hub")
    assert hub_cache({"HF_HOME": "~/hf", "XDG_CACHE_HOME": "/c"}) == Path("/home/me/hf/hub")
    assert hub_cache({"HF_HUB_CACHE": "/hub", "HF_HOME": "/hf"}) == Path("/hub")
    assert hub_cache({"HF_HOME": "~nobody-is-called-so/hf"}) == Path("~nobody-is-called-so/hf/hub")
