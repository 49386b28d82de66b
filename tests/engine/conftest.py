"""Small runs: a spec that trains within a blink, its run directory, and a worker called in this process."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from vislab.engine.runs import checkpoints, control, store
from vislab.engine.runs.reporter import Reporter
from vislab.engine.runs.store import Run
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings

MINE = '''
"""A data set of made pictures and a small network, as a researcher would keep them in one file."""

import numpy as np
import torch
from torch import nn

from vislab.engine.data.source import ArrayImages, Role, Source


def source(root, *, train=42, validation=15, test=0, size=8, classes=3, noise=60.0):
    """Noisy pictures, every class with a bright row of its own."""
    count = train + validation + test
    draws = np.random.default_rng(5)
    labels = np.arange(count, dtype=np.int64) % classes
    pixels = draws.normal(110.0, noise, (count, size, size, 1))
    for number, label in enumerate(labels):
        pixels[number, label % size] += 90
    roles = np.repeat([Role.TRAIN, Role.VALIDATION, Role.TEST], [train, validation, test]).astype(np.int8)
    images = ArrayImages({"made": np.clip(pixels, 0, 255).astype(np.uint8)})
    return Source(tuple("abcdefgh"[:classes]), labels, images, roles=roles)


def build(num_classes, *, in_channels, width=6, drop=0.2, norm=True):
    """A convolution, batch norm, dropout, a linear layer."""
    return nn.Sequential(
        nn.Conv2d(in_channels, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width) if norm else nn.Identity(),
        nn.ReLU(),
        nn.Conv2d(width, width, 3, padding=1, stride=2),
        nn.ReLU(),
        nn.Dropout(drop),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(width, num_classes),
    )


def vector_norm(num_classes, *, in_channels, image_size):
    """Batch norm of vectors: it cannot train on a batch of one."""
    features = in_channels * image_size**2
    return nn.Sequential(nn.Flatten(), nn.BatchNorm1d(features), nn.Linear(features, num_classes))


def linear(num_classes, *, in_channels, image_size):
    """A linear layer of the pixels."""
    return nn.Sequential(nn.Flatten(), nn.Linear(in_channels * image_size**2, num_classes))


def nan_loss(logits, labels):
    """No number."""
    return logits.sum(dim=1) * float("nan")


def steep_loss(logits, labels):
    """A number whose gradient is none."""
    return torch.sqrt((logits - logits).sum(dim=1)) + 1.0


def raising_loss(logits, labels):
    """A fault in the user's own code."""
    raise KeyError("no such key")


def starving_loss(logits, labels):
    """What torch says when the memory is full."""
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
'''


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Folders of a person, all below tmp_path."""
    return Settings(
        runs_dir=tmp_path / "runs",
        data_dir=tmp_path / "data",
        cache_dir=tmp_path / "cache",
        config_dir=tmp_path / "config",
    )


@pytest.fixture(scope="session")
def mine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file MINE: data set, networks and losses of a researcher."""
    path = tmp_path_factory.mktemp("mine") / "mine.py"
    path.write_text(MINE)
    return path


@pytest.fixture
def make_spec(mine: Path) -> Callable[..., Spec]:
    """Makes specs: keys of the spec as keywords, keys of its sections as dictionaries."""

    def make(
        *,
        dataset: dict[str, Any] | None = None,
        architecture: dict[str, Any] | None = None,
        strategy: dict[str, Any] | None = None,
        preprocessing: dict[str, Any] | None = None,
        **keys: Any,
    ) -> Spec:
        own = f"{mine}:"
        spec = {
            "name": "small",
            "device": "cpu",
            "precision": "fp32",
            "memory_format": "contiguous",
            "threads": 1,
            "dataset": {"name": "made", "source": own + "source", "path": str(mine.parent)} | (dataset or {}),
            "architecture": {"name": "small", "build": own + "build"} | (architecture or {}),
            "strategy": {"epochs": 2, "batch_size": 8, "learning_rate": 0.02} | (strategy or {}),
            "preprocessing": {"image_size": 8, "resize": "stretch", "channels": 1} | (preprocessing or {}),
        }
        return msgspec.convert(spec | keys, Spec)

    return make


@pytest.fixture
def make_run(make_spec: Callable[..., Spec], settings: Settings, mine: Path) -> Callable[..., Run]:
    """Makes run directories; the keywords are those of `make_spec`."""
    return lambda **keys: store.create(settings.runs_dir, make_spec(**keys), code=[mine])


@pytest.fixture
def train(settings: Settings) -> Callable[[Run], int]:
    """Trains a run in this process, on one thread; returns the exit code."""
    import torch

    from vislab.engine import worker

    def in_process(run: Run) -> int:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            old_requests = run.control.stat().st_size if run.control.exists() else 0
            return worker.main(run.path, settings=settings, control_from=old_requests)
        finally:
            torch.set_num_threads(threads)

    return in_process


Watcher = Callable[[str, int, int, int], None]
"""(phase, step, epoch, done)"""


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Callable[[Watcher], None]:
    """Calls a function wherever a worker says its position: between steps, between batches of an evaluation."""
    say = Reporter.progress  # each watcher replaces the one before it

    def install(watcher: Watcher) -> None:
        def progress(self: Reporter, phase: Any, **position: Any) -> None:
            say(self, phase, **position)
            watcher(phase, self.step, position.get("epoch", 0), position.get("done", 0))

        monkeypatch.setattr(Reporter, "progress", progress)

    return install


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the worker catches it."""


@pytest.fixture
def interrupt(
    watch: Callable[[Watcher], None], train: Callable[[Run], int]
) -> Callable[[Run, Callable[[str, int, int, int], bool], str], int | None]:
    """Trains a run up to the position that a function recognises; there the worker is asked to stop, or killed."""

    def until(run: Run, there: Callable[[str, int, int, int], bool], how: str = "stop") -> int | None:
        reached = []

        def watcher(*position: Any) -> None:
            if not reached and there(*position):
                reached.append(position)
                if how == "kill":
                    raise Killed
                control.send(run.control, "stop")

        watch(watcher)
        try:
            code = train(run)
        except Killed:
            code = None
        assert reached, "the worker never came to the position asked for"
        return code

    return until


@pytest.fixture
def trained() -> Callable[[Run], dict[str, Any]]:
    """Everything that a run has found, without what a clock measured: equal for equal runs, bit for bit."""
    from vislab.engine.training import checkpoint

    durations = {
        "time",
        "elapsed",
        "seconds",
        "val_seconds",
        "energy",
        "train_images_per_second",
        "images_per_second",
        "waiting",
    }
    durations |= {"epoch_seconds", "interval_seconds", "interval_waiting"}

    def timeless(row: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in row.items() if key not in durations}

    def found(run: Run) -> dict[str, Any]:
        everything: dict[str, Any] = {}
        for folder in (*checkpoints.full(run.checkpoints), *checkpoints.best(run.checkpoints)):
            tensors, scalars = checkpoint.load(folder)
            for file, content in tensors.items():
                for name, tensor in content.items():
                    bits = tensor.contiguous().reshape(-1).view(dtype=_bytes()).numpy().tobytes()
                    everything[f"{folder.name}/{file}/{name}"] = (str(tensor.dtype), tuple(tensor.shape), bits)
            if scalars:
                everything[f"{folder.name}/position"] = timeless(scalars.pop("position"))
                everything[f"{folder.name}/scalars"] = scalars
        state = run.state()
        everything["epochs"] = [timeless(msgspec.to_builtins(row)) for row in state.epochs]
        everything["steps"] = [timeless(msgspec.to_builtins(row)) for row in state.steps]
        everything["test"] = state.ended.test if state.ended else None
        return everything

    return found


def _bytes() -> Any:
    import torch

    return torch.uint8


@pytest.fixture
def everything() -> Callable[..., dict[str, Any]]:
    """All that a run would notice if a probe changed it: of its model, of random numbers, of the images given."""
    import torch

    from vislab.engine.training.strategies import state_hash

    def everything(probe: Any, images: Any) -> dict[str, Any]:
        model = probe.assembled.model
        return {
            "model": state_hash(model.state_dict().items()),
            "random": state_hash([("rng", torch.random.get_rng_state())]),
            "threads": torch.get_num_threads(),
            "modes": [module.training for module in model.modules()],
            "trained": [parameter.requires_grad for parameter in model.parameters()],
            "gradients": [parameter.grad for parameter in model.parameters()],
            "strides": [parameter.stride() for parameter in model.parameters()],
            "images": state_hash([("images", images)]),
        }

    return everything
