import msgspec
import pytest

from vislab.engine.runs import progress
from vislab.engine.runs.progress import Progress

NOW = Progress(time=1.5, pid=7, host="h", phase="training", epoch=2, step=30, done=3, total=9, images_per_second=12.5)


def test_what_was_written_is_read(tmp_path):
    path = tmp_path / "progress.json"
    assert progress.read(path) is None
    progress.write(path, NOW)
    assert progress.read(path) == NOW
    later = msgspec.structs.replace(NOW, step=31)
    progress.write(path, later)
    assert progress.read(path) == later
    assert [file.name for file in tmp_path.iterdir()] == ["progress.json"]


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b'{"time":1}', b'{"time":1,"pid":1,"host":"\xff","phase":"training"}']
)
def test_a_damaged_file_is_no_heartbeat(tmp_path, content):
    path = tmp_path / "progress.json"
    path.write_bytes(content)
    assert progress.read(path) is None


def test_fields_of_a_newer_version_are_ignored(tmp_path):
    path = tmp_path / "progress.json"
    path.write_bytes(msgspec.json.encode(msgspec.to_builtins(NOW) | {"invented_later": [1]}))
    assert progress.read(path) == NOW
