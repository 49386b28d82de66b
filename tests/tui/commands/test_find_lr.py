"""`vislab find-lr`: what it prints, and that no run is made."""

import json

import pytest

CHOICE = ("--architecture", "lenet5", "--set", "preprocessing.image_size=16", "--set", "strategy.batch_size=8")
QUICK = ("--set", "threads=1", "--set", "device=cpu", "--steps", "12")


@pytest.fixture
def threads():
    import torch

    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_it_draws_the_curve_and_says_what_it_means(command, pictures, trained_run, threads) -> None:
    runs = sorted(trained_run.path.parent.iterdir())
    result = command("find-lr", "--dataset", pictures, *CHOICE, *QUICK)
    assert result.exit_code == 0, result.stderr
    assert "log10 of the learning rate" in result.stdout
    assert " updates on " in result.stdout and "the spec has" in result.stdout
    assert "\x1b" not in result.stdout
    assert sorted(trained_run.path.parent.iterdir()) == runs


def test_json_has_all_of_it(command, trained_run, threads) -> None:
    result = command("find-lr", "--like", trained_run.id, *QUICK, "--json")
    found = json.loads(result.stdout)
    assert found["learning_rate"] == trained_run.spec().strategy.learning_rate
    assert len(found["rates"]) == len(found["losses"])


@pytest.mark.parametrize("rates", [("1", "0.1"), ("0", "1"), ("1", "inf")])
def test_rates_that_make_no_range_are_refused(command, rates) -> None:
    result = command("find-lr", "--preset", "digits-lenet5", "--lowest", rates[0], "--highest", rates[1])
    assert result.exit_code == 2
    assert "the lowest below the highest" in result.stderr
