"""Compiled updates. A compiler of our own stands for torch's, which takes a minute: it counts, and changes nothing."""

import os
import shutil

import pytest
import torch

from vislab.engine.training import compile_probing, compiled, compiling, torch_settings
from vislab.engine.training.compile_probing import CompileChoice, CompileProbe
from vislab.engine.training.precision import Arithmetic
from vislab.engine.training.rehearsal import Rehearsal


@pytest.fixture
def graphs(monkeypatch):
    """What was compiled: for each graph the shapes of the images that it takes."""
    found = []

    def compiler(graph, inputs):
        found.append(next(tuple(value.shape) for value in inputs if value.ndim == 4 and value.shape[1:] == (1, 8, 8)))
        return graph.forward

    torch._dynamo.reset()
    monkeypatch.setattr(compiled, "_BACKEND", compiler)
    yield found
    torch._dynamo.reset()


def decision(run):
    (found,) = [row for row in run.state().decisions if row.what == "compile"]
    return found


def test_a_compiled_run_has_the_bits_and_names_of_one_that_is_not(make_run, train, trained, graphs):
    """With a compiler that changes nothing; evaluations and the last batches of epochs (2 images) are not compiled."""
    keys = {"strategy": {"ema": 0.9, "accumulate": 2}}
    plain, run = make_run(**keys), make_run(compile=True, **keys)
    assert train(plain) == 0 and graphs == []
    assert train(run) == 0
    assert graphs == [(4, 1, 8, 8)], "one size, compiled once"
    assert trained(run) == trained(plain)
    assert (decision(run).choice, decision(run).why) == ("on", "as the spec says")


def test_a_compiled_run_that_is_resumed_equals_another(make_run, train, trained, interrupt, graphs):
    keys = {"compile": True, "checkpoint_every": "2steps", "strategy": {"batch_size": 9, "accumulate": 2}}
    whole, run = make_run(**keys), make_run(**keys)
    assert train(whole) == 0
    assert graphs == [(5, 1, 8, 8), (4, 1, 8, 8)]
    torch._dynamo.reset()
    interrupt(run, lambda phase, step, epoch, done: (phase, step) == ("training", 7), "kill")
    torch._dynamo.reset()
    graphs.clear()
    assert train(run) == 0
    assert len(graphs) == 2, "what was decided holds on"
    assert trained(run) == trained(whole) and run.state().resumes


def test_what_runs_out_of_memory_is_compiled_for_smaller_pieces(make_run, train, graphs, monkeypatch):
    make = compiled.compiled

    def scarce(model):
        call = make(model)

        def limited(same, images):
            if len(images) > 4:
                raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
            return call(same, images)

        return limited

    monkeypatch.setattr(compiling, "compiled", scarce)
    run = make_run(compile=True, strategy={"epochs": 1})
    assert train(run) == 0
    assert graphs == [(4, 1, 8, 8)]


@pytest.mark.parametrize(("wanted", "why"), [("auto", "auto compiles on CUDA only"), (False, "as the spec says")])
def test_otherwise_nothing_is_compiled_on_the_processor(make_run, train, graphs, wanted, why):
    run = make_run(compile=wanted, strategy={"epochs": 1})
    assert train(run) == 0
    assert graphs == [] and decision(run).choice == "off" and decision(run).why.startswith(why)


def test_a_head_that_trains_on_features_is_not_compiled(make_run, train, graphs):
    run = make_run(compile=True, strategy={"epochs": 1, "freeze": "backbone"})
    assert train(run) == 0
    assert graphs == [] and decision(run).choice == "off" and "features" in decision(run).why


def test_a_run_that_was_begun_before_there_was_a_choice_is_not_compiled(make_run, train, interrupt, graphs):
    run = make_run(compile=True, checkpoint_every="2steps")
    interrupt(run, lambda phase, step, epoch, done: (phase, step) == ("training", 5))
    lines = run.events.read_text().splitlines(keepends=True)
    run.events.write_text("".join(line for line in lines if '"what":"compile"' not in line))
    torch._dynamo.reset()
    graphs.clear()
    assert train(run) == 0
    assert graphs == []


def test_what_cannot_be_compiled_is_told_with_the_remedy(make_run, train, graphs, monkeypatch):
    def broken(graph, inputs):
        raise RuntimeError("No working C++ compiler found in torch._inductor.config.cpp.cxx\nMore.")

    monkeypatch.setattr(compiled, "_BACKEND", broken)
    run = make_run(compile=True)
    assert train(run) == 2
    reason = run.state().ended.reason
    assert "No working C++ compiler found" in reason and "the package g++" in reason and "--set compile=false" in reason
    assert "\n" not in reason and "More." not in reason


@pytest.mark.parametrize("usable", [True, False])
def test_what_is_compiled_is_kept_in_the_cache_folder_if_that_can_be_written(settings, monkeypatch, usable):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "/mine")
    torch_settings._keep_compiled(settings)
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == "/mine", "a person's own place is kept"
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR")
    if not usable:
        shutil.rmtree(settings.cache_dir, ignore_errors=True)
        settings.cache_dir.write_text("a file")
    torch_settings._keep_compiled(settings)
    assert os.environ.get("TORCHINDUCTOR_CACHE_DIR") == (str(settings.cache_dir / "compiled") if usable else None)


# -- auto -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def probe(monkeypatch):
    """Makes probes of updates that take so many seconds on a clock of their own."""

    def make(steps, *, plain=1.0, fast=0.5, compiling=30.0):
        now = [0.0]

        def update(self, arithmetic, batch, *, compiled=False):
            made = []

            def one():
                if compiled and isinstance(fast, Exception):
                    raise fast
                now[0] += (fast if made else compiling + fast) if compiled else plain
                made.append(1)

            return one

        monkeypatch.setattr(Rehearsal, "update", update)
        return CompileProbe(
            spec=None,
            device=torch.device("cpu"),
            assembled=None,
            loss=None,
            check=lambda: None,
            batch=None,
            steps=steps,
            clock=lambda: now[0],
        )

    return make


@pytest.mark.parametrize(
    ("steps", "keys", "on"),
    [
        (1000, {}, True),
        (601, {"compiling": 150.0}, True),  # saves 300.5 s
        (600, {"compiling": 150.0}, False),  # 300.0 s are no more than twice what it takes
        (100_000, {"fast": 1.0}, False),
        (100_000, {"fast": 1.2}, False),
        (100_000, {"fast": 0.999, "compiling": 60.0}, False),
    ],
)
def test_auto_compiles_where_it_saves_more_than_twice_what_it_takes(probe, steps, keys, on):
    choice = probe(steps, **keys)(Arithmetic())
    assert choice.on == on and choice.why.startswith("measured")
    assert choice.table["plain ms"] == 1000 and choice.table["compiling s"] == keys.get("compiling", 30.0)


def test_a_short_run_is_not_measured_for(probe):
    choice = probe(599)(Arithmetic())
    assert choice == CompileChoice(False, "too short to repay it: it trains for about 599 s")


def test_what_cannot_be_measured_is_not_compiled(probe):
    choice = probe(10_000, fast=RuntimeError("Triton is missing\nMore."))(Arithmetic())
    assert choice == CompileChoice(False, "could not be measured: Triton is missing")


def test_real_updates_of_both_kinds_can_be_timed(make_run, train, graphs, monkeypatch):
    """Of a run that takes the processor for a GPU, and itself for a long one."""
    monkeypatch.setattr(compiling, "_MEASURED_ON", ("cpu",))
    monkeypatch.setattr(compile_probing, "WORTH_SECONDS", 0.0)
    monkeypatch.setattr(compile_probing, "REPAID", -1.0)
    monkeypatch.setattr(compile_probing, "_TURN", 0.001)
    run = make_run(strategy={"epochs": 1})
    assert train(run) == 0
    found = decision(run)
    assert found.why.startswith("measured") and set(found.details) == {"plain ms", "compiled ms", "compiling s"}
    assert (8, 1, 8, 8) in graphs
