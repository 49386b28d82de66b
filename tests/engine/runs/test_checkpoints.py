"""Which checkpoints there are and which are whole, read without torch."""

import hashlib

import msgspec
import pytest

from vislab.engine.runs import checkpoints
from vislab.engine.runs.checkpoints import MANIFEST, Manifest, damage


@pytest.fixture
def folder(tmp_path):
    """A whole checkpoint of two files."""
    path = tmp_path / "12"
    path.mkdir()
    files = {"weights.safetensors": b"weights" * 1000, "state.json": b"{}"}
    for name, content in files.items():
        (path / name).write_bytes(content)
    sums = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    manifest = Manifest(kind="full", step=12, epoch=2, files=sums)
    (path / MANIFEST).write_bytes(msgspec.json.encode(manifest))
    return path


def test_a_whole_checkpoint_has_no_damage(folder):
    assert damage(folder) == ""
    manifest = checkpoints.manifest(folder)
    assert (manifest.kind, manifest.step, manifest.epoch) == ("full", 12, 2)


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"kind": "full"}', b"\xff\xfe"])
def test_a_folder_without_a_whole_manifest_is_damaged(folder, content):
    (folder / MANIFEST).unlink()
    if content is not None:
        (folder / MANIFEST).write_bytes(content)
    assert checkpoints.manifest(folder) is None
    assert "MANIFEST" in damage(folder)


def test_a_missing_file_is_named(folder):
    (folder / "state.json").unlink()
    assert damage(folder) == "state.json is missing"


@pytest.mark.parametrize("change", [b"", b"weights" * 999 + b"weightz", b"weights" * 1001])
def test_one_changed_byte_is_seen(folder, change):
    (folder / "weights.safetensors").write_bytes(change)
    assert damage(folder) == "weights.safetensors does not match its checksum"


def test_folders_are_listed_by_step_newest_first_and_nothing_else_is(tmp_path):
    for name in ("9", "100", "20", "best-9", "best-100", "best-20", ".30.tmp", ".30.old", "best-", "best-x", "notes"):
        (tmp_path / name).mkdir()
    assert [path.name for path in checkpoints.full(tmp_path)] == ["100", "20", "9"]
    assert [path.name for path in checkpoints.best(tmp_path)] == ["best-100", "best-20", "best-9"]
    assert [checkpoints.step(path) for path in checkpoints.best(tmp_path)] == [100, 20, 9]


def test_a_run_without_a_folder_of_checkpoints_has_none(tmp_path):
    assert checkpoints.full(tmp_path / "none") == [] == checkpoints.best(tmp_path / "none")
