"""A fixed set of runs, a clock that stands still, and a tour of every screen of the console over them."""

import asyncio
import base64
import csv
import itertools
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import pytest
from textual.pilot import Pilot
from textual.screen import Screen

from vislab.engine.runs import ask
from vislab.engine.runs.devices import Device
from vislab.engine.runs.events import AnyEvent, DecisionMade, Notice, RunEnded, TestFigures, encode
from vislab.engine.runs.meters import Meter, Reading
from vislab.engine.runs.progress import Progress, write
from vislab.engine.runs.store import Labels, Run, create
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings
from vislab.tui.app import Console, screen_class
from vislab.tui.screens import launching, window

NOW = 1_763_808_240.0  # Saturday, 22 November 2025, 10:44 UTC
CLASSES = ("butterfly", "cat", "horse")
CARD = Device("cuda", 0, "NVIDIA A100-SXM4-80GB", "GPU-1", 85 * 10**9, 71 * 10**9, 1)
ANSWERS: dict[str, dict[str, Any]] = {
    "data": {
        "classes": list("0123456789"),
        "counts": {
            "all": [178, 182, 177, 183, 181, 182, 181, 179, 174, 180],
            "train": [142, 146, 142, 146, 145, 145, 145, 143, 140, 144],
            "validation": [36, 36, 35, 37, 36, 37, 36, 36, 34, 36],
            "test": [0] * 10,
        },
        "split": "80/20 % train/validation at random, stratified",
        "split_error": None,
        "selected_on_test": False,
        "side": 8,
    },
    "models": {
        "parameters": 61_706,
        "trainable": 61_706,
        "multiply_adds": 416_520,
        "memory": {"weights": 246_824, "gradients": 246_824, "optimizer": 493_648, "activations": 5_485_568}
        | {"total": 6_472_864},
    },
}


@dataclass(frozen=True)
class Gallery:
    """What the pictures show."""

    settings: Settings
    runs: dict[str, Run]


@dataclass(frozen=True)
class Scene:
    """A state of a screen that is worth a picture.

    Attributes:
        open: makes the screen.
        keys: pressed once it is there.
        see: what is on the screen when it is ready, at every size.
        wide: what else is there where it has 80 columns.
    """

    name: str
    open: Callable[[Gallery], Screen[Any]]
    keys: tuple[str, ...] = ()
    see: tuple[str, ...] = ()
    wide: tuple[str, ...] = ()


def _scene(
    name: str, screen: str, *keys: str, see: str, wide: tuple[str, ...] = (), run: str = "", runs: tuple[str, ...] = ()
) -> Scene:
    def open(gallery: Gallery) -> Screen[Any]:
        words: dict[str, Any] = {"run": gallery.runs[run]} if run else {}
        if runs:
            words["runs"] = [gallery.runs[one] for one in runs]
        return screen_class(screen)(**words)

    return Scene(name, open, keys, tuple(see.split("|")), wide)


PAIR = ("cnn", "transfer")
SCENES = (
    _scene("launch", "launch", see="digits|lenet5|scratch|1,797 images|g start", wide=("23 steps", "never run here")),
    _scene("launch-recipes", "launch", "r", see="Recipes and studies|study-a"),
    _scene("launch-more", "launch", "m", "down", see="All settings|seed|precision"),
    _scene("live", "live", run="live", see="● training|Run|Epoch|loss|accuracy|epoch|★|p pause"),
    _scene("live-findings", "live", "f", run="live", see="→|● training"),
    _scene("live-words", "live", "w", run="live", see="val loss: last|train accuracy: last"),
    _scene("live-failed", "live", run="failed", see="✖ failed|out of memory"),
    _scene("history", "history", see="transfer|cnn|✔|✖|training|Runs|id"),
    _scene("compare", "compare", runs=PAIR, see="validation accuracy|★|▪|●|McNemar|only"),
    _scene("compare-classes", "compare", "c", runs=PAIR, see="F1 of class|butterfly"),
    _scene("compare-differences", "compare", "v", runs=PAIR, see="architecture|seed"),
    _scene("results", "results", run="transfer", see="precision|butterfly|3 wrong"),
    _scene("results-matrix", "results", "m", run="transfer", see="predicted|taken for|butterfly"),
    _scene("results-worst", "results", "w", run="transfer", see="sure|butterfly/14.jpg"),
    _scene("results-pictures", "results", "p", run="transfer", see="▀|✖|mistakes"),
    _scene("results-saliency", "results", "s", run="transfer", see="▀|Grad-CAM|✖"),
    _scene("results-training", "results", "a", run="transfer", see="▀|as the model saw them|horse 30 %"),
    _scene("settings", "settings", see="background|colours|runs_dir|/home/anna"),
    _scene("help", "history", "?", see="Keys of the screen|Open the run"),
    _scene("palette", "history", ":", see="What to do?|rename"),
    _scene("question", "history", "end", "D", see="Delete|keep"),
)


@dataclass
class Visit:
    """A scene as it is on the screen."""

    scene: Scene
    pilot: Pilot[int]
    text: str = field(default="")


Look = Callable[[Visit], None]
Tour = Callable[..., None]


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """It is always the same moment, in the same part of the world, on the same terminal."""
    for name in ("NO_COLOR", "COLORTERM", "SLURM_JOB_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    monkeypatch.setattr(time, "time", lambda: NOW)
    monkeypatch.setattr(window, "FOLLOWS", 0.001)  # what lies below a window is painted before it is looked at
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture(scope="session")
def gallery(tmp_path_factory: pytest.TempPathFactory, history: Callable[..., list[AnyEvent]]) -> Gallery:
    """Runs of every kind."""
    home = tmp_path_factory.mktemp("gallery")
    settings = Settings(home / "runs", home / "data", home / "cache", home / "config")
    made: dict[str, Run] = {}

    def make(
        key: str,
        age: float,
        events: list[AnyEvent],
        spec: dict[str, Any],
        *,
        labels: Labels | None = None,
        answers: list[tuple[str, str, str, str]] | None = None,
    ) -> Run:
        moment = NOW - age
        identity = f"{time.strftime('%Y%m%d-%H%M%S', time.gmtime(moment))}-{spec['name']}-{1000 + len(made):04x}"
        run = create(settings.runs_dir, msgspec.convert(spec, Spec), labels=labels, identity=identity)
        run.events.write_bytes(b"".join(map(encode, events)))
        os.utime(run.path / "spec.toml", (moment, moment))
        if answers is not None:
            run.split.write_text("")
            with (run.path / "predictions.csv").open("w", newline="") as file:
                csv.writer(file).writerows([("name", "label", "predicted", "confidence"), *answers])
        made[key] = run
        return run

    def past(epochs: int, first: float, last: float, *, planned: int = 0, **more: Any) -> list[AnyEvent]:
        shape = [1 - math.exp(-4 * place / max(1, epochs - 1)) for place in range(epochs)]
        train = [first + (last + 0.03 - first) * part for part in shape]
        val = [first + (last - first) * part + 0.02 * math.sin(7 * place) for place, part in enumerate(shape)]
        return history(
            [1.1 - value for value in train],
            train,
            [1.15 - value for value in val],
            val,
            classes=CLASSES,
            train_counts=(40, 40, 40),
            val_counts=(10, 10, 10),
            epochs=planned or epochs,
            steps_per_epoch=24,
            **more,
        )

    def study(architecture: str, **more: Any) -> dict[str, Any]:
        name = more.pop("name")
        parts = {"dataset": {"name": "animals"}, "architecture": {"name": architecture}}
        return {"name": name, **parts, "strategy": {"name": "scratch", "epochs": 10, "learning_rate": 1e-3}, **more}

    def judged(wrong: int) -> list[tuple[str, str, str, str]]:
        rows = []
        for number, (label, index) in enumerate(itertools.product(CLASSES, range(10, 20))):
            miss = number % 30 in [(7 * turn + 4) % 30 for turn in range(wrong)]
            predicted = CLASSES[(CLASSES.index(label) + 1) % 3] if miss else label
            rows.append((f"{label}/{index}.jpg", label, predicted, f"{0.97 - number / 100:.6f}"))
        return rows

    test = TestFigures(role="test", images=30, loss=0.3, accuracy=0.9, top5=1, macro_f1=0.9, weights="raw", epoch=9)
    done = {"test": test}
    device = DecisionMade(what="device", choice="cuda:0", why="most free memory", details={"name": CARD.name})
    stopped = RunEnded(status="stopped", reason="stopped on request", step=144, epoch=6, elapsed=12.0, exit_code=130)
    make("stopped", 5e6, past(6, 0.3, 0.55, planned=20, ended=stopped), study("rex1", name="study-c-rex1", seed=3))
    failed = RunEnded(
        status="failed",
        reason="out of memory at micro-batch 1: use a smaller image size",
        step=72,
        epoch=3,
        elapsed=460.0,
        exit_code=1,
    )
    failure = study("deit_small", name="study-a-deit-scratch")
    make("failed", 9e4, past(3, 0.33, 0.5, planned=15, ended=failed), failure)
    make("cnn", 7200, past(10, 0.35, 0.7, **done), study("cnn", name="study-b-cnn"), answers=judged(8))
    make(
        "transfer",
        7100,
        past(10, 0.6, 0.93, **done),
        study("base", name="study-b-transfer", seed=1),
        labels=Labels(tags=("report", "b"), note="the head alone trains"),
        answers=judged(3),
    )
    made["queued"] = make("queued", 30, [], study("cnn", name="study-b-cnn-wide", seed=2))
    warning = Notice(level="warning", topic="data", text="1 of 150 images is greyscale: it was made RGB")
    live = make("live", 60, [device, *past(4, 0.5, 0.85, planned=10), warning], study("base", name="study-b-finetune"))
    live.worker_log.write_text("Downloading weights of base: 13.6 MB\nread 150 images in 0.4 s\n")
    position = Progress(
        time=NOW,
        pid=1,
        host="here",
        phase="training",
        epoch=5,
        step=114,
        done=18,
        total=24,
        images_per_second=412.0,
        elapsed=9.5,
    )
    write(live.progress_file, position)
    return Gallery(settings, made)


@pytest.fixture
def scenes() -> tuple[Scene, ...]:
    """All that a tour visits."""
    return SCENES


@pytest.fixture
def tour(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> Tour:
    """Visit scenes in one console of a size, and look at each."""
    live, queued = gallery.runs["live"].id, gallery.runs["queued"].id
    monkeypatch.setattr(Run, "worker", lambda run: 4242 if run.id == live else 0)
    for module in ("run_directory", "store"):
        monkeypatch.setattr(
            f"vislab.engine.runs.{module}.holder", lambda path: 4243 if path.parent.name == queued else 0
        )
    monkeypatch.setattr(launching, "list_devices", lambda: [CARD, Device("cpu", 0, "AMD EPYC 7543", "", 2**38, 2**37)])
    monkeypatch.setattr(launching, "choose", lambda device: Choice(CARD))
    monkeypatch.setattr(launching, "queued", lambda folder: [gallery.runs["queued"]])
    reading = Reading(True, CARD.name, 0.98, 64, 14 * 10**9, 85 * 10**9, 61, 287)
    monkeypatch.setattr(Meter, "read", lambda meter, worker, device, name="": reading)
    monkeypatch.setattr(ask.Asker, "ask", answer)

    def visit(
        look: Look,
        size: tuple[int, int],
        names: tuple[str, ...] = tuple(scene.name for scene in SCENES),
        *,
        without: tuple[str, ...] = (),
        theme: str = "",
    ) -> None:
        scenes = [scene for scene in SCENES if scene.name in names and scene.name not in without]
        asyncio.run(_visit(gallery, look, size, scenes, theme))

    return visit


@dataclass(frozen=True)
class Choice:
    """What `choose` says of a device."""

    device: Device


def answer(self: ask.Asker, topic: str, job: str, request: dict[str, Any], tell: Any, **more: Any) -> ask.Answer | None:
    """In place of the process that looks at data, models and images; it remembers what it may."""
    found = ask.Answer(topic, request, result(job, request))
    if more.get("remember", True):
        return found
    tell(found)
    return None


def result(job: str, request: dict[str, Any]) -> dict[str, Any]:
    """What the process would find."""
    if job == "thumbnails":
        side = request["side"]
        pictures = [{"width": side, "height": side, "rgb": picture(name, side)} for name in request["names"]]
        return {"pictures": pictures}
    if job == "saliency":
        side = request["side"]
        square = {"width": side, "height": side}
        pairs = [
            {"seen": square | {"rgb": picture(name, side)}, "heat": square | {"rgb": picture(name[::-1], side)}}
            for name in request["names"]
        ]
        return {"method": "Grad-CAM", "pictures": pairs}
    if job == "augmented":
        side = request["side"]
        words = {"width": side, "height": side, "label": "cat", "partner": "horse", "share": 0.7}
        pictures = [words | {"rgb": picture(str(index), side)} for index in range(12)]
        return {"pictures": pictures}
    return ANSWERS[job]


def picture(name: str, side: int) -> str:
    """A slope from one colour to another, by name."""
    red = sum(map(ord, name)) % 256
    pixels = bytes(part for y in range(side) for x in range(side) for part in (red, 255 * x // side, 255 * y // side))
    return base64.b64encode(pixels).decode()


async def _visit(gallery: Gallery, look: Look, size: tuple[int, int], scenes: list[Scene], theme: str) -> None:
    folders = [Path("/home/anna") / name for name in ("runs", "data", ".cache/vislab", ".config/vislab")]
    anna = Settings(*folders, origins=dict.fromkeys(("runs_dir", "data_dir", "cache_dir"), "built-in"))
    console = Console(gallery.settings, first=lambda _: scenes[0].open(gallery))
    console.theme = theme or console.theme
    async with console.run_test(size=size, tooltips=False, notifications=True) as pilot:
        home = len(console.screen_stack)
        for place, scene in enumerate(scenes):
            console.settings = anna if scene.name == "settings" else gallery.settings
            console.live = (gallery.runs["live"],)
            if place:
                await console.push_screen(scene.open(gallery))
            await settle(pilot)
            await pilot.press(*scene.keys)
            look(Visit(scene, pilot, await ready(pilot, scene)))
            while len(console.screen_stack) > home:
                await console.pop_screen()


async def settle(pilot: Pilot[int]) -> None:
    """Wait until threads have told what they found, and it is on the screen."""
    for _ in range(2):
        await pilot.app.workers.wait_for_complete()
        await pilot.pause()


async def ready(pilot: Pilot[int], scene: Scene) -> str:
    """Wait until the scene is on the screen, and stays as it is."""
    until = time.monotonic() + 10
    before = ""
    wanted = scene.see + (scene.wide if pilot.app.size.width >= 80 else ())
    while True:
        await settle(pilot)
        text = painted(pilot)
        missing = [words for words in wanted if words not in text]
        if not missing and text == before:
            return text
        assert time.monotonic() < until, f"{scene.name}: no {missing} in\n{text}"
        before = text
        await pilot.pause(0.03)


def painted(pilot: Pilot[int]) -> str:
    """The whole screen as text."""
    strips = pilot.app.screen._compositor.render_strips()
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)
