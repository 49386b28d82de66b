"""A run is the same, bit for bit, wherever its pixels lie; and it says where."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from vislab.engine import worker


@pytest.fixture
def pictures(tmp_path):
    random = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(12):
            pixels = random.integers(0, 256, (10, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pictures" / name / f"{number:02d}.png")
    return tmp_path / "pictures"


def test_decoded_cached_mapped_and_streamed_runs_are_equal(make_run, settings, trained, pictures):
    places = [
        ("memory", settings),  # decoded into the cache
        ("memory", settings),  # found there
        ("memory", replace(settings, cache_budget=0)),
        ("memory-mapped", replace(settings, memory_budget=0)),
        # The copies of balance_to are made once: there is room for them alone.
        (
            "streaming and memory-mapped",
            replace(settings, cache_dir=settings.cache_dir / "small", cache_budget=3000, memory_budget=0),
        ),
    ]
    found, said = [], []
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for place, chosen in places:
        run = make_run(
            dataset={"source": "vislab.engine.data.sources.folder:source", "path": str(pictures)},
            strategy={"split": "60/20/20", "mixup": 0.2, "augment": ["horizontal_flip"], "balance_to": 9},
            preprocessing={"channels": 3},
        )
        assert worker.main(run.path, settings=chosen) == 0
        state = run.state()
        (decision,) = [decision for decision in state.decisions if decision.what == "pixels"]
        assert decision.choice == place
        found.append(trained(run))
        said.append((decision.details["decoded"], [n.text for n in state.notices if n.topic == "cache"]))
    torch.set_num_threads(threads)
    assert all(each == found[0] for each in found[1:])
    assert [decoded for decoded, _ in said] == [24, 0, 24, 0, 24]
    assert [len(notices) for _, notices in said] == [0, 0, 0, 0, 1]
    assert "do not fit into the cache's budget" in said[-1][1][0] and "decoded anew in each epoch" in said[-1][1][0]
