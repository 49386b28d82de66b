"""`vislab cache`: what lies there, and making room."""

import json
import os
import time
from pathlib import Path

import pytest

from vislab.engine.cache import ENTRY, Cache, Entry, Work


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache", 10**6)


def add(cache: Cache, name: str, age: float = 0.0) -> Entry:
    work = cache.begin("pixels", {"data": name, "images": 3, "side": 8}, size=500, waiting=lambda *_: None)
    assert isinstance(work, Work)
    work.write("pixels", 0, bytes(500))
    entry = work.publish()
    os.utime(entry.path(ENTRY), (time.time() - age, time.time() - age))
    return entry


def test_entries_are_listed(command, cache: Cache) -> None:
    assert command("cache").output.startswith("0 entries, 0 B of ")
    add(cache, "pictures\x1b[31m", 7200).release()
    held = add(cache, "photos")
    lines = command("cache").output.splitlines()
    assert lines[0].split() == ["kind", "what", "size", "unused", "for", "state"]
    assert "\x1b" not in lines[1] and "· images 3 · side 8" in lines[1] and "2h00m" in lines[1]
    assert lines[2].startswith("pixels  photos · images 3 · side 8") and lines[2].endswith("in use")
    assert lines[3].startswith("2 entries, ")
    found = json.loads(command("cache", "--json").output)
    assert [entry["in_use_by"] for entry in found["entries"]] == [0, os.getpid()]
    assert found["size"] == sum(entry["size"] for entry in found["entries"]) > 1000
    held.release()


def test_entries_are_known_by_the_names_that_were_kept_with_them(command, cache: Cache) -> None:
    work = cache.begin("features", {"images": 3, "pixels": "0f"}, size=5, waiting=lambda *_: None)
    assert isinstance(work, Work)
    unfinished = command("cache").output.splitlines()[1]
    assert unfinished.startswith("features  images 3 · pixels 0f") and unfinished.endswith("being made")
    work.publish({"data": "pets", "backbone": "resnet18", "seconds": 1.0}).release()
    assert command("cache").output.splitlines()[1].startswith("features  pets · resnet18 · images 3 ")


def test_what_torch_compiled_is_told_beside(command, cache: Cache) -> None:
    compiled = cache.folder / "compiled" / "fxgraph"
    compiled.mkdir(parents=True)
    (compiled / "kernel").write_bytes(bytes(5000))
    told = command("cache").output
    assert told.startswith("0 entries, 0 B of ") and "that torch has compiled" in told


def test_old_entries_are_removed_and_those_in_use_stay(command, cache: Cache) -> None:
    add(cache, "old", 10 * 86400).release()
    add(cache, "new").release()
    held = add(cache, "held", 20 * 86400)
    assert command("cache", "--clear").exit_code == 2, "nobody can be asked"
    assert len(cache.entries()) == 3
    said = command("cache", "--clear", "--older", "7d", "--yes")
    assert said.exit_code == 0 and "1 entry removed" in said.output and "1 entry in use" in said.output
    assert [entry.described["data"] for entry in cache.entries()] == ["held", "new"]
    removed = json.loads(command("cache", "--clear", "--yes", "--json").stdout)
    assert [entry["kind"] for entry in removed] == ["pixels"]
    held.release()
    assert "1 entry removed" in command("cache", "--clear", "-y").output
    assert cache.entries() == []


def test_an_age_that_is_none(command) -> None:
    said = command("cache", "--older", "soon")
    assert said.exit_code == 2 and "--older soon: must be a whole number" in said.output


def test_entries_of_a_time_to_come_are_listed_and_removed(command, cache: Cache) -> None:
    add(cache, "before the clock was set back", -3600).release()
    assert command("cache", "--older", "1h").output.startswith("0 entries")
    assert command("cache").output.splitlines()[-1].startswith("1 entry, ")
    assert "1 entry removed" in command("cache", "--clear", "--yes").output
