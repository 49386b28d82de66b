"""Measuring candidates: who wins a race, and that a probe changes nothing."""

import os

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vislab.engine.data.batches import Batch
from vislab.engine.models.assemble import assemble
from vislab.engine.training import probing
from vislab.engine.training.endings import STOPPED, Interrupted
from vislab.engine.training.losses import make_loss
from vislab.engine.training.precision import Arithmetic
from vislab.engine.training.probing import Probe, Race, run_race

CPU = torch.device("cpu")
DEFAULT = Arithmetic("fp32", "contiguous", 2)
LAST = Arithmetic("fp32", "channels_last", 2)
HALF = Arithmetic("bf16", "contiguous", 2)
times = st.floats(1e-4, 10.0)


def raced(seconds, **options):
    """A race of candidates whose turns take the seconds given, in order."""
    left = {candidate: list(values) for candidate, values in seconds.items()}
    return run_race(list(seconds), lambda candidate: left[candidate].pop(0), seconds=1e9, **options)


def test_the_faster_one_wins() -> None:
    race = raced({DEFAULT: [1.0] * 9, LAST: [0.8] * 9, HALF: [0.7] * 9})
    assert race.winner == HALF
    assert [len(found) for found in race.seconds.values()] == [9, 9, 9]


def test_one_that_differs_more_must_also_beat_one_that_differs_less() -> None:
    assert raced({DEFAULT: [1.0] * 9, LAST: [0.8] * 9, HALF: [0.78] * 9}).winner == LAST


def test_less_than_five_per_cent_is_no_reason() -> None:
    assert raced({DEFAULT: [1.0] * 9, LAST: [0.96] * 9}).winner == DEFAULT


def test_a_gain_inside_the_spread_is_no_reason() -> None:
    noisy = [0.5, 0.5, 0.5, 0.5, 0.5, 1.1, 1.1, 1.1, 1.1]
    assert raced({DEFAULT: [1.0] * 9, LAST: noisy}).winner == DEFAULT


def test_where_more_is_asked_for_a_small_gain_is_no_reason() -> None:
    race = raced({DEFAULT: [1.0] * 9, LAST: [0.85] * 9, HALF: [0.6] * 9})
    race.least = 1.25
    assert race.winner == HALF
    del race.seconds[HALF]
    assert race.winner == DEFAULT


def test_other_work_that_slows_both_does_not_matter() -> None:
    slow = [1.0, 5.0, 1.0, 9.0, 1.0, 3.0, 7.0, 1.0, 2.0]
    assert raced({DEFAULT: slow, LAST: [0.9 * value for value in slow]}).winner == LAST


@given(st.lists(times, min_size=9, max_size=9), st.lists(st.floats(0.96, 1.9), min_size=9, max_size=9))
def test_nothing_that_is_not_faster_ever_wins(base, factors) -> None:
    assert raced({DEFAULT: base, LAST: [a * b for a, b in zip(base, factors, strict=True)]}).winner == DEFAULT


def test_a_hopeless_candidate_leaves_early() -> None:
    race = raced({DEFAULT: [1.0] * 9, LAST: [7.0], HALF: [3.0, 3.0]})
    assert race.winner == DEFAULT
    assert [len(found) for found in race.seconds.values()] == [2, 1, 2]


def test_a_candidate_that_cannot_run_is_out_and_says_why() -> None:
    def turn(candidate):
        if candidate == HALF:
            raise RuntimeError('"op" not implemented for BFloat16\nmore')
        return 1.0 if candidate == DEFAULT else 0.5

    race = run_race([DEFAULT, HALF, LAST], turn, seconds=1e9)
    assert race.problems == {HALF: '"op" not implemented for BFloat16'}
    assert race.winner == LAST


@pytest.mark.parametrize(("until", "winner"), [(2.5, DEFAULT), (3.5, LAST)])
def test_time_ends_a_race_and_too_few_rounds_decide_nothing(until, winner) -> None:
    now = [0.0]

    def turn(candidate):
        now[0] += 0.5
        return 1.0 if candidate == DEFAULT else 0.5

    race = run_race([DEFAULT, LAST], turn, seconds=until - 1.0, clock=lambda: now[0])
    assert len(race.seconds[LAST]) == int(until)
    assert race.winner == winner


@pytest.mark.parametrize(("turn", "winner"), [(0.001, LAST), (0.2, DEFAULT)])
def test_time_that_preparing_took_does_not_end_a_race_of_very_short_rounds(turn, winner) -> None:
    now = [0.0]

    def prepare(candidate):
        now[0] += 8.0

    def timed(candidate):
        now[0] += turn
        return turn if candidate == DEFAULT else turn / 2

    race = run_race([DEFAULT, LAST], timed, seconds=5.0, clock=lambda: now[0], prepare=prepare)
    assert race.winner == winner and race.whole == (winner == LAST)
    assert len(race.seconds[LAST]) == (3 if winner == LAST else 1)


def test_a_candidate_that_cannot_be_prepared_is_out_and_says_why() -> None:
    def prepare(candidate):
        if candidate == HALF:
            raise RuntimeError("no room\nmore")

    race = run_race([DEFAULT, HALF], lambda candidate: 1.0, seconds=1e9, prepare=prepare)
    assert race.problems == {HALF: "no room"} and list(race.seconds) == [DEFAULT]


def test_a_race_of_one_is_won() -> None:
    assert Race({DEFAULT: [1.0]}).winner == DEFAULT


@pytest.fixture
def probe(make_spec, mine, monkeypatch):
    """A probe of a small network with batch norm and dropout, for whose run measuring is always worth it."""
    monkeypatch.setattr(probing, "WORTH_SECONDS", 0.0)
    monkeypatch.setattr(probing, "TURN", 0.0)
    monkeypatch.setattr(os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    spec = make_spec(precision="auto", memory_format="auto", threads="auto", strategy={"optimizer": "adam"})
    assembled = assemble(
        spec.architecture,
        num_classes=3,
        in_channels=1,
        image_size=8,
        pretrained=False,
        drop_rate=0.0,
        drop_path=0.0,
        seed=0,
        folder=mine.parent,
    )
    loss = make_loss(spec.strategy, counts=[4, 4, 4], device=CPU, folder=mine.parent)
    batch = Batch(torch.randn(8, 1, 8, 8), torch.arange(8) % 3)
    return Probe(spec=spec, device=CPU, assembled=assembled, batch=batch, loss=loss, steps=10**6, check=lambda: None)


def test_a_probe_measures_every_candidate_and_changes_nothing(probe, everything) -> None:
    before = everything(probe, probe.batch.images)
    choice = probe(Arithmetic(threads=2))
    assert everything(probe, probe.batch.images) == before
    assert choice.lasting
    assert {"fp32 contiguous, 2 threads", "fp32 contiguous, 1 thread"} <= choice.table.keys()
    assert {str(choice.arithmetic)} <= choice.table.keys()
    assert sum(key.startswith("bf16") for key in choice.table) == 2


def test_a_gain_is_told_by_rounds_that_were_run_side_by_side(probe, monkeypatch) -> None:
    contests = []

    def turn(arithmetic):
        if arithmetic.precision == "bf16" and not contests:
            contests.append("the machine is slower from here on")
        seconds = 1.0 if arithmetic.threads == 2 else 0.8
        return seconds * (3.0 if contests else 1.0) * (0.5 if arithmetic.precision == "bf16" else 1.0)

    monkeypatch.setattr(probe, "_turn", turn)
    assert "(2.50 times as fast as fp32 contiguous, 2 threads)" in probe(Arithmetic(threads=2)).why


def test_a_probe_obeys_a_request_to_stop_and_changes_nothing(probe, everything) -> None:
    before, asked = everything(probe, probe.batch.images), []

    def check():
        asked.append(1)
        if len(asked) == 7:
            raise Interrupted("stopped on request", STOPPED)

    probe.check = check
    with pytest.raises(Interrupted):
        probe(Arithmetic(threads=2))
    assert everything(probe, probe.batch.images) == before


def test_on_a_busy_machine_threads_are_not_compared_and_nothing_lasts(probe, monkeypatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (1e3, 0.0, 0.0))
    choice = probe(Arithmetic(threads=2))
    assert len(choice.table) == 4
    assert all(key.endswith("2 threads") for key in choice.table)
    assert not choice.lasting
    assert "busy" in choice.why


def test_what_the_spec_says_is_in_every_candidate(probe, make_spec) -> None:
    probe.spec = make_spec(precision="bf16", memory_format="auto", threads=1)
    choice = probe(Arithmetic("bf16", "contiguous", 1))
    assert choice.table.keys() == {"bf16 contiguous, 1 thread", "bf16 channels_last, 1 thread"}


def test_a_short_run_is_not_measured(probe, monkeypatch) -> None:
    monkeypatch.setattr(probing, "WORTH_SECONDS", 20.0)
    probe.steps = 3
    choice = probe(Arithmetic())
    assert (choice.arithmetic, choice.table, choice.lasting) == (Arithmetic(), {}, False)
    assert choice.why.startswith("too short to measure")


def test_a_network_that_cannot_be_copied_keeps_the_default(probe) -> None:
    probe.assembled.model.held = torch.ones(2, requires_grad=True) * 2  # only leaves of the graph can be copied
    choice = probe(Arithmetic())
    assert choice.arithmetic == Arithmetic()
    assert choice.why.startswith("could not be measured: Only Tensors created explicitly")
