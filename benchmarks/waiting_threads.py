"""How long an update of LeNet-5 takes with threads that spin while they wait (OpenMP's default) and that sleep.

    python benchmarks/waiting_threads.py

On this machine as it is, and with as many busy processes as there are cores. In turn, three times; medians. About four
minutes.
"""

import os
import statistics
import subprocess
import sys
import time

from vislab.engine.runs.openmp import PATIENT

ROUNDS = 3


def main() -> None:
    """Measure in child processes, since OpenMP reads its variables once."""
    cores = len(os.sched_getaffinity(0))
    inherited = {name: value for name, value in os.environ.items() if name not in PATIENT}
    policies: dict[str, dict[str, str]] = {"spin": {}, "sleep": PATIENT}
    for busy in (0, cores):
        found: dict[tuple[int, str], list[float]] = {}
        hogs = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(busy)]
        try:
            for _ in range(ROUNDS):
                for threads in (1, cores):
                    for policy, variables in policies.items():
                        child = subprocess.run(
                            [sys.executable, __file__, str(threads)],
                            env=inherited | variables,
                            stdout=subprocess.PIPE,
                            text=True,
                            check=True,
                        )
                        found.setdefault((threads, policy), []).append(float(child.stdout))
        finally:
            for hog in hogs:
                hog.kill()
                hog.wait()
        for (threads, policy), times in found.items():
            spread = f"{min(times):.1f} to {max(times):.1f}"
            print(
                f"{busy} busy processes, {threads} threads that {policy}: {statistics.median(times):.1f} ms ({spread})"
                f", load {os.getloadavg()[0]:.1f}",
                flush=True,
            )


def child(threads: int) -> None:
    """Print the median milliseconds of an update of a batch of 64."""
    import torch

    from vislab.engine.models.lenet import build

    torch.set_num_threads(threads)
    model = build(10, in_channels=1, image_size=28)
    optimizer = torch.optim.Adam(model.parameters(), fused=True)
    images, labels = torch.randn(64, 1, 28, 28), torch.arange(64) % 10
    times, until = [], time.perf_counter() + 3.0
    while time.perf_counter() < until:
        began = time.perf_counter()
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
        times.append(1000 * (time.perf_counter() - began))
    print(statistics.median(times[2:] or times))


if __name__ == "__main__":
    child(int(sys.argv[1])) if len(sys.argv) > 1 else main()
