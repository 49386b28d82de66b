from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.engine.runs.devices import Device
from vislab.presets.settings import Settings
from vislab.tui.advice import Advice
from vislab.tui.draft import FIRST, Draft, resolve
from vislab.tui.facts import DataFacts, DeviceUser, Facts, ModelFacts
from vislab.tui.views.selection import (
    architecture_help,
    beneath,
    class_lines,
    device_line,
    own_labels,
    picker_note,
    summary,
    with_own,
)
from vislab.tui.views.text import cells

CLASSES = ("butterfly", "cat", "horse")
DATA = DataFacts(
    CLASSES,
    {"all": (50, 50, 50), "train": (40, 40, 40), "validation": (10, 10, 10), "test": (0, 0, 0)},
    "80/20 % at random, stratified",
    "",
    False,
)
MEMORY = {"weights": 15 * 10**6, "gradients": 2 * 10**6, "optimizer": 4 * 10**6, "activations": 379 * 10**6}
MODEL = ModelFacts(3_800_000, 430_000, 390_000_000, MEMORY | {"total": 400 * 10**6})


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "runs", tmp_path / "data", tmp_path / "cache", tmp_path / "config")


def shown(
    draft: Draft, settings: Settings, facts: Facts | None = None, advice=(), room: int = 1, width: int = 76
) -> str:
    found = resolve(draft, settings)
    return "\n".join(line.text for line in summary(found.spec, facts or Facts(), found.problems, advice, width, room))


def test_a_selection_of_which_nothing_is_known_yet(settings) -> None:
    text = shown(FIRST, settings)
    assert "1,797 images · 10 classes · counting …" in text
    assert "lenet5 · … parameters · input 28 px grey" in text  # published ones hold for one input and its classes
    assert "30 epochs × – steps of 64 · adamw 0.001, cosine · time …" in text
    assert shown(FIRST, settings, Facts(DATA)).endswith("time …")
    assert shown(FIRST, settings, Facts(DATA, searched=True)).endswith("time – (never run here)")
    hub = shown(FIRST.choose("dataset", "hf:a/b"), settings)
    assert "lenet5 · input" in hub and hub.endswith("time –")


def test_everything_that_is_known_is_said(settings) -> None:
    draft = Draft(recipe="study-b-transfer", dataset="digits")
    text = shown(draft, settings, Facts(DATA, MODEL, seconds_per_epoch=2.0), [Advice("Mind.", "Do.")])
    assert "150 images · 3 classes · 120 train / 30 validation, stratified" in text
    assert "butterfly ████████ 50  cat       ████████ 50  horse     ████████ 50" in text
    assert "study-b-base · 3.8 M parameters · 0.4 G multiply-adds · input 224 px RGB" in text
    assert "backbone frozen (3.4 M) · own head on the feature map trains (0.4 M)" in text
    assert "10 epochs × 24 steps of 5 · adamw 0.001, constant" in text
    assert "memory of tensors about 400 MB · time 20 s (as measured here)" in text
    for steps, batch, time in (("60", "5", "5.0 s"), ("999", "5", "20 s"), ("60", "auto", "at most 20 s")):
        limited = draft.with_value("strategy.max_steps", steps).with_value("strategy.batch_size", batch)
        assert f"· time {time} (as measured here)" in shown(limited, settings, Facts(DATA, MODEL, seconds_per_epoch=2))
    assert text.endswith("! Mind.")


def test_where_there_is_little_room_warnings_come_before_what_to_do_about_them(settings) -> None:
    draft, facts = Draft(recipe="study-b-transfer", dataset="digits"), Facts(DATA, MODEL, searched=True)
    advice = [Advice("Mind.", "Do."), Advice("Mind that.", "Do."), Advice("And that.", "Do more.")]
    spec = resolve(draft, settings).spec
    lines = [line.text for line in summary(spec, facts, (), advice, 75, 1, brief=True)]
    assert lines[1] == "butterfly ████████ 50  cat       ████████ 50  horse     ████████ 50"
    assert lines[4] == "10 epochs × 24 steps of 5 · adamw 0.001, constant · tensors 400 MB · time –"
    assert lines[5:] == ["! Mind.", "! Mind that.", "! And that.", "→ Do.", "→ Do more."]
    narrow = [line.text for line in summary(spec, facts, (), advice, 60, 1, brief=True)]
    assert (
        narrow[1] == "butterfly 50  cat 50  horse 50"
        and narrow[5] == "memory of tensors about 400 MB · time – (never run here)"
    )
    assert DATA.split in [line.text for line in beneath(spec, facts)]


def test_copies_that_balance_classes_are_trained_on_too(settings) -> None:
    facts = Facts(DataFacts(("a", "b", "c"), {"all": (400, 10, 0), "train": (400, 10, 0)}, "", "", False))
    assert "× 7 steps of 64" in shown(FIRST, settings, facts)
    assert "× 13 steps of 64" in shown(FIRST.with_value("strategy.balance_to", "400"), settings, facts)


def test_a_batch_that_is_chosen_when_the_run_starts(settings) -> None:
    text = shown(FIRST.with_value("strategy.batch_size", "auto"), settings, Facts(DATA, MODEL))
    assert "30 epochs, batch chosen when it starts · adamw 0.001, cosine" in text
    assert "memory of tensors about 400 MB for batches of 64 · time" in text


def test_what_is_frozen_is_said_for_every_strategy(settings) -> None:
    resnet = FIRST.choose("architecture", "resnet18")
    assert "from scratch: everything trains" in shown(resnet, settings)
    assert "backbone frozen · new head trains" in shown(resnet.choose("strategy", "transfer"), settings)
    assert "from pretrained weights: everything trains" in shown(resnet.choose("strategy", "finetune"), settings)
    assert "the head trains first, one more stage joins every 2 epochs" in shown(
        resnet.choose("strategy", "gradual"), settings
    )


def test_what_stands_in_the_way_comes_first(settings) -> None:
    lines = shown(FIRST.with_value("strategy.epochs", "0").choose("dataset", "/none"), settings).splitlines()
    assert lines[0].startswith("✖") and lines[1].startswith("✖")
    refused = Facts(model_error="cannot read images of 1 × 28 × 28 px")
    assert "✖ cannot read images" in shown(FIRST, settings, refused)
    undivided = Facts(DataFacts(("cat",), {"all": (1,)}, "", 'class "cat" has too few images', False))
    assert "1 image · 1 class" in shown(FIRST, settings, undivided).splitlines()


def test_data_that_is_not_here_is_said_to_be_downloaded(settings) -> None:
    away = Facts(data_error="x.gz is not in /data; it is downloaded when a run needs it")
    assert "70,000 images · 10 classes · x.gz is not in /data" in shown(
        FIRST.choose("dataset", "mnist"), settings, away
    )
    empty = Facts(data_error='no image in class folder "owl"', data_unusable=True)  # which stands above, as an obstacle
    assert "70,000 images · 10 classes" in shown(FIRST.choose("dataset", "mnist"), settings, empty).splitlines()
    assert "counted when the run begins" in shown(FIRST.choose("dataset", "hf:a/b"), settings)


def test_classes_that_have_no_room_are_told_by_the_largest_and_the_smallest() -> None:
    counts = tuple(range(1, 101))
    data = DataFacts(tuple(f"class {index}" for index in counts), {"all": counts}, "", "", False)
    assert class_lines(data, 76, 1) == ["largest class 100 100 · smallest class 1 1"]
    balanced = DataFacts(data.classes, {"all": (600,) * 100}, "", "", False)
    assert class_lines(balanced, 76, 1) == ["each class 600"]
    assert len(class_lines(data, 200, 20)) <= 20
    assert class_lines(data, 76, 0) == [] and class_lines(None, 76, 5) == []


@given(
    st.lists(st.tuples(st.text(min_size=1, max_size=30), st.integers(0, 10**6)), min_size=1, max_size=60),
    st.integers(30, 200),
    st.integers(1, 30),
)
def test_bars_keep_to_their_room_whatever_the_classes_are_called(classes, width, room) -> None:
    names, counts = zip(*classes, strict=True)
    lines = class_lines(DataFacts(names, {"all": counts}, "", "", False), width, room)
    assert len(lines) <= room and "\x1b" not in "".join(lines)
    if len(lines) > 1:
        assert all(cells(line) <= max(width, 45) for line in lines)


GIB = 10**9
CARDS = [Device("cuda", 0, "A100", "a", 80 * GIB, 10 * GIB, 2), Device("cuda", 3, "A100", "b", 80 * GIB, 71 * GIB, 0)]
CPU = Device("cpu", 0, "Xeon", "", 16 * GIB, 8 * GIB)


def test_the_device_and_who_uses_the_others() -> None:
    line = device_line("auto", [*CARDS, CPU], CARDS[1], "")
    assert line == "device auto → cuda:1  A100 · 71 of 80 GB free   (cuda:0 in use)"
    assert device_line("cuda:0", [*CARDS, CPU], CARDS[0], "").endswith("10 of 80 GB free · used by 2 processes")
    assert device_line("cpu", [CPU], CPU, "") == "device cpu  Xeon · 8.0 of 16 GB free"
    assert device_line("cuda:7", [CPU], None, "is not here") == "device cuda:7 ✖ is not here"


def test_who_uses_the_device_has_room_on_a_small_screen() -> None:
    card = Device("cuda", 0, "NVIDIA H100 80GB HBM3", "GPU-1", 86 * 10**9, 84 * 10**9, 12)
    line = device_line("auto", [card, CPU], card, "")
    assert line == "device auto → cuda:0  H100 80GB HBM3 · 84 of 86 GB free · used by 12 processes"
    assert cells(line) <= 78


def test_which_runs_use_the_device_is_said_as_far_as_there_is_room() -> None:
    users = (DeviceUser("M1 (c5fe)", False), DeviceUser("M2 (01ab)", True), DeviceUser("M3 (77aa)", False))

    def line(width: int) -> str:
        found = device_line("cpu", [CPU], replace(CPU, name="Intel(R) Xeon(R)"), "", users, width)
        assert not width or cells(found) <= width
        return found

    whole = "device cpu  Intel(R) Xeon(R) · 8.0 of 16 GB free · used by M1 (c5fe), M2 (01ab) paused and M3 (77aa)"
    assert line(0) == line(120) == whole
    assert line(97).endswith("Xeon(R) · 8.0 of 16 GB free · used by M1 (c5fe), M2 (01ab) paused and 1 more")
    assert line(80).endswith("Xeon(R) · 8.0 of 16 GB free · used by M1 (c5fe) and 2 more")
    assert line(72) == "device cpu  Intel(R)… · 8.0 of 16 GB free · used by M1 (c5fe) and 2 more"
    assert line(67) == "device cpu  Intel(R) Xeon(R) · 8.0 of 16 GB free · used by 3 runs"
    assert line(54) == "device cpu  Inte… · 8.0 of 16 GB free · used by 3 runs"


def test_processes_on_a_card_that_are_no_runs_of_vislab_are_counted() -> None:
    mine = (DeviceUser("M1 (c5fe)", False),)
    assert device_line("cuda:0", CARDS, CARDS[0], "", mine).endswith("free · used by M1 (c5fe) and 1 other process")
    card = replace(CARDS[0], users=1)
    assert device_line("cuda:0", [card], card, "", mine).endswith("free · used by M1 (c5fe)")


def test_notes_and_help() -> None:
    assert picker_note({"images": 1797}) == "1,797" and picker_note({"parameters": 11_689_512}) == "11.7 M"
    assert picker_note({"epochs": 15}) == "15 epochs" and picker_note({}) == ""
    assert "25.6 M parameters; weights trained at 224 px" in architecture_help("resnet50d")
    assert architecture_help("lenet5") == ""


def test_data_sets_of_ones_own_are_kept_newest_first_and_once(tmp_path, monkeypatch) -> None:
    for name in "abcdefg":
        (tmp_path / name).mkdir()
    kept: tuple[str, ...] = ()
    for name in "abcdefg":
        kept = with_own(kept, str(tmp_path / name))
    assert [Path(one).name for one in kept] == ["g", "f", "e", "d", "c"]
    monkeypatch.chdir(tmp_path)
    assert with_own(kept, "./e/") == ("./e/", kept[0], kept[1], kept[3], kept[4])
    monkeypatch.setenv("HOME", str(tmp_path))
    assert with_own(kept, "~/g")[0] == "~/g" and len(with_own(kept, "~/g")) == 5
    assert with_own(kept, "mistyped") == kept and with_own(kept, "~nobody/here") == kept
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert with_own(kept, "e") == kept and own_labels(["e", "/x/e"]) == ["e (.)", "e (x)"]
    monkeypatch.chdir(tmp_path)
    assert with_own((), "hf:a/b") == ("hf:a/b",) and with_own((), "mine.py:source") == ("mine.py:source",)


@pytest.mark.parametrize(
    ("data", "labels"),
    [
        (["/x/photos", "/x/pets/"], ["photos", "pets"]),
        (["/x/a/photos", "/x/b/photos/", "pets"], ["photos (a)", "photos (b)", "pets"]),
        (["/a/x/photos", "/b/x/photos", "/b/y/photos"], ["photos (a/x)", "photos (b/x)", "photos (b/y)"]),
        (["/photos", "/x/photos"], ["photos (/)", "photos (x)"]),
        (["hf:a/photos", "/x/photos"], ["hf:a/photos", "photos"]),
        (["/", ""], ["/", ""]),
        ([], []),
    ],
)
def test_data_sets_of_one_name_are_told_apart(data, labels) -> None:
    assert own_labels(data) == labels
