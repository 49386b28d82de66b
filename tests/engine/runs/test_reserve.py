"""Whether a disk is full."""

import os
from types import SimpleNamespace

import pytest

from vislab.engine.runs.reserve import is_full


@pytest.mark.parametrize(
    ("user", "free", "available", "blocks", "full"),
    [
        (1000, 0, 0, 9, True),
        (1000, 5, 0, 9, True),  # what is left is root's
        (0, 5, 0, 9, False),
        (0, 0, 0, 9, True),
        (1000, 5, 5, 9, False),
        (1000, 0, 0, 0, False),  # a file system that does not tell
    ],
)
def test_a_disk_is_full_where_this_user_has_no_room(tmp_path, monkeypatch, user, free, available, blocks, full):
    space = SimpleNamespace(f_bfree=free, f_bavail=available, f_blocks=blocks)
    monkeypatch.setattr(os, "statvfs", lambda folder: space)
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert is_full(tmp_path) == full
