"""What is told of a file that cannot be used."""

import os

import pytest

from vislab.presets.errors import unusable


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(13, "Permission denied", "/closed"), "/closed: Permission denied. Look at its owner"),
        (OSError(18, "Invalid cross-device link", "/a", None, "/b"), "/a and /b: Invalid cross-device link. Look"),
        (OSError(9, "Bad file descriptor", 7), "7: Bad file descriptor. Look"),
        (OSError(20, "Not a directory", b"/caf\xe9"), os.fsdecode(b"/caf\xe9: Not a directory. Look")),
        (BrokenPipeError(32, "Broken pipe"), ""),
    ],
)
def test_a_file_is_told_with_a_remedy(error: OSError, words: str) -> None:
    assert unusable(error).startswith(words) and bool(unusable(error)) == bool(words)
