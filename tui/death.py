"""What is said of a run whose worker or waiter died without a word: when, where, the last lines of worker.log."""

from vislab.engine.analysis.findings import findings
from vislab.engine.analysis.per_class import dense
from vislab.engine.runs import died
from vislab.engine.runs.state import RunState
from vislab.engine.runs.store import Run, RunStatus, report
from vislab.tui.views.evaluations import judged
from vislab.tui.views.run import FELL_OUT_OF_QUEUE
from vislab.tui.views.text import moment, plain
from vislab.tui.worker_log import last_lines

LAST_LINES = 8
"""Lines of worker.log that are shown."""


def when(run: Run, state: RunState) -> str:
    """Where it died, and when it was last seen, as a part of a sentence."""
    position = run.progress()
    where = f" in epoch {position.epoch}, after step {max(position.step, state.step)}" if position is not None else ""
    return f"died{where}; last seen {moment(last_seen(run, state))}"


def last_seen(run: Run, state: RunState) -> float:
    """The wall clock of its last word or heartbeat."""
    position = run.progress()
    return max(position.time if position is not None else 0.0, state.last_time)


def full_report(run: Run) -> dict[str, object]:
    """The report of a run as plain data.

    `findings`: what its history shows, the most severe first. `results`: its last evaluation, as it stands in its
    folder of results; None where there is none or it is damaged. `died`, where its worker died: `last_seen`, and the
    end of worker.log.
    """
    told, state = report(run), run.state()
    told["findings"] = [finding._asdict() for finding in findings(state, run.spec())]
    one = judged(run, state.ended.test if state.ended is not None else None)
    found = one.found if one is not None else {}
    told["results"] = {**found, "confusion": dense(found["confusion"])} if found else None
    if told["status"] == "died":
        log = last_lines(run.worker_log, LAST_LINES)
        told["died"] = {"last_seen": last_seen(run, state), "log": log}
    return told


def lines(run: Run, state: RunState) -> list[str]:
    """Where and when, then the end of worker.log, indented, then what to do; safe text."""
    end = last_lines(run.worker_log, LAST_LINES) or ["(empty)"]
    death = died.look(run, state)
    advice = died.advice(run.id, death) if death is not None else "A worker has taken it up again."
    return [f"The worker {when(run, state)}. The end of {run.worker_log}:", *(f"  {line}" for line in end), advice]


def of_waiter(run: Run, status: RunStatus) -> list[str]:
    """What is said of a run that fell out of the queue, and what to do; empty for any other. Safe text."""
    if not run.fell_out_of_queue(status):
        return []
    return [f"It {FELL_OUT_OF_QUEUE}. Put it to work with: vislab resume {plain(run.id)}"]
