import errno
import os
import signal
import subprocess
import sys
import textwrap
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.engine.runs import log
from vislab.engine.runs.events import Notice, encode
from vislab.engine.runs.log import EventReader, EventWriter


def said(text: str) -> Notice:
    return Notice(level="info", topic="t", text=text)


EVENTS = [said(text) for text in ("one", "two — ünïcödé", "", "four\nlines\r\n", "five" * 30)]
LINES = [encode(event) for event in EVENTS]
WHOLE = b"".join(LINES)


def whole_lines(data: bytes) -> int:
    return data.count(b"\n")


@given(st.integers(0, len(WHOLE)), st.booleans())
def test_a_log_cut_at_any_byte_reads_as_its_whole_lines_and_can_be_appended_to(tmp_path_factory, cut, follow):
    path = tmp_path_factory.mktemp("run") / "events.jsonl"
    path.write_bytes(WHOLE[:cut])
    kept = whole_lines(WHOLE[:cut])
    reader = EventReader(path)
    if follow:  # a reader that has already seen the partial line goes on as well
        assert list(reader.events()) == EVENTS[:kept]
    writer = EventWriter(path)
    assert path.read_bytes() == b"".join(LINES[:kept])
    writer.append(said("after"))
    writer.close()
    assert list(reader.events()) == [*EVENTS[kept if follow else 0 : kept], said("after")]
    assert path.read_bytes() == b"".join(LINES[:kept]) + encode(said("after"))


def test_every_cut_of_a_short_log(tmp_path):
    path = tmp_path / "events.jsonl"
    for cut in range(len(WHOLE) + 1):
        path.write_bytes(WHOLE[:cut])
        assert list(EventReader(path).events()) == EVENTS[: whole_lines(WHOLE[:cut])]


@pytest.mark.parametrize("length", [65_534, 65_535, 65_536, 65_537, 200_000])
@pytest.mark.parametrize("before", [b"", LINES[0]])
def test_a_long_partial_line_is_cut_off_where_it_began(tmp_path, length, before):
    path = tmp_path / "events.jsonl"
    path.write_bytes(before + b"x" * length)
    EventWriter(path).close()
    assert path.read_bytes() == before


def test_opening_a_whole_log_changes_nothing(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(WHOLE)
    EventWriter(path).close()
    assert path.read_bytes() == WHOLE


def test_a_log_that_does_not_exist_yet_is_empty(tmp_path):
    reader = EventReader(tmp_path / "events.jsonl")
    assert reader.read() == [] and list(reader.events()) == []
    writer = EventWriter(reader.path)
    assert reader.read() == []
    writer.append(EVENTS[0])
    assert reader.read() == EVENTS[:1] and reader.read() == []
    writer.close()


def test_a_follower_reads_in_bites_and_misses_nothing(tmp_path):
    path = tmp_path / "events.jsonl"
    writer = EventWriter(path)
    events = [said(str(i)) for i in range(1000)]
    for event in events:
        writer.append(event)
    reader = EventReader(path)
    bites = []
    while bite := reader.read(at_most=300):
        bites.append(bite)
    assert [len(bite) for bite in bites] == [300, 300, 300, 100]
    assert [event for bite in bites for event in bite] == events
    writer.close()


def test_a_bite_can_be_taken_event_by_event(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(LINES[0] + LINES[1])
    reader = EventReader(path)
    bite = reader.bite()
    assert next(bite) == EVENTS[0] and reader.position == len(LINES[0])
    assert list(bite) == EVENTS[1:2] and reader.position == len(LINES[0] + LINES[1])


def test_a_bite_is_bounded_by_time(tmp_path, monkeypatch):
    path = tmp_path / "events.jsonl"
    path.write_bytes(LINES[0] * 1000)
    clock = iter(range(100))
    monkeypatch.setattr(log.time, "monotonic", lambda: float(next(clock)))
    assert len(EventReader(path).read(seconds=1.5)) == 512


def test_a_line_that_is_not_understood_is_none_and_the_rest_is_read(tmp_path):
    path = tmp_path / "events.jsonl"
    path.write_bytes(LINES[0] + b'{"type":"InventedLater"}\n' + b"\xff\x00\n" + LINES[1])
    assert list(EventReader(path).events()) == [EVENTS[0], None, None, EVENTS[1]]


def full_after(bytes_left: int):
    write = os.write

    def limited(descriptor, data):
        nonlocal bytes_left
        if bytes_left == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = write(descriptor, data[:bytes_left])
        bytes_left -= written
        return written

    return limited


@given(st.integers(0, len(LINES[1]) - 1))
def test_an_append_that_fails_half_way_leaves_whole_lines_and_can_be_tried_again(tmp_path_factory, room):
    path = tmp_path_factory.mktemp("run") / "events.jsonl"
    writer = EventWriter(path)
    writer.append(EVENTS[0])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log.os, "write", full_after(room))
        with pytest.raises(OSError, match="No space left"):
            writer.append(EVENTS[1])
    assert path.read_bytes() == LINES[0]
    writer.append(EVENTS[1])
    assert path.read_bytes() == LINES[0] + LINES[1]
    writer.close()


def test_short_writes_are_finished(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(log.os, "write", lambda descriptor, data: write(descriptor, data[:7]))
    writer = EventWriter(tmp_path / "events.jsonl")
    for event in EVENTS:
        writer.append(event)
    assert (tmp_path / "events.jsonl").read_bytes() == WHOLE
    writer.close()


def test_a_file_size_limit_of_the_kernel_leaves_the_log_whole(tmp_path):
    path = tmp_path / "events.jsonl"
    limit = len(LINES[0]) * 3 + 10
    program = f"""
        import resource
        from pathlib import Path
        from vislab.engine.runs.events import Notice
        from vislab.engine.runs.log import EventWriter
        resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
        writer = EventWriter(Path({str(path)!r}))
        for _ in range(3):
            writer.append(Notice(level="info", topic="t", text="one"))
        try:
            writer.append(Notice(level="info", topic="t", text="one"))
        except OSError as error:
            print(error.errno)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == str(errno.EFBIG)
    assert path.read_bytes() == LINES[0] * 3


def test_a_killed_writer_leaves_a_log_that_the_next_one_goes_on_with(tmp_path):
    path = tmp_path / "events.jsonl"
    program = f"""
        from pathlib import Path
        from vislab.engine.runs.events import Notice
        from vislab.engine.runs.log import EventWriter
        writer = EventWriter(Path({str(path)!r}))
        number = 0
        while True:
            writer.append(Notice(level="info", topic="t", text=str(number) + "x" * 5000))
            number += 1
            if number == 20:
                print("going", flush=True)
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"going\n"
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=60)
    process.stdout.close()
    writer = EventWriter(path)
    writer.append(said("after"))
    writer.close()
    events = list(EventReader(path).events())
    assert len(events) > 20 and events[-1] == said("after")
    assert [event.text.rstrip("x") for event in events[:-1]] == [str(i) for i in range(len(events) - 1)]


def test_a_reader_beside_a_live_writer_sees_every_event_once(tmp_path):
    path = tmp_path / "events.jsonl"
    events = [said(str(i)) for i in range(2000)]
    writer = EventWriter(path)

    def write() -> None:
        for event in events:
            writer.append(event)

    thread = threading.Thread(target=write)
    reader, seen = EventReader(path), []
    thread.start()
    while thread.is_alive():
        seen += reader.read(at_most=100)
    thread.join()
    seen += list(reader.events())
    writer.sync()
    writer.close()
    assert seen == events
