"""The predict job as its process answers."""

import msgspec
import numpy as np
import pytest
from PIL import Image

from vislab.engine.jobs import predict
from vislab.engine.runs.ask import ask


@pytest.fixture
def run(make_run, train):
    run = make_run()
    assert train(run) == 0
    return run


def test_names_that_are_not_utf8_pass_through_the_process_and_twice_is_equal(run, tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    names = ["1.png", "\udcff\x1b\n.png", "[b].png"]
    for number, name in enumerate(names):
        pixels = np.random.default_rng(number).integers(0, 256, (9, 7), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name, format="PNG")
    request = {"run_dir": str(run.path), "paths": [str(folder)], "top": 2, "device": "cpu"}
    found = ask("predict", request)
    assert {image["name"] for image in found["images"]} == {f"{folder}/{name}" for name in names}
    assert ask("predict", request) == found
    assert all(len(image["classes"]) == 2 for image in found["images"])
    assert (found["classes"], found["weights"], found["unreadable"]) == (["a", "b", "c"], "raw", [])


def test_numbers_that_are_none_are_none(run, tmp_path, monkeypatch):
    import torch

    from vislab.engine.evaluation import trained

    Image.new("L", (8, 8)).save(tmp_path / "x.png")
    monkeypatch.setattr(trained, "predict_logits", lambda *given, **keys: torch.full((1, 3), float("nan")))
    request = {"run_dir": str(run.path), "paths": [str(tmp_path / "x.png")], "device": "cpu"}
    [image] = predict.answer(request, lambda *words: None)["images"]
    assert image["probabilities"] == [None]
    with pytest.raises(msgspec.ValidationError, match="tp"):
        predict.answer(request | {"tp": 1}, lambda *words: None)
