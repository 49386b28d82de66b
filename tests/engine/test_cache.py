"""The cache folder: made once by whoever comes first, never removed in use, within its budget."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vislab.engine.cache import ENTRY, Cache, Entry, Unavailable, Work, key_of

CHILD = """
import sys, time
from pathlib import Path
from vislab.engine.cache import Cache, Work

def say(text):
    print(text, flush=True)

cache = Cache(Path(sys.argv[1]), int(sys.argv[3]))
found = cache.begin("pixels", {"n": 1}, size=1000, waiting=lambda done, total: say(f"waiting {done} of {total}"))
if isinstance(found, Work):
    with found:
        say(f"building from {found.done.get('position', 0)}")
        for position in range(found.done.get("position", 0), 10):
            found.write("pixels", 100 * position, bytes([position]) * 100)
            found.record({"position": position + 1}, count=position + 1, total=10)
            say(f"piece {position}")
            time.sleep(float(sys.argv[2]))
        found = found.publish()
say("holding")
sys.stdin.read()
"""


def child(folder: Path, pause: float = 0.0, budget: int = 10**6) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), str(pause), str(budget)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def until(process: subprocess.Popen[str], line: str) -> list[str]:
    assert process.stdout is not None
    said = []
    for text in process.stdout:
        said.append(text.strip())
        if said[-1] == line:
            return said
    raise AssertionError(f"{line!r} was never said, but {said}")


def add(cache: Cache, number: int, size: int = 100) -> Entry:
    found = cache.begin("pixels", {"n": number}, size=size, waiting=lambda *_: None)
    if isinstance(found, Entry):
        return found
    with found as work:
        work.write("pixels", 0, bytes([number]) * size)
        return work.publish({"images": number})


def room(cache: Cache, number: int) -> int:
    """Bytes that an entry of 100 takes with its description."""
    entry = add(cache, number)
    entry.release()
    return cache.entries()[-1].size


def test_made_once_and_found_again(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 10**6)
    assert cache.find("pixels", {"a": 1, "b": 2}) is None
    found = cache.begin("pixels", {"a": 1, "b": 2}, size=10, waiting=lambda *_: None)
    assert isinstance(found, Work)
    with found as work:
        work.write("pixels", 5, b"world")
        work.write("pixels", 0, b"hello")
        work.write_file("names", b"all")
        entry = work.publish({"images": 7})
    again = cache.find("pixels", {"b": 2, "a": 1})
    assert again is not None and again.folder == entry.folder and again.about == {"images": 7}
    assert again.path("pixels").read_bytes() == b"helloworld"
    assert again.intact("names")
    again.path("names").write_bytes(b"ALL")
    assert not again.intact("names")
    listed = cache.entries()
    assert [(e.kind, e.described, e.holder, e.finished) for e in listed] == [
        ("pixels", {"a": 1, "b": 2}, os.getpid(), True)
    ]
    assert not cache.remove(listed[0])  # in use, twice
    entry.release()
    assert not cache.remove(listed[0])
    again.release()
    assert cache.remove(listed[0])
    assert not list((tmp_path / "cache" / "pixels").iterdir())


def test_two_builders_make_one_entry(tmp_path: Path) -> None:
    first, second = child(tmp_path, 0.05), None
    try:
        until(first, "piece 0")
        second = child(tmp_path)
        said = until(second, "holding")
        assert any(line.startswith("waiting ") and line.endswith(" of 10") for line in said)
        assert not any(line.startswith("building") for line in said)
        cache = Cache(tmp_path, 10**6)
        assert cache.entries()[0].holder in (first.pid, second.pid)
        assert not cache.remove(cache.entries()[0])
    finally:
        for process in filter(None, (first, second)):
            process.communicate(timeout=20)
    assert cache.remove(cache.entries()[0])


@settings(max_examples=4, deadline=None)
@given(killed_after=st.integers(0, 8))
def test_a_build_that_is_killed_goes_on_from_its_last_record(
    tmp_path_factory: pytest.TempPathFactory, killed_after: int
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    killed = child(folder, 0.02)
    until(killed, f"piece {killed_after}")
    os.kill(killed.pid, signal.SIGKILL)
    killed.communicate()
    listed = Cache(folder, 10**6).entries()
    assert [(e.finished, e.holder) for e in listed] == [(False, 0)]
    again = child(folder)
    said = until(again, "holding")
    again.communicate(timeout=20)
    assert int(said[0].removeprefix("building from ")) >= killed_after + 1
    entry = Cache(folder, 10**6).find("pixels", {"n": 1})
    assert entry is not None
    assert entry.path("pixels").read_bytes() == b"".join(bytes([n]) * 100 for n in range(10))
    assert sorted(path.name for path in entry.folder.iterdir()) == [ENTRY, "pixels"]
    entry.release()


def test_never_removed_while_another_process_uses_it(tmp_path: Path) -> None:
    process = child(tmp_path, budget=3000)
    try:
        until(process, "holding")
        cache = Cache(tmp_path, 3000)
        with pytest.raises(Unavailable, match=r"do not fit into the cache's budget .* are in use"):
            add(cache, 2, size=2500)
        assert len(cache.entries()) == 1
    finally:
        process.communicate(timeout=20)
    add(cache, 2, size=2500).release()
    assert [entry.described for entry in cache.entries()] == [{"n": 2}]


@settings(max_examples=30, deadline=None)
@given(steps=st.lists(st.tuples(st.sampled_from(["use", "drop", "remove"]), st.integers(0, 5)), max_size=25))
def test_within_the_budget_whatever_is_done(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    one = room(Cache(folder / "size", 10**6), 0)
    cache, in_use, clock = Cache(folder / "cache", 3 * one), dict[int, Entry](), 1000.0
    there: list[int] = []  # the longest unused first
    for action, number in steps:
        if action == "use":
            if number not in in_use:
                try:
                    in_use[number] = add(cache, number, 100)
                except Unavailable:
                    assert len(in_use) == 3
                    continue
                if number not in there and len(there) == 3:
                    there.remove(next(other for other in there if other not in in_use))
            there = [other for other in there if other != number] + [number]
            clock += 1
            os.utime(in_use[number].path(ENTRY), (clock, clock))
        elif action == "drop" and number in in_use:
            in_use.pop(number).release()
        elif action == "remove":
            for entry in cache.entries():
                if entry.described == {"n": number}:
                    assert cache.remove(entry) == (number not in in_use)
            if number not in in_use:
                there = [other for other in there if other != number]
        listed = cache.entries()
        assert [entry.described["n"] for entry in listed] == there
        assert sum(entry.size for entry in listed) <= 3 * one
        assert {entry.described["n"] for entry in listed if entry.holder} == set(in_use)
        for held in in_use.values():
            assert held.path("pixels").stat().st_size == 100
    for held in in_use.values():
        held.release()


@pytest.mark.parametrize("damage", ["cut", "gone", "no description"])
def test_a_damaged_entry_is_made_again(tmp_path: Path, damage: str) -> None:
    told: list[str] = []
    cache = Cache(tmp_path, 10**6, told.append)
    entry = add(cache, 1)
    entry.release()
    match damage:
        case "cut":
            os.truncate(entry.path("pixels"), 50)
        case "gone":
            entry.path("pixels").unlink()
        case "no description":
            entry.path(ENTRY).write_text("{")
    assert cache.find("pixels", {"n": 1}) is None
    add(cache, 1).release()
    assert len(told) == 1 and "is damaged: it is made again" in told[0]
    again = cache.find("pixels", {"n": 1})
    assert again is not None and again.path("pixels").read_bytes() == bytes([1]) * 100
    again.release()


def test_a_full_disk_is_told_and_nothing_is_left_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = Cache(tmp_path, 10**6)
    found = cache.begin("pixels", {"n": 1}, size=10, waiting=lambda *_: None)
    assert isinstance(found, Work)

    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        with pytest.raises(Unavailable, match="No space left on device"), found as work:
            work.write("pixels", 0, b"1234")
    found.abandon()
    assert cache.entries() == []
    add(cache, 1).release()


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable, match="cannot be written"):
        add(Cache(tmp_path / "file" / "cache", 10**6), 1)
    (tmp_path / "link").symlink_to(tmp_path / "not mounted")
    for folder in (tmp_path / "link", tmp_path / "link" / "cache", Path("/proc/nope")):
        with pytest.raises(Unavailable, match="cannot be written"):
            add(Cache(folder, 10**6), 1)
    with pytest.raises(Unavailable, match=r"budget of 0 B"):
        add(Cache(tmp_path / "cache", 0), 1)


def test_unfinished_work_counts_and_goes_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, 10**6)
    found = cache.begin("pixels", {"n": 1}, size=10**5, waiting=lambda *_: None)
    assert isinstance(found, Work)
    assert [(e.size, e.finished, e.holder) for e in cache.entries()] == [(10**5, False, os.getpid())]
    with pytest.raises(Unavailable):
        add(Cache(tmp_path, 10**5), 2)
    found.leave()
    add(Cache(tmp_path, 9900), 2, size=9850).release()
    assert [entry.described for entry in cache.entries()] == [{"n": 2}]


def test_builders_that_begin_together_keep_the_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_room = Cache._make_room

    def slowly(cache: Cache, kind: str, key: str, size: int) -> None:
        make_room(cache, kind, key, size)
        time.sleep(0.05)

    monkeypatch.setattr(Cache, "_make_room", slowly)

    def begun(number: int) -> Work | None:
        try:
            found = Cache(tmp_path, 1500).begin("pixels", {"n": number}, size=1000, waiting=lambda *_: None)
        except Unavailable:
            return None
        assert isinstance(found, Work)
        return found

    with ThreadPoolExecutor(3) as threads:
        works = [work for work in threads.map(begun, range(3)) if work is not None]
    assert len(works) == 1 and len(Cache(tmp_path).entries()) == 1
    works[0].leave()


def test_lists_are_quick_to_read_and_keys_do_not_depend_on_order(tmp_path: Path) -> None:
    assert key_of("pixels", {"a": 1, "b": [2]}) == key_of("pixels", {"b": [2], "a": 1})
    assert key_of("pixels", {"a": 1}) != key_of("features", {"a": 1})
    entry = add(Cache(tmp_path, 10**6), 3)
    assert json.loads(entry.path(ENTRY).read_bytes())["described"] == {"n": 3}
    before = entry.path(ENTRY).stat().st_mtime_ns
    time.sleep(0.01)
    entry.release()
    again = Cache(tmp_path).find("pixels", {"n": 3})
    assert again is not None
    assert again.path(ENTRY).stat().st_mtime_ns > before
    again.release()


def test_a_folder_that_may_not_be_entered_is_a_cache_that_cannot_be_used(tmp_path: Path) -> None:
    cache = Cache(tmp_path / ("x" * 300), 10**6)  # as for a folder of another user, Path.is_dir raises
    assert cache.find("pixels", {"n": 1}) is None and cache.find_where("pixels", lambda entry: True) is None
    assert cache.entries() == [] and Cache(cache.folder).budget > 0
    with pytest.raises(Unavailable, match="File name too long"):
        cache.begin("pixels", {"n": 1}, size=10, waiting=lambda *_: None)
