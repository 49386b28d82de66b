"""Text files that are replaced: whole or not at all."""

import resource
from pathlib import Path

import pytest

from vislab.presets.errors import InputError
from vislab.tui.csv_file import write_text


def test_a_disk_that_is_full_leaves_the_file_that_was_there(tmp_path: Path) -> None:
    file, link = tmp_path / "table.csv", tmp_path / "link.csv"
    link.symlink_to(file)
    write_text(link, "a,b\n")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4, limits[1]))
    try:
        with pytest.raises(InputError, match=r"Cannot write .*table\.csv: "):
            write_text(file, "c,d,e\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert file.read_text() == "a,b\n" and link.is_symlink() and len(list(tmp_path.iterdir())) == 2


def test_a_device_is_written_through() -> None:
    write_text(Path("/dev/null"), "a,b\n")
    assert Path("/dev/null").is_char_device()
    with pytest.raises(InputError, match="Cannot write /dev/full: No space left on device"):
        write_text(Path("/dev/full"), "a,b\n")
