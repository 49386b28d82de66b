"""`auto` against fp32/contiguous with torch's own number of threads, on twelve architecture presets.

    python benchmarks/auto_presets.py [NAME…] [--results FILE]

First `auto` chooses, as a run of ten minutes would; then its choice and the default make updates in turn (A B A B …),
on new copies. Ends with 1 if a choice is slower than the default beyond the spread: if even the upper quartile of the
rounds' ratios is below 1. Weights and images are random, of the presets' own shapes. A minute a preset at most, on two
idle cores. Each result is kept in FILE: the same command goes on where it stopped. Ends with a table in Markdown.
"""

import argparse
import json
import math
import os
import sys
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import torch

from vislab.engine.data.batches import Batch
from vislab.engine.models.assemble import assemble
from vislab.engine.runs.devices import list_devices
from vislab.engine.training.losses import make_loss
from vislab.engine.training.precision import Arithmetic
from vislab.engine.training.probing import Probe
from vislab.presets.library import resolve

CPU = torch.device("cpu")
PRESETS = {  # images a batch
    "lenet5": 64,
    "mlp": 64,
    "alexnet32": 32,
    "airbench94": 32,
    "study-b-cnn": 8,
    "resnet18": 8,
    "mobilenetv3": 8,
    "efficientnet_lite0": 8,
    "efficientnet_b0": 8,
    "googlenet": 8,
    "densenet121": 4,
    "deit_small": 2,
}
PLANNED = 600.0
"""Seconds of the run that `auto` is asked for; they decide how long it may measure."""
SECONDS, ROUNDS = 15.0, 45
"""For the comparison afterwards, and the rounds that are enough."""


def main() -> int:
    """Compare what is not in the file yet, and print a row a preset."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(PRESETS), metavar="NAME")
    parser.add_argument("--results", type=Path, default=Path("/tmp/vislab-auto-presets.jsonl"))
    given = parser.parse_args()
    kept = [json.loads(line) for line in given.results.read_text().splitlines()] if given.results.exists() else []
    found = {row["preset"]: row for row in kept}
    for number, name in enumerate(given.names, start=1):
        if name not in found:
            began = time.monotonic()
            found[name] = compare(name)
            with given.results.open("a") as file:
                file.write(json.dumps(found[name]) + "\n")
            print(f"{number}/{len(given.names)} {time.monotonic() - began:.0f} s: {line(found[name])}", file=sys.stderr)
    processor = next(one.name for one in list_devices() if one.kind == "cpu")
    print(
        f"{processor}, {os.cpu_count()} cores, torch {torch.__version__}, {torch.backends.cpu.get_cpu_capability()}.\n"
    )
    print("| preset, batch | chosen | default, ms an update | chosen, ms | ratio | quartiles | rounds | load |")
    print("|---|---|---|---|---|---|---|---|")
    rows = [found[name] for name in given.names]
    print(*map(line, rows), sep="\n")
    for row in rows:
        if not row["ratios"]:
            print(f"\n`{row['preset']}`: {row['why']}.")
    slower = [row["preset"] for row in rows if row["ratios"] and quartiles(row)[1] < 1]
    print(f"\nSlower beyond the spread: {', '.join(slower) or 'none'}.")
    return 1 if slower else 0


def compare(name: str) -> dict[str, Any]:
    """Let `auto` choose, then compare its choice with the default."""
    default = Arithmetic(threads=torch.get_num_threads())
    load = os.getloadavg()[0]
    probe = made(name, PRESETS.get(name, 16))
    once = probe.race([default], seconds=0.0).seconds[default][0]
    probe.steps = math.ceil(PLANNED / once)
    choice = probe(default)
    times: dict[Arithmetic, list[float]] = {default: [], choice.arithmetic: []}
    ratios: list[float] = []
    until = time.monotonic() + SECONDS
    while choice.arithmetic != default and len(ratios) < ROUNDS and time.monotonic() < until:
        race = probe.race(list(times), until - time.monotonic()).seconds
        ratios += [a / b for a, b in zip(race[default], race[choice.arithmetic], strict=False)]
        for one in times:
            times[one] += race[one]
    return {
        "preset": name,
        "batch": len(probe.batch.labels),
        "chosen": str(choice.arithmetic),
        "why": choice.why,
        "milliseconds": [1000 * median(seconds) for seconds in times.values()] if ratios else [1000 * once],
        "ratios": ratios,
        "load": load,
    }


def quartiles(row: dict[str, Any]) -> tuple[float, float]:
    """Of the rounds' ratios."""
    if len(row["ratios"]) == 1:
        return row["ratios"][0], row["ratios"][0]
    low, _, high = quantiles(row["ratios"], n=4, method="inclusive")
    return low, high


def line(row: dict[str, Any]) -> str:
    """A row of the table."""
    begin = f"| `{row['preset']}`, {row['batch']} | "
    end = f"| {row['load']:.1f} |"
    if not row["ratios"]:
        return f"{begin}the default | {row['milliseconds'][0]:.1f} | | | | {end}"
    low, high = quartiles(row)
    times = " | ".join(f"{one:.1f}" for one in row["milliseconds"])
    ratio = f"{median(row['ratios']):.2f} | {low:.2f} to {high:.2f} | {len(row['ratios'])}"
    return f"{begin}{row['chosen']} | {times} | {ratio} {end}"


def made(name: str, batch_size: int) -> Probe:
    """A preset's network and a random batch of its input size."""
    spec = resolve(dataset="digits", architecture=name, sets=[f"strategy.batch_size={batch_size}"])
    side, channels = spec.preprocessing.image_size, spec.preprocessing.channels
    assembled = assemble(
        spec.architecture,
        num_classes=10,
        in_channels=channels,
        image_size=side,
        pretrained=False,
        drop_rate=0.0,
        drop_path=0.0,
        seed=0,
    )
    draws = torch.Generator().manual_seed(0)
    images = torch.randn(batch_size, channels, side, side, generator=draws)
    batch = Batch(images, torch.arange(batch_size) % 10)
    loss = make_loss(spec.strategy, counts=[1] * 10, device=CPU)
    return Probe(spec=spec, device=CPU, assembled=assembled, batch=batch, loss=loss, steps=0, check=lambda: None)


if __name__ == "__main__":
    sys.exit(main())
