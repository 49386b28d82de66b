from vislab.engine.runs.liveness import RunLock
from vislab.engine.runs.store import create
from vislab.presets.schema.spec import Spec


def test_a_run_fell_out_of_the_queue_when_nobody_waits_with_it_any_more(tmp_path):
    run = create(tmp_path, Spec(name="left"))
    assert not run.fell_out_of_queue("new")
    run.waiting_lock.touch()
    assert run.fell_out_of_queue("new") and not run.fell_out_of_queue("stopped")
    for path in (run.waiting_lock, run.lock):  # a waiter, or its worker, that has come since the status was asked for
        lock = RunLock(path)
        assert lock.acquire() and not run.fell_out_of_queue("new")
        lock.release()
    run.waiting_lock.write_text("pid 1\nhost another\nboot another\n")
    assert not run.fell_out_of_queue("new"), "locks of another machine may not be seen from here"
