"""Images that cannot be read, and images that change between stop and resume."""

import csv
import os
import shutil
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from vislab.engine import worker
from vislab.engine.analysis import predictions
from vislab.engine.analysis.findings import findings
from vislab.engine.data import batches, manifest
from vislab.engine.evaluation import evaluate
from vislab.engine.runs import checkpoints
from vislab.presets.errors import InputError

FOLDER = "vislab.engine.data.sources.folder:source"


@pytest.fixture
def pictures(tmp_path):
    """A folder of image files, two classes of twelve."""
    random = np.random.default_rng(0)
    for name in ("cat", "dog\udcff\x1b[31m"):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(12):
            pixels = random.integers(0, 256, (10, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pictures" / name / f"{number:02d}.png")
    return tmp_path / "pictures"


@pytest.fixture
def make(make_run, pictures):
    def make(**dataset):
        return make_run(
            dataset={"source": FOLDER, "path": str(pictures)} | dataset,
            strategy={"split": "80/20", "epochs": 2},
            preprocessing={"channels": 3},
            checkpoint_every="1step",
        )

    return make


def stopped(make, interrupt):
    run = make()
    assert interrupt(run, lambda phase, step, epoch, done: (phase, step) == ("training", 2)) == 130
    return run


def of_training(run, count):
    """Paths of the first training images."""
    rows = run.split.read_text(errors="surrogateescape").splitlines()
    return [row.split(",")[1] for row in rows if row.endswith(",train")][:count]


def reason(run):
    return run.state().ended.reason


@pytest.mark.parametrize("harm", ["cut", "empty", "text", "vanished", "bomb"])
def test_an_image_that_cannot_be_read_refuses_the_start_by_name(make, train, pictures, harm, monkeypatch):
    file = pictures / "cat" / "03.png"
    match harm:
        case "cut":
            os.truncate(file, 60)
        case "empty":
            file.write_bytes(b"")
        case "text":
            file.write_text("no picture")
        case "vanished":
            file.unlink()
            file.symlink_to("nowhere.png")
        case "bomb":
            monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
    run = make()
    assert train(run) == 2
    assert "cat/03.png" in reason(run) and "dataset.skip_unreadable" in reason(run)
    if harm == "bomb":
        assert "179 million pixels" in reason(run)
    assert not run.state().started and not run.data_manifest.exists()


def test_unreadable_images_are_left_out_and_listed_and_no_other_is_put_in_their_place(
    make, train, interrupt, pictures, trained
):
    whole = make()
    assert train(whole) == 0
    division = whole.split.read_bytes()
    bad = [*of_training(whole, 2), "cat/03.png"]
    kept = {name: (pictures / name).read_bytes() for name in bad}
    for name in bad:
        os.truncate(pictures / name, 60)
    undisturbed, run = make(skip_unreadable=True), make(skip_unreadable=True)
    assert train(undisturbed) == 0
    assert interrupt(run, lambda phase, step, epoch, done: (phase, step) == ("training", 2), "kill") is None
    for name in bad:  # repaired meanwhile: a resumed run leaves out the same images all the same
        (pictures / name).write_bytes(kept[name])
    assert train(run) == 0 and trained(run) == trained(undisturbed)
    said = {name.encode(errors="surrogateescape") for name in bad}
    expected = [
        line.rpartition(b",")[0] + b",left out" if line.split(b",")[1] in said else line
        for line in division.splitlines()
    ]
    assert run.split.read_bytes().splitlines() == expected, "the division is made before anything is left out"
    state = run.state()
    assert sum(map(sum, state.started.counts.values())) == 24 - len(set(bad))
    listed = run.unreadable.read_text(errors="surrogateescape").splitlines()
    assert sorted(line.split("\t")[1] for line in listed) == sorted(set(bad))
    assert all(name in manifest.read(whole.data_manifest)[1] for name in bad)
    assert not any(name in manifest.read(run.data_manifest)[1] for name in bad)
    (notice,) = [notice for notice in undisturbed.state().notices if notice.topic == "data"]
    assert (
        notice.text.startswith(f"{len(set(bad))} images cannot be read and are left out")
        and "results/unreadable.txt lists them all" in notice.text
        and "cat/03.png" in notice.text
    )


def test_a_class_has_one_name_in_all_files_of_a_run(make, train):
    run = make()
    assert train(run) == 0
    classes = run.state().started.classes
    assert classes == ("cat", "dog\\xff\x1b[31m")
    answered = predictions.read(run.path)
    assert {row.label for row in answered} == set(classes) and set(answered.classes) <= set(classes)
    assert all((pictures_of(run) / row.name).is_file() for row in answered)
    told = msgspec.json.decode((run.results / "validation.json").read_bytes())
    assert [row["name"] for row in told["classes"]] == list(classes)
    assert {row["label"] for row in csv.DictReader(run.split.open(errors="surrogateescape"))} == set(classes)


def test_a_run_that_an_earlier_version_began_keeps_its_names(make, train, interrupt):
    run = stopped(make, interrupt)
    for file in (run.events, run.split):
        kept = {run.events: rb"dog\\xff", run.split: rb"dog\xff"}[file]
        then = {run.events: rb"dog?", run.split: b"dog\xff"}[file]
        assert kept in file.read_bytes()
        file.write_bytes(file.read_bytes().replace(kept, then))
    assert train(run) == 0
    assert run.state().started.classes == ("cat", "dog?\x1b[31m")
    assert {row.label for row in predictions.read(run.path)} == {"cat", "dog?\x1b[31m"}


def test_a_run_is_not_resumed_with_other_classes(make, train, interrupt, pictures):
    run = stopped(make, interrupt)
    shutil.copytree(pictures / "cat", pictures / "zebra")
    assert train(run) == 2
    assert "other classes than when the run began" in reason(run)
    shutil.rmtree(pictures / "zebra")
    assert train(run) == 0


def pictures_of(run):
    return Path(run.spec().dataset.path)


def test_new_times_alone_change_nothing(make, train, interrupt, pictures):
    """Of a data set that was copied or unpacked again, the pixels count."""
    run = stopped(make, interrupt)
    shutil.copytree(pictures, pictures.with_name("copy"))
    for file in pictures.rglob("*.png"):
        os.utime(file, (1, 1))
    assert train(run) == 0
    assert not run.state().notices


def test_changed_images_are_refused_by_name_unless_forced(make, train, interrupt, pictures, settings):
    run = stopped(make, interrupt)
    before = [folder.name for folder in checkpoints.full(run.checkpoints)]
    names = of_training(run, 2)
    for name in names:
        Image.new("RGB", (12, 10)).save(pictures / name)
    assert train(run) == 2
    assert reason(run).startswith("data set made: 2 of 24 images are not what they were") and "--force" in reason(run)
    assert all(name.encode(errors="replace").decode() in reason(run) for name in names)
    assert [folder.name for folder in checkpoints.full(run.checkpoints)] == before
    old_requests = run.control.stat().st_size
    assert worker.main(run.path, settings=settings, control_from=old_requests, force=True) == 0
    (notice,) = [notice for notice in run.state().notices if notice.topic == "data"]
    assert notice.text.startswith("2 images have changed since the run began")


@pytest.mark.parametrize("skip", [False, True])
def test_an_image_that_vanished_meanwhile_is_never_left_out_in_silence(make, train, interrupt, pictures, skip):
    run = make(skip_unreadable=skip)
    assert interrupt(run, lambda phase, step, epoch, done: (phase, step) == ("training", 2)) == 130
    (name,) = of_training(run, 1)
    (pictures / name).write_bytes(b"")
    assert train(run) == 2
    assert name.encode(errors="replace").decode() in reason(run)


def test_a_run_that_starts_again_from_the_beginning_takes_the_data_as_they_are(make, train, interrupt, pictures):
    run = stopped(make, interrupt)
    for folder in checkpoints.full(run.checkpoints):
        shutil.rmtree(folder)
    Image.new("RGB", (12, 10)).save(pictures / "cat" / "03.png")
    assert train(run) == 0


def test_a_manifest_comes_back_whatever_the_names(tmp_path):
    names = {'a\nb\t"c': "0", "\udcff\u202e\u2028": "1", "": "2"}
    manifest.write(tmp_path / "data.manifest", "print", names)
    assert manifest.read(tmp_path / "data.manifest") == ("print", names)
    assert manifest.changed(names, {**names, "": "3", "new": "4"}) == ["", "new"]


@pytest.mark.parametrize(("room", "last"), [(batches, 2), (evaluate, 5)], ids=["training", "validation"])
def test_what_was_trained_is_saved_when_an_image_cannot_be_read_any_more(
    make_run, train, trained, watch, monkeypatch, room, last
):
    undisturbed, run = make_run(), make_run()
    assert train(undisturbed) == 0
    reached, in_order = [], room.in_order

    def vanishing(pixels, portions):
        for found in in_order(pixels, portions):
            if reached:
                raise InputError("An image cannot be read any more: cat.png")
            yield found

    watch(lambda phase, step, epoch, done: reached.append(step) if (phase, step) == ("training", last) else None)
    with monkeypatch.context() as patched:
        patched.setattr(room, "in_order", vanishing)
        assert train(run) == 2 and reason(run).endswith("cat.png")
    (saved, *_) = checkpoints.full(run.checkpoints)
    assert checkpoints.step(saved) == run.state().ended.step == (2 if room is batches else 6)
    assert train(run) == 0 and trained(run) == trained(undisturbed)


@pytest.mark.parametrize("copied", [2, 0])
@pytest.mark.parametrize("crops", [False, True])
def test_copies_of_training_images_among_those_held_out_are_counted(make_run, train, tmp_path, copied, crops):
    """Of pictures of differing sizes, also where training pixels are kept larger than the others, to crop from."""
    root = tmp_path / "parts"
    random = np.random.default_rng(0)
    for part in ("train", "val", "test"):
        for number in range(8):
            size = (9 + number, 20 - number, 3)
            file = root / part / "ab"[number % 2] / f"{number}.png"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(random.integers(0, 256, size, dtype=np.uint8)).save(file)
    if copied:
        shutil.copy(root / "train/a/0.png", root / "val/a/copy.png")  # byte by byte
        Image.open(root / "train/b/1.png").save(root / "val/b/copy.bmp")  # the pixels in another format
        Image.open(root / "train/b/3.png").save(root / "test/b/3.png", compress_level=0)
    augment = ["random_resized_crop"] if crops else []
    run = make_run(
        dataset={"source": FOLDER, "path": str(root)},
        strategy={"split": "official", "epochs": 1, "augment": augment},
        preprocessing={"channels": 3},
    )
    assert train(run) == 0
    state = run.state()
    decided = [decision for decision in state.decisions if decision.what == "duplicates"]
    told = [finding.text for finding in findings(state, run.spec()) if finding.kind == "duplicates"]
    if copied:
        assert [(made.choice, made.details) for made in decided] == [("3", {"validation": 2, "test": 1})]
        assert told[0].startswith(
            "Duplicates: 2 of 10 validation images and 1 of 8 test images have exactly the pixels"
        )
    else:
        assert not decided and not told
