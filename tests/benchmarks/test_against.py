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


def of(against: Any, seed: int, *, own: float, other: float, epochs: int = 5, load: float = 0.5) -> Any:
    vislab = {"parameters": 7, "accuracies": [0.1] * 4 + [own], "epoch_seconds": [1.0] * 5, "arithmetic": "fp32"}
    textbook = {"parameters": 7, "accuracy": other, "epoch_seconds": [2.0] * epochs}
    return against.rounds.Round("lenet5", {}, load, {"vislab": vislab, "textbook": textbook}, seed)


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
        return "\n".join(against.report.table("lenet5", work, rounds, 2))

    steady = told((0.80, 0.81), (0.70, 0.712), (0.90, 0.908))  # each time lower, though the seeds differ by more
    assert "-0.010 (-0.015 to -0.005)" in steady and "LESS ACCURATE than textbook: by 0.010" in steady
    chance = told((0.80, 0.82), (0.80, 0.77), (0.80, 0.81))
    assert "+0.000 (" in chance and "ACCURATE" not in chance
    once = told((0.80, 0.70))
    assert "| +0.100 |" in once and "ACCURATE" not in once
    assert "2.00: less accurate" in steady and "2.00: reached" in chance and "2.00: reached" in once


def test_rounds_of_a_busy_machine_or_of_other_work_make_no_verdict(against: Any) -> None:
    work, busy = against.works.WORKS["lenet5"], against.rounds.CALM + 0.1
    loads = [0.5, busy]
    one, other = (of(against, seed, own=0.8, other=0.8, load=load) for seed, load in enumerate(loads, 1))
    other.sides["textbook"]["epoch_seconds"] = [90.0] * 5

    def told(*rounds: Any) -> str:
        return " ".join(against.report.table("lenet5", work, list(rounds), 2))

    assert "| textbook | 1 | 10,000 | 2.00 | 2.00: reached |" in told(one, other)
    assert "1 of 2 rounds, left out of the speeds" in told(one, other)
    assert "| 90.00 | 2.00: machine busy, no verdict |" in told(other)
    one.sides["textbook"]["parameters"] = 8
    assert "| 2.00: not the same work |" in told(one)


def test_a_table_takes_the_place_of_the_last_one_of_its_work_alone(against: Any, tmp_path: Path, monkeypatch) -> None:
    document = tmp_path / "benchmarks.md"
    old = "**A** (`--work lenet5`; b)\n\n| old |\n\n**C** (`--work deit`; d)\n\n| kept |\n\n"
    document.write_text(f"above\n\n<!-- against: begin -->\n## Old\n\n{old}<!-- against: end -->\n\nbelow\n")
    monkeypatch.setattr(against.report, "DOCUMENT", document)
    for _ in range(2):
        against.report.write({"lenet5": ["**A** (`--work lenet5`; b)", "", "| new |", ""]})
        text = document.read_text()
        assert text.startswith("above\n\n<!-- against: begin -->\n## Against") and "| old |" not in text
        assert text.endswith("| new |\n\n**C** (`--work deit`; d)\n\n| kept |\n\n<!-- against: end -->\n\nbelow\n")
