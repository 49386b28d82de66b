import errno
import os
import sys
from pathlib import Path

import pytest

from vislab.engine.runs.files import write_atomically


def test_a_file_is_made_and_replaced(tmp_path):
    target = tmp_path / "summary.json"
    for data in (b"one", b"", b"three" * 1000):
        write_atomically(target, data)
        assert target.read_bytes() == data
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc which file a descriptor means")
@pytest.mark.parametrize("durable", [True, False])
def test_durable_means_that_file_and_folder_are_flushed_before_and_after_the_rename(tmp_path, monkeypatch, durable):
    calls = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: calls.append(Path(f"/proc/self/fd/{descriptor}").readlink()))
    write_atomically(tmp_path / "a", b"x", durable=durable)
    assert calls == ([tmp_path / f".a.{os.getpid()}.tmp", tmp_path] if durable else [])


def test_a_full_disk_leaves_the_old_file_and_no_litter(tmp_path, monkeypatch):
    target = tmp_path / "summary.json"
    write_atomically(target, b"old")

    def full(descriptor):
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="no space") as refused:
        write_atomically(target, b"new")
    assert refused.value.filename == str(target)
    assert target.read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["summary.json"]


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "missing" / "a", b"x")
