"""`vislab bench`: what it prints, and that no run is made."""

import json

import pytest

QUICK = ("digits-lenet5", "--set", "strategy.limit=64", "--set", "device=cpu", "--set", "threads=1", "--seconds", "0.1")


@pytest.fixture(autouse=True)
def threads():
    import torch

    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_it_tells_speeds_and_where_the_time_goes(command, trained_run) -> None:
    runs = sorted(trained_run.path.parent.iterdir())
    result = command("bench", *QUICK)
    assert result.exit_code == 0, result.stderr
    for words in ("images/s", "the run itself", "backward", "evaluation", "61,706 parameters", "1 thread"):
        assert words in result.stdout
    assert sorted(trained_run.path.parent.iterdir()) == runs


def test_json_has_all_of_it(command) -> None:
    found = json.loads(command("bench", *QUICK, "--json").stdout)
    assert found["images_per_second"]["full"] > 0 and found["epoch_seconds"]["backward"] > 0
