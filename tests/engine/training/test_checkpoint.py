"""Checkpoint folders are published whole or not at all, whatever moment a kill chooses."""

import contextlib
import os
from pathlib import Path

import pytest
import torch

from vislab.engine.runs import checkpoints
from vislab.engine.training import checkpoint
from vislab.presets.errors import InputError

TENSORS = {
    "weights": {
        "plain": torch.arange(6.0).reshape(2, 3),
        "channels_last": torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(0)).to(
            memory_format=torch.channels_last
        ),
        "half": torch.tensor([1.5, -0.0, float("inf")], dtype=torch.bfloat16),
        "count": torch.tensor(7),
    },
    "state": {"step": torch.tensor(3.0), "empty": torch.zeros(0)},
}
STATE = {"position": {"step": 3, "best": None, "elapsed": 0.1 + 0.2}, "groups": [{"betas": [0.9, 0.999]}]}


def save(folder, step=3, **keys):
    return checkpoint.save(
        folder, **({"kind": "full", "step": step, "epoch": 1, "tensors": TENSORS, "state": STATE} | keys)
    )


def test_what_is_saved_comes_back_bit_for_bit(tmp_path):
    size = save(tmp_path / "3")
    tensors, state = checkpoint.load(tmp_path / "3")
    assert state == STATE
    assert {file: set(content) for file, content in tensors.items()} == {k: set(v) for k, v in TENSORS.items()}
    for file, content in TENSORS.items():
        for name, tensor in content.items():
            assert tensors[file][name].dtype == tensor.dtype
            assert torch.equal(tensors[file][name], tensor)
    assert size == sum(path.stat().st_size for path in (tmp_path / "3").iterdir())


def test_tensors_that_share_memory_are_saved_each(tmp_path):
    tied = torch.ones(4)
    save(tmp_path / "3", tensors={"weights": {"a": tied, "b": tied, "c": tied[1:3]}}, state=None)
    tensors, state = checkpoint.load(tmp_path / "3")
    assert state == {} and set(tensors["weights"]) == {"a", "b", "c"}


def test_a_damaged_checkpoint_is_refused(tmp_path):
    save(tmp_path / "3")
    os.truncate(tmp_path / "3" / "weights.safetensors", 50)
    with pytest.raises(InputError, match=r"weights\.safetensors does not match"):
        checkpoint.load(tmp_path / "3")


def test_the_log_is_flushed_before_the_manifest_exists(tmp_path):
    seen = []
    save(tmp_path / "3", before_manifest=lambda: seen.extend(sorted(p.name for p in (tmp_path / ".3.tmp").iterdir())))
    assert seen == ["state.json", "state.safetensors", "weights.safetensors"]


class Killed(BaseException):
    """SIGKILL: no handler of the code under test runs."""


def kill_at(monkeypatch, call, error):
    """The call-th of all calls that reach the disk raises; later ones do as well, as nothing happens after a kill."""
    count = 0

    def counted(function):
        def wrapped(*args, **keys):
            nonlocal count
            count += 1
            if count == call or (count > call and error is Killed):
                raise error if error is Killed else error(28, "No space left on device")
            return function(*args, **keys)

        return wrapped

    monkeypatch.setattr(os, "fsync", counted(os.fsync))
    monkeypatch.setattr(checkpoint, "save_file", counted(checkpoint.save_file))
    for name in ("rename", "mkdir", "write_bytes"):
        monkeypatch.setattr(Path, name, counted(getattr(Path, name)))
    monkeypatch.setattr(checkpoint.shutil, "rmtree", counted(checkpoint.shutil.rmtree))
    return lambda: count


def calls_of_a_save(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        count = kill_at(patch, 10**6, Killed)
        save(tmp_path / "counted" / "3")
        save(tmp_path / "counted" / "3")
        return count() // 2 + 2


def whole(folder):
    """Every folder that a reader would take for a checkpoint can be read."""
    for path in checkpoints.full(folder):
        checkpoint.load(path)
    return [path.name for path in checkpoints.full(folder)]


@pytest.mark.parametrize("error", [Killed, OSError], ids=["killed", "disk full"])
def test_a_save_cut_short_at_any_moment_leaves_the_old_checkpoint_and_no_broken_one(tmp_path, monkeypatch, error):
    calls = calls_of_a_save(tmp_path, monkeypatch)
    assert calls > 12
    for call in range(1, calls + 1):
        folder = tmp_path / f"{error.__name__}{call}"
        save(folder / "2", step=2)
        with monkeypatch.context() as patch:
            kill_at(patch, call, error)
            try:
                save(folder / "3")
            except (Killed, OSError):
                published = False
            else:
                published = True
        assert whole(folder) in (["2"], ["3", "2"])
        assert not published or "3" in whole(folder)
        if error is OSError:
            assert not list(folder.glob(".*")), "nothing is left behind on a full disk"
        checkpoint.recover(folder)
        assert not list(folder.glob(".*"))


@pytest.mark.parametrize("error", [Killed, OSError], ids=["killed", "disk full"])
def test_replacing_a_checkpoint_never_loses_it(tmp_path, monkeypatch, error):
    """The only checkpoint there is, saved again at the same step."""
    for call in range(1, calls_of_a_save(tmp_path, monkeypatch) + 1):
        folder = tmp_path / f"{error.__name__}{call}"
        save(folder / "3", state={"attempt": 1})
        with monkeypatch.context() as patch:
            kill_at(patch, call, error)
            with contextlib.suppress(Killed, OSError):
                save(folder / "3", state={"attempt": 2})
        checkpoint.recover(folder)
        assert whole(folder) == ["3"]
        assert checkpoint.load(folder / "3")[1]["attempt"] in (1, 2)
        assert not list(folder.glob(".*"))


def test_a_full_disk_in_the_words_of_safetensors_is_an_oserror(tmp_path, monkeypatch):
    def full(*given):
        raise checkpoint.SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(OSError, match="No space left"):
        save(tmp_path / "3")
    assert list(tmp_path.iterdir()) == []


def test_what_comes_after_a_step_is_forgotten(tmp_path):
    for name in ("5", "10", "15", "best-5", "best-10", "best-15"):
        save(tmp_path / name, kind="best" if "best" in name else "full")
    checkpoint.forget_after(tmp_path, 10)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["10", "5", "best-10", "best-5"]
    checkpoint.forget_after(tmp_path, 0)
    assert list(tmp_path.iterdir()) == []
