"""The comparison with other loops: what its rounds and tables say of work that is the same, or not."""

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

NAMES = ("report", "rounds", "works")


@pytest.fixture
def against(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Its modules, which find each other by their bare names."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks" / "against"))
    yield SimpleNamespace(**{name: __import__(name) for name in NAMES})
    for name in NAMES:
        del sys.modules[name]


def of(against: Any, seed: int, *, own: float, other: float, epochs: int = 5) -> Any:
    vislab = {"parameters": 7, "accuracies": [0.1] * 4 + [own], "epoch_seconds": [1.0] * 5, "arithmetic": "fp32"}
    textbook = {"parameters": 7, "accuracy": other, "epoch_seconds": [2.0] * epochs}
    return against.rounds.Round("lenet5", {}, 0.5, {"vislab": vislab, "textbook": textbook}, seed)


def test_a_round_with_more_or_fewer_epochs_does_not_count(against: Any) -> None:
    work = against.works.WORKS["lenet5"]
    of(against, 1, own=0.8, other=0.8).check(work)
    with pytest.raises(RuntimeError, match="textbook trained 4 epochs of lenet5, not 5"):
        of(against, 1, own=0.8, other=0.8, epochs=4).check(work)
    with pytest.raises(RuntimeError, match="vislab trained 5 epochs of lenet5, not 6"):
        of(against, 1, own=0.8, other=0.8).check(replace(work, epochs=6, rival_epochs=5))


def test_accuracies_are_compared_within_rounds_and_beyond_the_spread_of_the_seeds(against: Any) -> None:
    work = against.works.WORKS["lenet5"]

    def told(*pairs: tuple[float, float]) -> str:
        rounds = [of(against, seed, own=own, other=other) for seed, (own, other) in enumerate(pairs, 1)]
        return "\n".join(against.report.table("lenet5", work, rounds))

    steady = told((0.80, 0.81), (0.70, 0.712), (0.90, 0.908))  # each time lower, though the seeds differ by more
    assert "-0.010 (-0.015 to -0.005)" in steady and "LESS ACCURATE than textbook: by 0.010" in steady
    chance = told((0.80, 0.82), (0.80, 0.77), (0.80, 0.81))
    assert "+0.000 (" in chance and "ACCURATE" not in chance
    once = told((0.80, 0.70))
    assert "| +0.100 |" in once and "ACCURATE" not in once
