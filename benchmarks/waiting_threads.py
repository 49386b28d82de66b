"""How long an update of LeNet-5 takes with threads that spin while they wait (OpenMP's default), with threads that
sleep, and with those of vislab (`vislab.engine.training.waiting`).

    python benchmarks/waiting_threads.py

On this machine as it is, beside one busy process, and beside as many as there are cores. In turn, five times; medians
of the mean milliseconds of an update over three seconds. About seven minutes.
"""

import os
import statistics
import subprocess
import sys
import time
from contextlib import nullcontext

ROUNDS = 5
WAYS = ("spin", "sleep", "as vislab")


def main() -> None:
    """Measure in child processes, since OpenMP reads its variables once."""
    cores = len(os.sched_getaffinity(0))
    inherited = {name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    for busy in sorted({0, 1, cores}):
        found: dict[tuple[int, str], list[float]] = {}
        hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy)]
        try:
            for _ in range(ROUNDS):
                for threads, way in ((1, "spin"), *((cores, way) for way in WAYS)):
                    child = subprocess.run(
                        [sys.executable, __file__, str(threads), way],
                        env=inherited | ({"OMP_WAIT_POLICY": "PASSIVE"} if way == "sleep" else {}),
                        stdout=subprocess.PIPE,
                        text=True,
                        check=True,
                    )
                    found.setdefault((threads, way), []).append(float(child.stdout))
        finally:
            for hog in hogs:
                hog.kill()
                hog.wait()
        for (threads, way), times in found.items():
            spread = f"{min(times):.1f} to {max(times):.1f}"
            print(
                f"{busy} busy processes, {threads} threads, {way}: {statistics.median(times):.1f} ms ({spread})"
                f", load {os.getloadavg()[0]:.1f}",
                flush=True,
            )


def child(threads: int, way: str) -> None:
    """Print the mean milliseconds of an update of a batch of 64."""
    import torch

    from vislab.engine.models.lenet import build
    from vislab.engine.training.waiting import considerate_threads

    torch.set_num_threads(threads)
    model = build(10, in_channels=1, image_size=28)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    images, labels = torch.randn(64, 1, 28, 28), torch.arange(64) % 10
    with considerate_threads() if way == "as vislab" else nullcontext():
        for seconds in (1.0, 3.0):  # the first is not told: what is loaded late is loaded in it
            updates, began = 0, time.perf_counter()
            while time.perf_counter() < began + seconds:
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(model(images), labels).backward()
                optimizer.step()
                updates += 1
            taken = time.perf_counter() - began
    print(1000 * taken / updates)


if __name__ == "__main__":
    child(int(sys.argv[1]), sys.argv[2]) if len(sys.argv) > 1 else main()
