"""Runs as files for others: loaded again as others would, with equal answers."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import numpy as np
import onnx
import onnxruntime
import pytest
import timm
import torch
from safetensors import safe_open

from vislab.engine.code import load
from vislab.engine.data.pixels import decode
from vislab.engine.data.preprocessing import normalise
from vislab.engine.data.sources import open_dataset
from vislab.engine.evaluation import onnx_file
from vislab.engine.evaluation.trained import open_trained
from vislab.engine.evaluation.weights_file import MARK
from vislab.engine.jobs import export
from vislab.engine.runs import checkpoints
from vislab.engine.runs.events import DecisionMade, encode
from vislab.presets.errors import InputError
from vislab.presets.schema.preprocessing import Preprocessing

ZOO = "vislab.engine.models.zoo:build"
SMALL = {  # name: architecture, preprocessing, whether timm builds it
    "own file": ({}, {}, False),
    "lenet5": ({"build": "vislab.engine.models.lenet:build"}, {"image_size": 16}, False),
    "pixels and a head": (
        {"build": "vislab.engine.models.zoo:pixels", "head": "vislab.engine.models.heads:study_b"},
        {"image_size": 16, "channels": 3},
        False,
    ),
    "timm's residual network": ({"build": ZOO, "options": {"model": "test_resnet"}}, {"image_size": 32}, True),
    "timm's transformer": ({"build": ZOO, "options": {"model": "test_vit"}}, {"image_size": 32, "channels": 3}, True),
    "timm's backbone, linear head": (
        {
            "build": ZOO,
            "options": {"model": "test_efficientnet"},
            "head": "vislab.engine.models.heads:linear",
        },
        {"image_size": 32, "channels": 3, "mean": (0.4, 0.5, 0.6), "std": (0.2, 0.3, 0.1)},
        True,
    ),
    "timm's backbone, a deeper head": (
        {"build": ZOO, "options": {"model": "test_resnet"}, "head": "vislab.engine.models.heads:mlp"},
        {"image_size": 32},
        False,
    ),
}


@pytest.fixture
def trained_run(make_run, train):
    def make(which="own file", **keys):
        architecture, preprocessing, _ = SMALL[which]
        keys = {"strategy": {"epochs": 1, "drop_rate": 0.1 if which.startswith("timm's res") else 0.0}} | keys
        run = make_run(architecture=architecture, preprocessing=preprocessing, **keys)
        assert train(run) == 0
        return run

    return make


@pytest.fixture
def ask(settings):
    def answer(run, **keys):
        request = {"run_dir": str(run.path), "data_dir": str(settings.data_dir)} | keys
        return export.answer(request, lambda *words: None)

    return answer


def answers(run):
    """A run's preprocessing, the pixels of its images, uint8 [57, C, S, S], and its probabilities [57, 3]."""
    model = open_trained(run, device="cpu")
    preprocessing = model.spec.preprocessing
    images = open_dataset(model.spec.dataset, data_dir=run.path, folder=run.code).images
    pixels = decode(images, np.arange(len(images)), preprocessing, size=preprocessing.image_size).pixels
    return preprocessing, pixels, model.logits(pixels).softmax(1)


@pytest.mark.parametrize("which", ["own file", "timm's transformer", "timm's backbone, linear head"])
def test_onnx_gives_the_runs_own_probabilities_whatever_the_batch(which, trained_run, ask, tmp_path):
    run, file = trained_run(which), tmp_path / "m.onnx"
    told = ask(run, onnx=str(file))["onnx"]
    assert told["passed"] and told["largest_difference"] <= 1e-4 and told["real_images"] == 32
    stored = json.loads((run.results / "onnx.json").read_text())
    assert stored | {"not_written": ""} == json.loads(json.dumps(told)) and stored["checkpoint"].startswith("best-")
    assert stored["sha256"] == checkpoints.sha256(file)
    preprocessing, pixels, expected = answers(run)
    session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    [given] = session.get_inputs()
    assert (given.type, given.shape) == ("tensor(uint8)", ["batch", *pixels.shape[1:]])
    for batch in (1, 2, len(pixels)):
        answered = torch.from_numpy(session.run(None, {"pixels": pixels[:batch].numpy()})[0]).softmax(1)
        assert float((answered - expected[:batch]).abs().max()) <= 1e-4
    graph = onnx.load(file)
    assert {entry.domain: entry.version for entry in graph.opset_import}[""] == told["opset"]
    metadata = {entry.key: entry.value for entry in graph.metadata_props}
    assert json.loads(metadata["vislab.classes"]) == ["a", "b", "c"]
    assert msgspec.json.decode(metadata["vislab.preprocessing"], type=Preprocessing) == preprocessing


@pytest.mark.parametrize("which", SMALL)
def test_weights_loaded_again_give_the_runs_own_probabilities(which, trained_run, ask, tmp_path):
    run, file = trained_run(which), tmp_path / "handover" / "w.safetensors"
    file.parent.mkdir()
    file.with_name("model.py").write_text(f"{MARK} 0.0.1: the network of another run\n")
    told = ask(run, weights=str(file))["weights"]
    preprocessing, pixels, expected = answers(run)
    assert (told["timm"] is not None) == SMALL[which][2]
    assert (file.with_name("model.py")).exists() == (told["timm"] is None)
    if told["timm"] is not None:
        loaded = timm.create_model(**told["timm"], checkpoint_path=str(file)).eval()
    else:
        loaded = load(f"{file.with_name('model.py')}:load")()
    with torch.no_grad():
        answered = loaded(normalise(pixels, preprocessing)).softmax(1)
    assert torch.allclose(answered, expected, atol=1e-6)
    assert len({path.stat().st_mode for path in file.parent.glob("*.*")}) == 1, "who may read one may read all"
    with safe_open(file, framework="pt") as weights:
        assert weights.metadata()["vislab.run"] == run.id


def test_model_py_needs_neither_the_run_nor_its_folder(trained_run, ask, tmp_path):
    run = trained_run()
    ask(run, weights=str(tmp_path / "w.safetensors"))
    _, pixels, expected = answers(run)
    images = normalise(pixels[:1], open_trained(run, device="cpu").spec.preprocessing)
    shutil.rmtree(run.path)
    program = (
        "import json, sys, torch; sys.path.insert(0, sys.argv[1]); from model import CLASSES, load\n"
        "print(CLASSES); print(load()(torch.tensor(json.loads(sys.argv[2]))).softmax(1).tolist())"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path), json.dumps(images.tolist())],
        capture_output=True,
        text=True,
        check=True,
        cwd="/",
    )
    names, shares = done.stdout.splitlines()
    assert names == "('a', 'b', 'c')"
    assert torch.allclose(torch.tensor(json.loads(shares)), expected[:1], atol=1e-6)


def test_what_differs_is_not_handed_over(trained_run, ask, tmp_path, monkeypatch):
    run = trained_run()
    monkeypatch.setattr(onnx_file, "LIMIT", -1.0)
    (tmp_path / "m.onnx").write_bytes(b"an older one")
    found = ask(run, onnx=str(tmp_path / "m.onnx"))["onnx"]
    assert not found["passed"] and found["sha256"] == ""
    assert (tmp_path / "m.onnx").read_bytes() == b"an older one"
    assert [file.name for file in tmp_path.glob("*.tmp")] == []
    assert json.loads((run.results / "onnx.json").read_text())["passed"] is False


def test_without_the_data_only_random_images_are_compared(trained_run, ask, tmp_path, monkeypatch):
    run = trained_run()

    def gone(*given, **keys):
        raise InputError("there is no such folder")

    monkeypatch.setattr(export, "open_dataset", gone)
    found = ask(run, onnx=str(tmp_path / "m.onnx"))["onnx"]
    assert found["passed"] and found["real_images"] == 0
    assert found["why_no_real_images"] == "there is no such folder"


def test_a_missing_package_is_named(trained_run, ask, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(InputError, match=r"needs the package onnxscript: python install.py --extra onnx"):
        ask(trained_run(), onnx=str(tmp_path / "m.onnx"))


def test_a_network_that_cannot_be_expressed_says_so(trained_run, ask, tmp_path, mine):
    run = trained_run()
    [copy] = run.code.iterdir()
    source = copy.read_text()
    copy.write_text(
        source.replace(
            "def linear(",
            "class Odd(nn.Sequential):\n"
            "    def forward(self, images):\n"
            "        return super().forward(images) * (1.0 if images.mean() > 0 else 2.0)\n\n\ndef linear(",
        ).replace("    return nn.Sequential(\n        nn.Conv2d(", "    return Odd(\n        nn.Conv2d(")
    )
    with pytest.raises(InputError, match="cannot be written as ONNX"):
        ask(run, onnx=str(tmp_path / "m.onnx"))


def test_files_of_others_are_not_replaced(trained_run, ask, tmp_path):
    run = trained_run()
    target = str(tmp_path / "w.safetensors")
    for name in ("README.md", "model.py"):
        (tmp_path / name).write_text("mine\n")
        with pytest.raises(InputError, match=f"{name} is there already and is not vislab's"):
            ask(run, weights=target)
        (tmp_path / name).unlink()
    own = tmp_path / "code" / "mine.py"
    own.parent.mkdir()
    own.write_text("mine\n")
    with pytest.raises(InputError, match=r"mine.py is there already and is not the run's"):
        ask(run, weights=target)
    assert own.read_text() == "mine\n" and not Path(target).exists()
    own.unlink()
    assert ask(run, weights=target) == ask(run, weights=target), "its own are"
    ask(run, weights=str(run.path / "w.safetensors"))
    assert "mine.py" in (run.path / "model.py").read_text(), "the copy that is there is taken"
    with pytest.raises(InputError, match="give the file that ending"):
        ask(run, weights=str(tmp_path / "w.pth"))
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="Cannot write"):
        ask(run, weights=str(tmp_path / "file" / "w.safetensors"))
    with pytest.raises(InputError, match="Cannot write"):
        ask(run, onnx=os.fspath(tmp_path / "no" / "m.onnx"))


def test_the_card_tells_data_metrics_preprocessing_and_licence(trained_run, ask, tmp_path):
    hostile = "x<img src=x>|`[a](b)\x1b"
    run = trained_run(dataset={"name": hostile, "licence": "CC-BY 4.0"}, name=hostile)
    later = json.loads((run.results / "validation.json").read_text()) | {"role": "all", "images": 57, "trained_on": 42}
    (run.results / "evaluation-of-all.json").write_text(json.dumps(later))
    with run.events.open("ab") as log:
        log.write(encode(DecisionMade(what="copies", choice="7", why="", details={"copies": 7})))
    ask(run, weights=str(tmp_path / "w.safetensors"))
    card = (tmp_path / "README.md").read_text()
    judged = json.loads((run.results / "validation.json").read_text())
    for part in (
        "x&lt;img src=x&gt;\\|\\`\\[a\\]\\(b\\)\ufffd",
        "licence of the images: CC\\-BY 4.0",
        "42 train, 15 validation",
        "7 are augmented copies",
        "stretched to 8 × 8 pixels (bilinear)",
        "divided by 255, minus (0.5), divided by (0.5)",
        f"| validation; the best epoch was chosen on them | 15 | {judged['accuracy']:.4f} |",
        "the model was trained on 42 of them | 57 |",
        "None: the training began with random weights",
        checkpoints.best(run.checkpoints)[0].name,
        "1. b",
    ):
        assert part in card, part
    assert "<img" not in card and "\x1b" not in card


def test_the_card_names_pretrained_weights_and_their_licence(trained_run, ask, tmp_path, mine):
    first = trained_run("timm's residual network")
    weights = Path(ask(first, weights=str(tmp_path / "a" / "w.safetensors"))["weights"]["files"][0])
    keys = {"epochs": 1, "pretrained": True}
    architecture = SMALL["timm's residual network"][0] | {"weights": str(weights)}
    SMALL["again"] = (architecture, {"image_size": 32}, True)
    try:
        second = trained_run("again", strategy=keys)
    finally:
        del SMALL["again"]
    ask(second, weights=str(tmp_path / "b" / "w.safetensors"))
    card = (tmp_path / "b" / "README.md").read_text()
    assert "began with weights of a file, `w.safetensors`, SHA-256 `" + checkpoints.sha256(weights) in card
    assert "which vislab does not know" in card
