"""Which runs live."""

import msgspec

from vislab.engine.runs.liveness import RunLock
from vislab.engine.runs.store import create
from vislab.presets.schema.spec import Spec
from vislab.tui.living import is_paused


def test_of_a_heartbeat_that_cannot_be_read_nothing_is_known(tmp_path) -> None:
    run = create(tmp_path, msgspec.convert({"name": "of-somebody-else"}, Spec))
    run.progress_file.mkdir()  # as little to be read as another user's own
    lock = RunLock(run.lock)
    assert lock.acquire() and run.worker()
    assert not is_paused(run)
    lock.release()
