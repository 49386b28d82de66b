"""A run that was trained, on a folder of pictures with names that mean no good; jobs asked without their process."""

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from vislab.engine.runs import store
from vislab.engine.runs.ask import JobProcess
from vislab.engine.runs.store import Run
from vislab.presets.library import resolve
from vislab.presets.settings import Settings

HOSTILE = "=cmd()\x1b[31m"
CLASSES = (HOSTILE, "[bold]b", "c<script>")


def draw(folder: Path, label: int, number: int, name: str) -> None:
    """A noisy picture with a bright block where its class has it."""
    pixels = np.random.default_rng([label, number]).integers(0, 90, (16, 16, 3), dtype=np.uint8)
    pixels[5 * label : 5 * label + 5, :8] += 150
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(folder / name)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Class folders with train and test, twelve and four pictures a class."""
    root = tmp_path_factory.mktemp("pictures")
    for (part, count), (label, name) in itertools.product((("train", 12), ("test", 4)), enumerate(CLASSES)):
        for number in range(count):
            draw(root / part / name, label, number + 100 * (part == "test"), f"{number}.png")
    return root


@pytest.fixture(scope="session")
def trained_run(tmp_path_factory: pytest.TempPathFactory, pictures: Path) -> Run:
    """LeNet-5, trained to its end."""
    import torch

    from vislab.engine import worker

    home = tmp_path_factory.mktemp("home")
    settings = Settings(runs_dir=home / "runs", data_dir=home, cache_dir=home, config_dir=home)
    sets = ("preprocessing.image_size=16", "strategy.epochs=8", "strategy.batch_size=8", "device=cpu")
    spec = resolve(dataset=str(pictures), architecture="lenet5", strategy="scratch", sets=sets, settings=settings)
    run = store.create(settings.runs_dir, spec)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    assert worker.main(run.path, settings=settings) == 0
    torch.set_num_threads(threads)
    return run


@pytest.fixture
def command(trained_run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Result]]:
    """The `vislab` command in tmp_path, whose jobs answer in this process."""
    import importlib

    def ask(jobs: JobProcess, job: str, request: dict[str, Any], *, on_progress: Any = None) -> Any:
        answer = importlib.import_module(f"vislab.engine.jobs.{job}").answer(dict(request), lambda *words: None)
        assert isinstance(answer, dict)
        return answer

    monkeypatch.setattr(JobProcess, "ask", ask)
    for name in ("DATA", "CACHE"):
        monkeypatch.setenv(f"VISLAB_{name}_DIR", str(tmp_path / name.lower()))
    monkeypatch.setenv("VISLAB_RUNS_DIR", str(trained_run.path.parent))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.chdir(tmp_path)
    from vislab.tui.cli import app

    yield lambda *arguments: CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False)
