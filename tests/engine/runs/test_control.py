import os
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.engine.runs import control
from vislab.engine.runs.control import ControlReader, Request, send


def test_requests_arrive_once_and_in_order(tmp_path):
    path = tmp_path / "control.jsonl"
    reader = ControlReader(path)
    assert reader.poll() == []
    first, second = send(path, "checkpoint"), send(path, "pause", "a value")
    assert reader.poll() == [first, second]
    assert reader.poll() == []
    third = send(path, "stop")
    assert reader.poll() == [third]
    assert len({first.id, second.id, third.id}) == 3


def test_a_reader_can_begin_after_what_an_earlier_worker_has_obeyed(tmp_path):
    path = tmp_path / "control.jsonl"
    send(path, "stop")
    reader = ControlReader(path, path.stat().st_size)
    assert reader.poll() == []
    assert reader.poll() == [] and [send(path, "pause")] == reader.poll()


def test_lines_that_are_not_requests_are_passed_over(tmp_path):
    path = tmp_path / "control.jsonl"
    path.write_bytes(b'\n{"id":"a","action":"invented_later"}\nnonsense\n{"id":"\xff","action":"stop"}\n')
    request = send(path, "stop")
    assert ControlReader(path).poll() == [request]


def test_a_line_not_yet_ended_waits(tmp_path):
    path = tmp_path / "control.jsonl"
    reader = ControlReader(path)
    path.write_bytes(b'{"id":"a","act')
    assert reader.poll() == []
    with path.open("ab") as file:
        file.write(b'ion":"stop"}\n')
    assert reader.poll() == [Request(id="a", action="stop")]


@given(st.integers(0, 60))
def test_a_request_cut_short_by_a_full_disk_does_not_spoil_the_next(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("run") / "control.jsonl"
    lost = send(path, "pause")
    size = path.stat().st_size
    cut = min(cut, size - 1)
    os.truncate(path, cut)
    assert ControlReader(path).poll() == []
    request = send(path, "stop")
    assert ControlReader(path).poll() == ([lost, request] if cut == size - 1 else [request])


def test_a_full_disk_is_said(tmp_path, monkeypatch):
    write = os.write
    monkeypatch.setattr(control.os, "write", lambda file, data: write(file, data[:5]))
    with pytest.raises(OSError, match="No space left"):
        send(tmp_path / "control.jsonl", "stop")


def test_requests_sent_at_the_same_time_all_arrive(tmp_path):
    path = tmp_path / "control.jsonl"
    threads = [threading.Thread(target=lambda: [send(path, "checkpoint") for _ in range(50)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({request.id for request in ControlReader(path).poll()}) == 200
