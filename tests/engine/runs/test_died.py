"""Workers that died, and workers on machines whose locks cannot be seen."""

import os
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from vislab.engine import worker
from vislab.engine.runs import died, liveness, progress, store
from vislab.engine.runs.liveness import RunLock, holder, last_holder, other_machine, this_holder
from vislab.engine.runs.progress import Progress
from vislab.engine.runs.start import start
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import Spec
from vislab.presets.schema.strategy import Strategy
from vislab.presets.settings import Settings


@pytest.fixture
def run(tmp_path):
    return store.create(tmp_path / "runs", Spec(name="made", strategy=Strategy(batch_size=16)))


@pytest.fixture
def settings(tmp_path):
    return Settings(tmp_path / "runs", tmp_path / "data", tmp_path / "cache", tmp_path / "config")


def leave(run, *, age=5.0, phase="training", holder_text=None):
    """What a worker leaves behind that was killed."""
    run.lock.write_text(this_holder() if holder_text is None else holder_text)
    run.events.touch()
    progress.write(
        run.progress_file, Progress(time=time.time() - age, pid=1, host="elsewhere", phase=phase, epoch=2, step=17)
    )


def test_a_death_is_explained_with_place_and_time(run):
    leave(run)
    death = died.look(run, run.state())
    assert (death.phase, death.step, death.accumulate, death.out_of_memory) == ("training", 17, 2, False)
    assert time.time() - 6 < death.when < time.time()
    advice = died.advice(run.id, death)
    assert advice.startswith(f"Go on with: vislab resume {run.id}") and "if memory was short" in advice


def test_after_the_kernels_killer_smaller_micro_batches_are_proposed(run, monkeypatch):
    leave(run)
    before = liveness.oom_kills()
    monkeypatch.setattr(died, "oom_kills", lambda: before + 1)
    assert died.look(run, run.state()).out_of_memory
    assert f"vislab resume {run.id} --accumulate 2" in died.advice(run.id, died.look(run, run.state()))
    run.lock.write_text(this_holder().replace("boot ", "boot earlier-"))
    assert not died.look(run, run.state()).out_of_memory, "kills before the machine was started again say nothing"


def test_a_batch_that_is_cut_to_the_smallest_gets_no_such_proposal(tmp_path, monkeypatch):
    run = store.create(tmp_path / "runs", Spec(strategy=Strategy(batch_size=16, accumulate=8)))
    leave(run)
    before = liveness.oom_kills()
    monkeypatch.setattr(died, "oom_kills", lambda: before + 1)
    death = died.look(run, run.state())
    assert death.accumulate == 0 and "as small as can be" in died.advice(run.id, death)


def test_a_run_that_has_not_died_has_nothing_to_explain(run):
    assert died.look(run, run.state()) is None


def test_a_worker_that_was_killed_and_not_yet_waited_for_is_dead(tmp_path):
    path = tmp_path / "lock"
    program = textwrap.dedent(
        """
        import sys, time; from pathlib import Path; from vislab.engine.runs.liveness import RunLock
        lock = RunLock(Path(sys.argv[1])); print(lock.acquire(), flush=True); time.sleep(60)
        """
    )
    with subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "True\n" and holder(path) == other.pid
        os.kill(other.pid, signal.SIGKILL)
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)  # it is a zombie now
        assert holder(path) == 0


FOREIGN = "pid 7\nhost far-away\nboot another\nstarted 2026-01-01 00:00:00\noom_kills 0\n"


def test_a_worker_on_another_machine_is_alive_by_its_heartbeat_and_taken_over_by_force_alone(
    run, settings, capsys, monkeypatch
):
    leave(run, holder_text=FOREIGN)
    assert run.elsewhere() == "far-away" and run.status() == "starting"
    with pytest.raises(InputError, match="trained on far-away"):
        start(run, settings)
    assert worker.main(run.path, settings=settings) == 2
    assert "trained on far-away" in capsys.readouterr().err
    assert run.lock.read_text() == FOREIGN and run.events.read_bytes() == b""
    assert worker.main(run.path, settings=settings, force=True) == 2, "taken over, it finds that the spec names no data"
    assert run.status() == "failed" and other_machine(run.lock) == ""


@pytest.mark.parametrize("left", [{"age": 90.0}, {"phase": "ended"}], ids=["silent", "ended"])
def test_a_worker_on_another_machine_without_a_heartbeat_is_dead(run, left):
    leave(run, holder_text=FOREIGN, **left)
    assert run.elsewhere() == "" and run.status() == "died"


def test_a_machine_started_again_and_a_container_of_this_one_are_not_elsewhere(run):
    for changed in ("host ", "boot "):
        leave(run, holder_text=this_holder().replace(changed, changed + "x"))
        assert run.elsewhere() == ""


def test_a_worker_does_not_drop_its_own_lock_by_asking(tmp_path):
    path = tmp_path / "lock"
    lock = RunLock(path)
    assert lock.acquire()
    lock.explain(this_holder())
    assert last_holder(path) == {} and other_machine(path) == ""
    program = (
        "import sys; from pathlib import Path; from vislab.engine.runs.liveness import holder;"
        "print(holder(Path(sys.argv[1])))"
    )
    asked = subprocess.run([sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True)
    assert int(asked.stdout) == os.getpid()
    lock.release()
    assert int(last_holder(path)["pid"]) == os.getpid()
