"""A worker without torch that trains nothing, for the live view: obeys requests, and tells each step.

VISLAB_FAKE_EPOCHS: how many; VISLAB_FAKE_PAUSE: seconds a step. With VISLAB_FAKE_END = `die` it kills itself after the
last epoch, with `fail` it says that it failed, with `full` it waits for room on the disk; else it is done.
"""

import math
import os
import signal
import time

from played_run import PlayedRun

EPOCHS = int(os.environ.get("VISLAB_FAKE_EPOCHS", "1000"))
PAUSE = float(os.environ.get("VISLAB_FAKE_PAUSE", "0.02"))
END = os.environ.get("VISLAB_FAKE_END", "done")

run = PlayedRun(steps=10)
paused = stopping = False


def obey() -> bool:
    """Obey what was asked; whether the run rests now."""
    global paused, stopping
    for request in run.requests.poll():
        run.obeyed(request)
        if request.action == "stop":
            run.end("stopped", "stopped on request", 130)
        if request.action in ("pause", "unpause"):
            paused = request.action == "pause"
        stopping = stopping or request.action == "stop_after_epoch"
        if request.action == "checkpoint":
            run.saved()
    return paused


print("a library says [red]hello\x1b[31m", flush=True)
run.begin(EPOCHS, name="A processor")
best = 0.0
while run.epoch < EPOCHS:
    run.epoch += 1
    for done in range(1, run.steps + 1):
        while obey():
            run.beat("paused", done)
            time.sleep(0.05)
        run.step += 1
        time.sleep(PAUSE)
        root = math.sqrt(run.step)
        run.log_step(1 / root + 0.05 * (run.step % 3), 1 - 0.9 / root, waiting=0.03)
        run.beat("training", done)
    loss = 1 / math.sqrt(run.epoch)
    accuracy = 1 - 0.9 * loss
    run.end_epoch(train=(loss, accuracy), val=(1.1 * loss, accuracy - 0.05), macro_f1=accuracy, best=accuracy > best)
    best = max(best, accuracy)
    if stopping:
        run.end("stopped", "stopped on request after the epoch", 130)
if END == "die":
    print("fatal: cosmic ray", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
while END == "full":
    obey()
    run.beat("full disk", run.steps)
    time.sleep(0.1)
if END == "fail":
    run.end("failed", "The loss is not finite.", 1)
run.end("done", "", 0)
