"""Every architecture preset as ONNX and as weights: largest differences, of a probability and a logit; size, seconds.

    python benchmarks/export_all.py [NAME…]

Weights are random, since what is measured is the export; the head's are scaled so that probabilities differ as those
of a trained model do. Ends with 1 when one is above its limit, or when timm's own network is not loaded by timm. About
ten minutes on two cores.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from vislab.engine.evaluation.onnx_file import LIMIT
from vislab.engine.evaluation.weights_file import TOLERANCE
from vislab.engine.jobs import export
from vislab.engine.models.assemble import Assembled, assemble
from vislab.engine.runs import store
from vislab.engine.runs.events import RunStarted
from vislab.engine.runs.log import EventWriter
from vislab.engine.runs.store import Run
from vislab.engine.training import checkpoint
from vislab.presets.library import resolve
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings
from vislab.presets.shelves import files

CLASSES = ("even", "middle", "odd")


def pictures(root: Path) -> Path:
    """A folder of class folders with pictures of noise."""
    draws = np.random.default_rng(0)
    for name in CLASSES:
        (root / name).mkdir(parents=True)
        for number in range(4):
            Image.fromarray(draws.integers(0, 256, (64, 48, 3), dtype=np.uint8)).save(root / name / f"{number}.png")
    return root


def is_timms(spec: Spec) -> bool:
    """Whether timm alone builds the network: its own head, or a linear one."""
    plain = ("none", "vislab.engine.models.heads:linear")
    return spec.architecture.build == "vislab.engine.models.zoo:build" and spec.architecture.head in plain


@torch.no_grad()
def spread(assembled: Assembled, spec: Spec) -> None:
    """Scale the last layer so that logits have a standard deviation of three."""
    side, channels = spec.preprocessing.image_size, spec.preprocessing.channels
    images = torch.randn(4, channels, side, side, generator=torch.Generator().manual_seed(0))
    factor = 3 / assembled.model.eval()(images).std()
    last = [module for module in assembled.model.modules() if isinstance(module, torch.nn.Linear)][-1]
    last.weight *= factor
    if last.bias is not None:
        last.bias *= factor


def made(spec: Spec, runs_dir: Path) -> Run:
    """A run that looks as if it had been trained."""
    run = store.create(runs_dir, spec)
    assembled = assemble(
        spec.architecture,
        num_classes=len(CLASSES),
        in_channels=spec.preprocessing.channels,
        image_size=spec.preprocessing.image_size,
        pretrained=False,
        drop_rate=spec.strategy.drop_rate,
        drop_path=spec.strategy.drop_path,
    )
    spread(assembled, spec)
    writer = EventWriter(run.events)
    writer.append(
        RunStarted(
            environment={},
            classes=CLASSES,
            counts={"train": (4, 4, 4)},
            split="none",
            selected_on_test=False,
            parameters=0,
            trained_parameters=0,
            head=assembled.head,
            batch_size=1,
            steps_per_epoch=1,
            epochs=1,
            log_every=1,
            evaluated_weights="raw",
        )
    )
    writer.close()
    tensors = {"weights": assembled.model.state_dict()}
    checkpoint.save(run.checkpoints / "best-1", kind="best", step=1, epoch=1, tensors=tensors)
    return run


def main(names: list[str]) -> int:
    """Export each, print a line each; returns the exit code."""
    worst, faults = 0.0, []
    print(f"{'architecture':<20} {'ONNX':>10} {'weights':>10} {'MB':>7} {'seconds':>8}  weights loaded by")
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        home = Settings(runs_dir=folder / "runs", data_dir=folder, cache_dir=folder, config_dir=folder)
        data = pictures(folder / "pictures")
        for name in names or sorted(files("architectures", home)):
            sets = ("strategy.pretrained=false", "strategy.split=none")
            spec = resolve(dataset=str(data), architecture=name, strategy="scratch", sets=sets, settings=home)
            run = made(spec, home.runs_dir)
            begun = time.monotonic()
            request = {
                "run_dir": str(run.path),
                "data_dir": place,
                "onnx": str(folder / f"{name}.onnx"),
                "weights": str(folder / name / "w.safetensors"),
            }
            found = export.answer(request, lambda what, done, total: None)
            onnx, weights = found["onnx"], found["weights"]
            difference = onnx["largest_difference"] if onnx["largest_difference"] is not None else float("inf")
            worst = max(worst, difference)
            again = weights["largest_difference"]
            by = "timm" if weights["timm"] is not None else "model.py"
            seconds = time.monotonic() - begun
            size = onnx["bytes"] / 1e6
            print(f"{name:<20} {difference:>10.1e} {again:>10.1e} {size:>7.1f} {seconds:>8.1f}  {by}", flush=True)
            faults += [f"{name}: ONNX differs by {difference:.1e}, limit {LIMIT:.0e}"] * (not difference <= LIMIT)
            faults += [f"{name}: weights differ by {again:.1e}, limit {TOLERANCE:.0e}"] * (not again <= TOLERANCE)
            faults += [f"{name}: timm's network needs model.py"] * (by != "timm" and is_timms(spec))
            store.delete(run)
    print("\n".join([f"largest difference of ONNX {worst:.1e}, limit {LIMIT:.0e}", *faults]))
    return int(bool(faults))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="architecture presets; none: all of them")
    sys.exit(main(parser.parse_args().names))
