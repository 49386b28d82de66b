import asyncio
import os
from pathlib import Path

import pytest

from vislab.tui.widgets.path_suggester import PathSuggester, completed, completions


@pytest.fixture
def place(tmp_path: Path, monkeypatch) -> Path:
    for name in ("photos", "photons", "Other", ".hidden", "[bold]", "\x1b[31m"):
        (tmp_path / name).mkdir()
    (tmp_path / os.fsdecode(b"bad\xff")).mkdir()
    for name in ("table.csv", "mine.py", "notes.txt"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_folders_tables_and_code_are_offered(place) -> None:
    names = ["Other/", "[bold]/", "mine.py", "photons/", "photos/", "table.csv"]
    assert completions(f"{place}/") == [f"{place}/{name}" for name in names]
    assert completions("") == names
    assert completions("~/ph") == ["~/photons/", "~/photos/"]
    assert completions(f"{place}/.h") == [f"{place}/.hidden/"]
    assert completions(f"{place}/no/such/") == []
    assert len(completions("", limit=2)) == 2


def test_what_all_have_in_common_is_completed(place) -> None:
    assert completed("ph") == "photo" and completed("photos") == "photos/" and completed("zzz") == "zzz"
    suggest = PathSuggester().get_suggestion
    assert asyncio.run(suggest("O")) == "Other/" and asyncio.run(suggest("")) is None


def test_a_folder_that_may_not_be_read_offers_nothing(place) -> None:
    (place / "photos").chmod(0)
    assert completions("photos/") in ([], ["photos/"]) or os.geteuid() == 0
    assert completions("table.csv/") == []
