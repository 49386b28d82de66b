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


def test_parts_that_took_longer_alone_than_together_have_no_share() -> None:
    from vislab.tui.views.bench import lines

    seconds = {"data": 0.1, "forward": 0.4, "backward": 0.6, "optimizer": 0.2, "evaluation": 0.1, "rest": -0.3}
    found = {
        "images_per_second": {"data": 900.0, "step": 80.0, "full": 100.0},
        "epoch_seconds": seconds,
        "measured": {"updates": 7, "images": 100, "seconds": 1.0},
        "epoch_images": 100,
        "parameters": 5,
        "trained_parameters": 5,
        "features": None,
        "batch_size": 16,
        "arithmetic": "fp32 contiguous, 1 thread",
        "device": "cpu",
        "device_name": "made",
    }
    told = lines(found, 100)
    assert "0.30 s longer than together" in told[-1]
    assert "%" not in "".join(told) and "1.10" in "".join(told)
    assert "longer" not in "".join(lines(found | {"epoch_seconds": seconds | {"rest": 0.1}}, 100))
    assert "frozen" not in "".join(told)

    kept = {"images": 2000, "seconds": 8.0, "images_per_second": 250.0, "spent": 0.03, "source": "from the cache"}
    told = lines(found | {"features": kept, "parameters": 1234}, 120)
    assert "1,234 parameters" in told[0] and "The head alone trains (5 parameters), on features" in told[2]
    rows = [line.split() for line in told]
    assert ["the", "frozen", "part,", "once", "per", "image", "250"] in rows
    assert next(line for line in told if line.startswith("once, before")).endswith(
        "0.03         the frozen part: 2,000 images, from the cache, computed in 8.0 s"
    )
    unknown = lines(found | {"features": kept | {"seconds": None, "images_per_second": None}}, 120)
    assert any(line.endswith("computed in an unknown time") for line in unknown)
