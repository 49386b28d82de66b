"""A data set whose names are markup, escapes, HTML, line ends, marks of direction or very long, on every screen."""

import csv
import re
import unicodedata

import pytest
from PIL import Image

from vislab.engine.jobs import data as data_job
from vislab.engine.runs import ask
from vislab.engine.runs.events import Notice, encode
from vislab.engine.runs.store import Labels, create
from vislab.engine.runs.studies import Record, save
from vislab.presets.errors import InputError
from vislab.presets.library import resolve
from vislab.tui import draft
from vislab.tui.views.text import plain

CLASSES = ("[red]cat[", "\x1b[31mdog\x1b]0;owned\x07", "<img src=x>", "two\nlines\r", "\u202egnp.exe", "x" * 200)
LONG = "[bold red]a[/] \x1b[2J <script>alert(1)</script> b\nc\r\u202ed\u200b" + "x" * 10_000
SIZE = (100, 36)


@pytest.fixture
def photos(tmp_path):
    folder = tmp_path / "[b]<i>photos"
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
        for number in range(2):
            Image.new("RGB", (8, 8), (90 * number, 0, 0)).save(folder / name / f"\x1b[31m[red]{number}\n<b>.png")
    return folder


@pytest.fixture
def asked(monkeypatch):
    """The data are looked at here and now; nothing else is."""

    def answer(self, topic, job, request, on_answer, *, on_progress=None, remember=True):
        if job == "data":
            try:
                return ask.Answer(topic, request, data_job.answer(dict(request), lambda *report: None))
            except InputError as error:
                return ask.Answer(topic, request, None, str(error))
        return ask.Answer(topic, request, None, "there is no [red]model\x1b[2J\n")

    monkeypatch.setattr(ask.Asker, "ask", answer)


@pytest.fixture
def runs(make_run, photos, history, settings):
    """Two runs over the hostile folder, and a study of them."""
    images = [(f"{name}/\x1b[31m[red]{number}\n<b>.png", name) for name in CLASSES for number in range(2)]
    made = []
    for shift in (0, 1):
        answers = [(image, name, CLASSES[(index // 2 + shift) % 6]) for index, (image, name) in enumerate(images)]
        dataset = {"name": photos.name, "path": str(photos), "source": "vislab.engine.data.sources.folder:source"}
        labels = Labels(name=LONG, tags=(LONG, "[b]"), note=LONG)
        run = make_run(
            "a", (), end="", labels=labels, predictions=answers, dataset=dataset, seed=shift, recipe=plain(LONG, 50)
        )
        events = history([1.0, 0.5], None, [1.1, 0.7], classes=CLASSES, train_counts=(2,) * 6, val_counts=(2,) * 6)
        run.events.write_bytes(b"".join(map(encode, [*events, Notice(level="error", topic=LONG, text=LONG)])))
        run.worker_log.write_bytes(LONG.encode() + b"\n\xff\xfe\x00\x1b[31mlast\n")
        with (run.path / "predictions.csv").open(newline="") as file:
            assert len(list(csv.reader(file))) == 13
        made.append(run)
    save(settings.runs_dir, Record(name=LONG[:60], question=LONG, runs=tuple(run.id for run in made)))
    return made


def check(pilot, what):
    """Nothing but text is on the screen, in lines that fit."""
    strips = pilot.app.screen._compositor.render_strips()
    lines = ["".join(segment.text for segment in strip) for strip in strips]
    assert [strip.cell_length for strip in strips] == [SIZE[0]] * SIZE[1], what
    bad = {part for line in lines for part in line if unicodedata.category(part) in ("Cc", "Cf", "Cs")}
    assert not bad, f"{what}: {sorted(map(hex, map(ord, bad)))}"
    colours = {
        segment.style.color.name for strip in strips for segment in strip if segment.style and segment.style.color
    }
    assert not colours & {"red", "bold red"}, what
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("name", "keys", "see"),
    [
        (
            "launch",
            ("", "f", "escape", "m", "escape", "r", "escape", ":", "escape", "?", "escape", "n", "escape"),
            "cat[",
        ),
        ("live", ("", "f", "o", "t", "w", "x", "escape", "Y", "escape", "?", "escape", ":"), "[bold red]a[/]"),
        ("history", ("", "D", "escape", "t", "escape", "r", "escape", "e", "escape", "C", "escape", "Y"), "[bold red]"),
        ("compare", ("", "c", "v", "w", "escape", "t", "y", "x", "escape", "Y"), "[red]cat["),
        ("results", ("", "m", "w", "p", "o", "right", "Y", "t"), "[red]cat["),
    ],
)
def test_names_are_text(runs, photos, settings, asked, play, settle, name, keys, see):
    seen = []
    like = create(settings.runs_dir, resolve(dataset=str(photos), architecture="lenet5", settings=settings))

    async def act(pilot):
        await settle(pilot)
        for key in keys:
            if key:
                await pilot.press(key)
                await pilot.pause()
            seen.append(check(pilot, (name, key)))

    arguments = {"compare": {"runs": runs}, "history": {}, "launch": {"like": like}}
    play(name, act, size=SIZE, **arguments.get(name, {"run": runs[0]}))
    assert see in "\n".join(seen), "\n".join(seen)
    assert not re.search(r"[\u202e\x1b]", "\n".join(seen))


def test_again_but_of_a_folder_with_an_escape_in_its_name_is_a_problem_in_words(photos, settings):
    folder = photos.rename(photos.with_name("\x1b[31mphotos"))
    spec = resolve(dataset=str(folder), architecture="lenet5", settings=settings)
    assert any(
        "must be one line of printable text" in told for told in draft.resolve(draft.like_run(spec), settings).problems
    )
