"""Decoded once: what a second run, ten times the images and a small memory budget cost. Prints figures and limits.

    python benchmarks/pixel_cache.py [--folder DIR] [--images 2000] [--rounds 4]

It writes JPEG files and trains `lenet5` at 64 pixels on them, in processes of their own; some five minutes in all:

* a warm second run: from the start of the worker, its imports done, to the end of its first update (limit 1 s);
* ten times the images with a memory budget of 64 MB: anonymous memory (RssAnon) against the few images (limit + 10 %),
  with the pixels in memory or memory-mapped, and streamed from the files where the cache has no room either;
* ten times the images: seconds of an epoch against those of the few (limit: the median is ten times the longest), and
  start-up less decoding (limit 1 s, as for a warm run);
* an epoch after the first against one of a plain loop that decodes each time with a DataLoader, the same network and
  batch, threads that wait in the same way (`vislab.engine.training.waiting`) on both sides: files of photographs as
  small as 1280 x 854, which count (limit 5 times), of the same at 640 x 427, and of smooth noise, 400 x 300, which
  decodes faster than any photograph. The larger the files, the larger the gain.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIDE, BATCH, BUDGET = 64, 64, 64 * 10**6
Draw = Callable[[np.random.Generator], Image.Image]


def noise(height: int, width: int) -> Draw:
    """Smooth noise."""

    def draw(draws: np.random.Generator) -> Image.Image:
        coarse = draws.integers(0, 256, (height // 8, width // 8, 3), dtype=np.uint8)
        return Image.fromarray(coarse).resize((width, height))

    return draw


def photograph(times: int = 1) -> Draw:
    """scikit-learn's two photographs, 640 x 427, each time shifted by other distances, and enlarged so many times."""
    from sklearn.datasets import load_sample_images

    photographs = load_sample_images().images

    def draw(draws: np.random.Generator) -> Image.Image:
        shift = draws.integers(0, 400, 2).tolist()
        shifted = np.roll(photographs[draws.integers(2)], shift, axis=(0, 1))
        return Image.fromarray(shifted).resize((640 * times, 427 * times), Image.Resampling.BICUBIC)

    return draw


def make(folder: Path, count: int, draw: Draw) -> Path:
    """Write JPEG files of four classes, once."""
    if (folder / "whole").exists():
        return folder / "pictures"
    draws = np.random.default_rng(0)
    for number in range(count):
        path = folder / "pictures" / "abcd"[number % 4] / f"{number:06d}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw(draws).save(path, quality=90)
    (folder / "whole").touch()
    return folder / "pictures"


def trained(home: Path, pictures: Path, epochs: int, **budgets: int) -> dict[str, Any]:
    """Train a run in a process of its own; what it measured."""
    environment = os.environ | {f"VISLAB_{name.upper()}": str(value) for name, value in budgets.items()}
    environment |= {"VISLAB_RUNS_DIR": str(home / "runs"), "VISLAB_CACHE_DIR": str(home / "cache")}
    arguments = [sys.executable, __file__, "--run", str(pictures), "--epochs", str(epochs)]
    done = subprocess.run(arguments, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def run(pictures: Path, epochs: int) -> None:
    """The process of `trained`."""
    import torch._dynamo  # noqa: F401  (imports are not measured, nor what torch's optimizers import when they are made)

    from vislab.engine import worker
    from vislab.engine.runs import store
    from vislab.engine.runs.reporter import Reporter
    from vislab.engine.training import run as training  # noqa: F401
    from vislab.presets.library import resolve
    from vislab.presets.settings import load_settings

    settings = load_settings()
    sets = [
        f"preprocessing.image_size={SIDE}",
        f"strategy.batch_size={BATCH}",
        f"strategy.epochs={epochs}",
        "device=cpu",
    ]
    spec = resolve(
        dataset=str(pictures), architecture="lenet5", strategy="scratch", sets=tuple(sets), settings=settings
    )
    made = store.create(settings.runs_dir, spec)
    say, first, processor, anonymous = Reporter.progress, [0.0], [0.0], [0]

    def progress(self: Reporter, phase: Any, **position: Any) -> None:
        say(self, phase, **position)
        if phase == "training" and position.get("done"):
            first[0], processor[0] = first[0] or time.monotonic(), processor[0] or time.process_time()
            if position["done"] == position["total"]:
                anonymous[0] = max(anonymous[0], anonymous_memory())

    Reporter.progress = progress  # type: ignore[method-assign]
    began, processor_began = time.monotonic(), time.process_time()
    assert worker.main(made.path, settings=settings) == 0, made.worker_log
    state = made.state()
    (pixels,) = [decision for decision in state.decisions if decision.what == "pixels"]
    seconds = [row.seconds - row.val_seconds for row in state.epochs]
    figures = {
        "start": first[0] - began,
        "processor": processor[0] - processor_began,
        "decoding": pixels.details["seconds"],
        "place": pixels.choice,
        "anonymous": anonymous[0],
        "epochs": seconds,
    }
    print(json.dumps(figures))


def anonymous_memory() -> int:
    """RssAnon of this process, bytes."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon:"))


def plain(pictures: Path, epochs: int) -> list[float]:
    """Seconds of epochs of a plain loop that decodes in worker processes, the same network and batch."""
    import torch
    from torch.utils.data import DataLoader, Dataset

    from vislab.engine.models.assemble import assemble
    from vislab.engine.training.waiting import considerate_threads
    from vislab.presets.library import resolve

    files = [
        path for path in sorted(pictures.glob("*/*.jpg")) if int(path.stem) % 5
    ]  # four of five, as vislab trains on

    class Pictures(Dataset[tuple[torch.Tensor, int]]):
        def __len__(self) -> int:
            return len(files)

        def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
            with Image.open(files[index]) as image:
                pixels = np.asarray(image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR))
            image_ = torch.from_numpy(pixels.transpose(2, 0, 1).copy()).float().div_(255).sub_(0.5).div_(0.5)
            return image_, "abcd".index(files[index].parent.name)

    spec = resolve(dataset=str(pictures), architecture="lenet5", strategy="scratch", sets=())
    model = assemble(spec.architecture, num_classes=4, in_channels=3, image_size=SIDE, pretrained=False, seed=0).model
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    loader = DataLoader(Pictures(), BATCH, shuffle=True, num_workers=os.cpu_count() or 1, persistent_workers=True)
    seconds = []
    with considerate_threads():
        for _ in range(epochs):
            began = time.monotonic()
            for images, labels in loader:
                optimizer.zero_grad()
                torch.nn.functional.cross_entropy(model(images), labels).backward()
                optimizer.step()
            seconds.append(time.monotonic() - began)
    return seconds


def against_decoding(folder: Path, name: str, pictures: Path, rounds: int) -> float:
    """Print what an epoch takes with pixels decoded once and with decoding each time; how many times as long."""
    trained(folder, pictures, 1)
    once, each = [], []
    for _ in range(rounds):
        once += trained(folder, pictures, 3)["epochs"][1:]
        each += plain(pictures, 3)[1:]
    ratios = sorted(slow / fast for fast, slow in zip(once, each, strict=True))
    print(f"{name}, an epoch: {statistics.median(once):.2f} s; decoding each time {statistics.median(each):.2f} s, "
          f"{statistics.median(ratios):.1f} times ({ratios[0]:.1f} to {ratios[-1]:.1f} in {len(ratios)})")  # fmt: skip
    return statistics.median(ratios)


def compare(folder: Path, images: int, rounds: int) -> bool:
    """All comparisons; whether each is within its limit."""
    few, many = make(folder / "few", images, noise(96, 96)), make(folder / "many", 10 * images, noise(96, 96))
    cold = {}
    for name, pictures in (("few", few), ("many", many)):
        cold[name] = trained(folder, pictures, 1, memory_budget=BUDGET)
    runs: dict[str, list[dict[str, Any]]] = {"few": [], "many": []}
    for _ in range(rounds):
        for name, pictures in (("few", few), ("many", many)):
            runs[name].append(trained(folder, pictures, 2, memory_budget=BUDGET))
    streamed = [trained(folder / "full", p, 1, memory_budget=0, cache_budget=10**6) for p in (few, many)]

    def middle(name: str, key: str) -> float:
        return statistics.median(run[key] for run in runs[name])

    starts = [run["start"] for name in runs for run in runs[name]]
    busy = [run["processor"] for name in runs for run in runs[name]]
    memory = middle("many", "anonymous") / middle("few", "anonymous")
    epochs = {name: [second for run in runs[name] for second in run["epochs"]] for name in runs}
    ratio = statistics.median(epochs["many"]) / statistics.median(epochs["few"])
    spread = {name: f"{min(found):.2f} to {max(found):.2f} s" for name, found in epochs.items()}
    rest = {name: run["start"] - run["decoding"] for name, run in cold.items()}
    print(f"{images} and {10 * images} images, pixels in: {runs['few'][0]['place']}, {runs['many'][0]['place']}")
    print(f"warm start to first update: {', '.join(f'{start:.2f}' for start in starts)} s (limit 1), "
          f"of the processor {', '.join(f'{seconds:.2f}' for seconds in busy)} s")  # fmt: skip
    print(f"RssAnon: {middle('few', 'anonymous') / 1e6:.0f} and {middle('many', 'anonymous') / 1e6:.0f} MB, "
          f"{memory - 1:+.1%} (limit +10 %)")  # fmt: skip
    print("RssAnon streaming: {:.0f} and {:.0f} MB".format(*(run["anonymous"] / 1e6 for run in streamed)))
    longest = 10 * max(epochs["few"])
    print(f"seconds of an epoch: {spread['few']} and {spread['many']}, medians {ratio:.1f} times "
          f"(limit {longest:.2f} s for the median of the many)")  # fmt: skip
    print(f"start-up less decoding: {rest['few']:.2f} and {rest['many']:.2f} s (limit 1); "
          f"decoding {cold['few']['decoding']:.1f} and {cold['many']['decoding']:.1f} s")  # fmt: skip
    against_decoding(folder, "smooth noise, 400 x 300", make(folder / "noise", images // 2, noise(300, 400)), rounds)
    small = make(folder / "small photographs", images // 2, photograph())
    against_decoding(folder, "photographs, 640 x 427", small, rounds)
    photographs = make(folder / "photographs", images // 2, photograph(2))
    speed = against_decoding(folder, "photographs, 1280 x 854 (limit 5 times)", photographs, rounds)
    proportional = statistics.median(epochs["many"]) <= longest
    return max(*starts, *rest.values()) <= 1 and memory <= 1.1 and proportional and speed >= 5


def main() -> int:
    """0 where all is within its limits."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, help="where files, runs and cache lie; they are kept")
    parser.add_argument("--images", type=int, default=2000, help="the few; the many are ten times as many")
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--epochs", type=int, default=1, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.run:
        run(given.run, given.epochs)
        return 0
    if given.folder:
        return 0 if compare(given.folder, given.images, given.rounds) else 1
    with tempfile.TemporaryDirectory() as folder:
        return 0 if compare(Path(folder), given.images, given.rounds) else 1


if __name__ == "__main__":
    sys.exit(main())
