"""Transfer learning with a frozen EfficientNet-Lite0: vislab against a textbook loop, 15 epochs, start to end.

python benchmarks/transfer_features.py                  # fp32, one pair
python benchmarks/transfer_features.py --precision auto --pairs 3

The 768 pictures are patches of scikit-learn's two photographs, JPEG files of 480 x 360, in four classes: left and
right half of each photograph. The textbook loop is what a tutorial shows: torchvision's ImageFolder and transforms, a
DataLoader with a worker for each core, all weights but the classifier's frozen and in evaluation mode, the whole
network run on each batch of each epoch, validation after each. It runs for `--textbook-epochs` epochs and is
extrapolated; vislab is trained for that number of epochs too, to see that both learn the same. vislab is timed as a
command, from nothing: empty cache, its start, decoding, measuring, features, 15 epochs with validation, checkpoints.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EPOCHS, BATCH, SIDE = 15, 64, 224
MODEL = "tf_efficientnet_lite0"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
STRATEGY = {"learning_rate": 1e-3, "weight_decay": 1e-2, "schedule": "constant", "warmup_epochs": 0.0}
_NOISE = 0.1  # of an accuracy on some 150 images after few epochs, from heads that began differently


def main() -> None:
    """Make the pictures, run the pairs, print the figures; exits with 1 where the work differed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pairs", type=int, default=1)
    parser.add_argument("--precision", choices=["fp32", "bf16", "auto"], default="fp32", help="of vislab")
    parser.add_argument("--textbook-epochs", type=int, default=2)
    parser.add_argument("--images", type=int, default=192, help="a class")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pictures = Path(folder) / "pictures"
        make_pictures(pictures, given.images)
        ratios = []
        for pair in range(1, given.pairs + 1):
            textbook = run_textbook(pictures, given.textbook_epochs)
            theirs = textbook["start"] + EPOCHS * textbook["epoch"]
            ours = run_vislab(pictures, Path(folder) / "vislab", EPOCHS, given.precision)
            same = run_vislab(pictures, Path(folder) / "vislab", given.textbook_epochs, given.precision, warm=True)
            ratios.append(theirs / ours["seconds"])
            print(
                f"pair {pair}: textbook {theirs:.0f} s for {EPOCHS} epochs ({textbook['epoch']:.1f} s an epoch, from "
                f"{given.textbook_epochs}); vislab {ours['seconds']:.1f} s ({ours['arithmetic']}); {ratios[-1]:.1f} x; "
                f"load {os.getloadavg()[0]:.1f}\n"
                f"  features: {ours['features']}; again for {given.textbook_epochs} epochs with a warm cache: "
                f"{same['seconds']:.1f} s\n"
                f"  parameters trained {textbook['trained']} and {ours['trained']}; validation accuracy after "
                f"{given.textbook_epochs} epochs {textbook['accuracy']:.3f} and {same['accuracy']:.3f}, vislab's after "
                f"{EPOCHS} {ours['accuracy']:.3f}",
                flush=True,
            )
            if textbook["trained"] != ours["trained"] or ours["epochs"] != EPOCHS:
                sys.exit("The work is not the same.")
            if abs(textbook["accuracy"] - same["accuracy"]) > _NOISE:
                sys.exit("The accuracy is not the same.")
    print(f"median {statistics.median(ratios):.1f} x, from {min(ratios):.1f} to {max(ratios):.1f}")


def make_pictures(folder: Path, images: int) -> None:
    """Write folder/{train,val}/<class>/<number>.jpg: random patches, a fifth of them for validation."""
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_sample_images

    draws = np.random.default_rng(0)
    for name, photograph in zip(("china", "flower"), load_sample_images().images, strict=True):
        height, width, _ = photograph.shape
        for number in range(2 * images):
            side = number % 2
            patch_width = int(draws.integers(100, 200))
            patch_height = patch_width * 3 // 4
            left = int(draws.integers(0, width // 2 - patch_width)) + side * (width // 2)
            top = int(draws.integers(0, height - patch_height))
            patch = Image.fromarray(photograph[top : top + patch_height, left : left + patch_width])
            part = "val" if number // 2 % 5 == 0 else "train"
            place = folder / part / f"{name}-{'left' if side == 0 else 'right'}"
            place.mkdir(parents=True, exist_ok=True)
            patch.resize((480, 360), Image.Resampling.BICUBIC).save(place / f"{number:05d}.jpg", quality=92)


def run_textbook(pictures: Path, epochs: int) -> dict:
    """The loop below, in a process of its own; its start counts from the start of the process."""
    command = [sys.executable, __file__, "textbook", str(pictures), str(epochs), str(time.time())]
    return json.loads(timed(command)[0].splitlines()[-1])


def textbook(pictures: Path, epochs: int, begun: float) -> None:
    """What a tutorial shows; prints its figures as a line of JSON."""
    import timm
    import torch
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    transform = transforms.Compose(
        [
            transforms.Resize(SIDE),
            transforms.CenterCrop(SIDE),
            transforms.ToTensor(),
            transforms.Normalize(MEAN, STD),
        ]
    )
    parts = {name: datasets.ImageFolder(pictures / name, transform) for name in ("train", "val")}
    loaders = {
        name: DataLoader(part, BATCH, shuffle=name == "train", num_workers=os.cpu_count() or 1, persistent_workers=True)
        for name, part in parts.items()
    }
    torch.manual_seed(0)
    model = timm.create_model(MODEL, pretrained=False, num_classes=len(parts["train"].classes))
    load_published_weights(model)
    model.requires_grad_(False)
    model.classifier.requires_grad_(True)
    optimizer = torch.optim.AdamW(model.classifier.parameters(), lr=1e-3, weight_decay=1e-2)
    criterion = torch.nn.CrossEntropyLoss()
    started = time.time()
    for _ in range(epochs):
        model.eval()
        model.classifier.train()
        for images, labels in loaders["train"]:
            optimizer.zero_grad()
            loss = criterion(model(images), labels)
            loss.backward()
            optimizer.step()
        model.eval()
        hits = 0
        with torch.no_grad():
            for images, labels in loaders["val"]:
                hits += int((model(images).argmax(1) == labels).sum())
    ended = time.time()
    trained = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    figures = {
        "start": started - begun,
        "epoch": (ended - started) / epochs,
        "trained": trained,
        "accuracy": hits / len(parts["val"]),
    }
    print(json.dumps(figures))


def load_published_weights(model) -> None:
    """As `pretrained=True` would, from the installable package: all but the classifier's."""
    import timm

    from vislab.engine.models import published_weights, weight_files

    path = published_weights.find(model.pretrained_cfg, MODEL).path
    whole = timm.create_model(MODEL, pretrained=False).state_dict()
    state = published_weights.renamed_like(weight_files.read(path), whole, path)
    body = {name: tensor for name, tensor in state.items() if not name.startswith("classifier.")}
    assert set(model.load_state_dict(body, strict=False).missing_keys) == {"classifier.weight", "classifier.bias"}


def run_vislab(pictures: Path, folder: Path, epochs: int, precision: str, *, warm: bool = False) -> dict:
    """A run of the installed command, timed from outside."""
    if not warm:
        shutil.rmtree(folder, ignore_errors=True)
    command = [
        str(Path(sys.executable).with_name("vislab")),
        "run",
        "--json",
        "--quiet",
        "--foreground",
        "--runs-dir",
        str(folder / "runs"),
    ]
    command += ["--dataset", str(pictures), "--architecture", "efficientnet_lite0", "--strategy", "transfer"]
    values = {f"strategy.{key}": value for key, value in STRATEGY.items()}
    values |= {"strategy.epochs": epochs, "strategy.batch_size": BATCH, "precision": precision}
    for key, value in values.items():
        command += ["--set", f"{key}={value}"]
    environment = os.environ | {"VISLAB_CACHE_DIR": str(folder / "cache")}
    said, seconds = timed(command, environment)
    run = json.loads(said)
    features = next(made["why"] for made in run["decisions"] if made["what"] == "features")
    chosen = {made["what"]: made["choice"] for made in run["decisions"]}
    return {
        "seconds": seconds,
        "features": features,
        "arithmetic": f"{chosen['precision']} {chosen['memory format']}, threads {chosen['threads']}",
        "trained": run["started"]["trained_parameters"],
        "epochs": run["ended"]["epoch"],
        "accuracy": run["epochs"][-1]["val_accuracy"],
    }


def timed(command: list[str], environment: dict[str, str] | None = None) -> tuple[str, float]:
    """Run a command; returns what it wrote, and the seconds that it took."""
    began = time.monotonic()
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment).stdout
    return said, time.monotonic() - began


if __name__ == "__main__":
    if sys.argv[1:2] == ["textbook"]:
        textbook(Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))
    else:
        main()
