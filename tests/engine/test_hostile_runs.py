"""Run directories that somebody else has made: nothing outside is read or written, and nothing is executed."""

import hashlib
import json
import os

import pytest
import torch

from vislab.engine import worker
from vislab.engine.runs import checkpoints
from vislab.engine.training import checkpoint
from vislab.presets.errors import InputError


@pytest.fixture
def stopped(make_run, interrupt):
    run = make_run(checkpoint_every="1step")
    assert interrupt(run, lambda phase, step, epoch, done: (phase, step) == ("training", 3)) == 130
    return run


@pytest.mark.parametrize("what", ["folder", "file", "manifest"])
def test_a_checkpoint_that_is_a_link_is_not_read(stopped, train, tmp_path, what):
    newest, before = checkpoints.full(stopped.checkpoints)
    outside = tmp_path / "outside"
    linked = {
        "folder": newest,
        "file": newest / "weights.safetensors",
        "manifest": newest / "MANIFEST",
    }[what]
    linked.rename(outside)
    linked.symlink_to(outside)
    assert checkpoints.damage(newest)
    with pytest.raises(InputError, match="cannot be read"):
        checkpoint.load(newest)
    assert train(stopped) == 0
    assert [resumed.step for resumed in stopped.state().resumes] == [int(before.name)]
    assert outside.exists(), "what a link leads to is left alone"


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/../../secret"])
def test_names_in_a_manifest_cannot_lead_out_of_the_checkpoint(stopped, name):
    newest, _ = checkpoints.full(stopped.checkpoints)
    (newest.parent / "secret").write_bytes(b"secret")
    listed = json.loads((newest / "MANIFEST").read_bytes())
    listed["files"][name] = hashlib.sha256(b"secret").hexdigest()
    (newest / "MANIFEST").write_text(json.dumps(listed))
    assert "leads out of its folder" in checkpoints.damage(newest)


def test_a_file_that_no_manifest_lists_is_not_loaded(stopped):
    newest, _ = checkpoints.full(stopped.checkpoints)
    torch.save({"a": torch.zeros(1)}, newest / "evil.safetensors")
    tensors, _ = checkpoint.load(newest)
    assert tensors.keys() == {"weights", "state"}


@pytest.mark.parametrize("name", ["events.jsonl", "lock", "reserve", "control.jsonl"])
def test_no_link_in_a_run_directory_is_written_through(make_run, settings, tmp_path, name):
    from vislab.engine.runs import control

    run = make_run(strategy={"epochs": 1})
    precious = tmp_path / "precious"
    precious.write_bytes(b"a line that does not end")
    (run.path / name).symlink_to(precious)
    if name == "control.jsonl":
        with pytest.raises(OSError):
            control.send(run.control, "stop")
    elif name == "reserve":
        assert worker.main(run.path, settings=settings) == 0
    else:
        with pytest.raises(OSError):
            worker.main(run.path, settings=settings)
    assert precious.read_bytes() == b"a line that does not end"
    assert os.path.lexists(precious)
