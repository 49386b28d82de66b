"""A worker without torch: takes the run's lock and says what a short training would; started by `follow_fake.py`.

VISLAB_FAKE chooses how it ends: `done`, `die` (killed in epoch 2), `fail`, `refuse` (a mistake in the input), `stop`
(goes on until it is asked to stop, saving when it is asked to) or `deaf` (goes on and on).
"""

import os
import signal
import time

from played_run import PlayedRun

from vislab.engine.runs.events import Notice, TestFigures

MODE = os.environ.get("VISLAB_FAKE", "done")
EPOCHS = 3 if MODE in ("done", "die", "fail", "refuse") else 999

run = PlayedRun(steps=4, from_now=True)
signals: list[int] = []
if MODE != "deaf":
    for number in (signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, lambda number, frame: signals.append(number))

run.begin(EPOCHS)
run.say(Notice(level="warning", topic="test", text="[red]watch\x1b[31m out"))
while run.epoch < EPOCHS:
    run.epoch += 1
    for done in range(1, run.steps + 1):
        run.step += 1
        time.sleep(0.02)
        run.log_step(1 / run.step, 0.5)
        run.beat("training", done)
        for request in run.requests.poll():
            run.obeyed(request)
            if MODE == "stop" and request.action == "stop":
                run.end("stopped", "stopped on request", 130)
            if MODE == "stop" and request.action == "checkpoint":
                run.saved()
        if signals:
            run.end("stopped", f"{signal.Signals(signals[0]).name} received", 143)
        if MODE == "die" and run.epoch == 2:
            print("fatal: \x1b[31mcosmic ray", flush=True)
            os.kill(os.getpid(), signal.SIGKILL)
        if MODE == "refuse":
            run.end("failed", "Two files cannot be read:\n  a\x1b[0m.png\n  b.png", 2)
        if MODE == "fail" and run.epoch == 2:
            run.end("failed", "The loss is not finite.", 1)
    loss = 1 / run.epoch
    run.end_epoch(train=(loss, 0.8), val=(loss, 0.9), macro_f1=0.9, best=run.epoch == 1)
figures = TestFigures(
    role="validation", images=20, loss=0.3, accuracy=0.9, top5=1.0, macro_f1=0.9, weights="raw", epoch=1
)
run.end("done", "", 0, figures)
