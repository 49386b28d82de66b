"""From a spec to training data."""

import numpy as np
import pytest
import torch
from PIL import Image

from vislab.engine.cache import Cache
from vislab.engine.data import balancing, manifest, pixel_entries
from vislab.engine.data.balancing import Copies
from vislab.engine.data.loading import LabelledPixels, balanced, load_data
from vislab.engine.data.pixel_entries import PIXELS
from vislab.engine.data.stored import Keeper
from vislab.engine.data.stores import JoinedPixels
from vislab.engine.training.endings import Interrupted
from vislab.presets.errors import InputError

FOLDER = "vislab.engine.data.sources.folder:source"


def nothing(*args):
    pass


def load(spec, tmp_path, **keys):
    given = {
        "data_dir": tmp_path / "data",
        "split_file": tmp_path / "split.csv",
        "code": tmp_path,
        "progress": nothing,
        "check": nothing,
    }
    return load_data(spec, **(given | keys))


@pytest.fixture
def pictures(tmp_path):
    """A folder of image files of various sizes, three classes of unequal size."""
    random = np.random.default_rng(0)
    for name, count in (("cat", 12), ("dog", 8), ("owl", 5)):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for number in range(count):
            pixels = random.integers(0, 256, (10 + number, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pictures" / name / f"{number:02d}.png")
    return tmp_path / "pictures"


def rows(part):
    return {tuple(image.flatten().tolist()) for image in part.pixels}


def test_image_files_are_divided_decoded_and_counted(make_spec, pictures, tmp_path):
    spec = make_spec(
        dataset={"source": FOLDER, "path": str(pictures)},
        strategy={"split": "60/20/20"},
        preprocessing={"channels": 3, "image_size": 8},
    )
    told = []
    data = load(spec, tmp_path, progress=lambda done, total: told.append((done, total)))
    assert data.classes == ("cat", "dog", "owl")
    parts = {"train": data.train, "validation": data.validation, "test": data.test}
    assert sum(len(part) for part in parts.values()) == 25 and told[-1] == (25, 25)
    names = [name for part in parts.values() for name in part.names]
    assert len(set(names)) == 25 and all((pictures / name).is_file() for name in names)
    for role, part in parts.items():
        assert part.pixels.shape == (len(part), 3, 8, 8) and part.pixels.dtype == torch.uint8
        assert data.counts[role] == tuple(torch.bincount(part.labels, minlength=3).tolist())
        assert [data.classes[label] for label in part.labels] == [name.split("/")[0] for name in part.names]


def test_unreadable_images_of_all_parts_are_told_at_once(make_spec, pictures, tmp_path):
    spec = make_spec(
        dataset={"source": FOLDER, "path": str(pictures)},
        strategy={"split": "60/20/20"},
        preprocessing={"channels": 3, "image_size": 8},
    )
    whole = load(spec, tmp_path)
    broken = [part.names[0] for part in (whole.train, whole.validation, whole.test)]
    for name in broken:
        (pictures / name).write_bytes(b"no picture")
    with pytest.raises(InputError) as told:
        load(spec, tmp_path)
    assert "3 of 25 images cannot be read" in str(told.value)
    assert all(name in str(told.value) for name in broken)


def test_a_download_is_told_and_can_be_interrupted(make_spec, tmp_path):
    (tmp_path / "fetching.py").write_text(
        "import numpy as np\n"
        "from vislab.engine.data.source import ArrayImages, Source\n"
        "from vislab.engine.data.sources import download\n"
        "def source(root):\n"
        "    download._listener.get()('part.gz', 5, 10)\n"
        "    images = ArrayImages({'made': np.zeros((20, 8, 8, 1), dtype=np.uint8)})\n"
        "    return Source(('a', 'b'), np.arange(20) % 2, images)\n"
    )
    spec = make_spec(dataset={"source": f"{tmp_path / 'fetching.py'}:source", "path": ""})
    told = []
    load(spec, tmp_path, downloading=lambda done, size: told.append((done, size)))
    assert told == [(5, 10)]
    with pytest.raises(Interrupted):
        load(spec, tmp_path, downloading=lambda done, size: told.append(1 / 0), check=interrupted)


def interrupted():
    raise Interrupted("asked to", 130)


def test_the_division_of_a_run_is_read_again_not_made_again(make_spec, tmp_path):
    first = load(make_spec(strategy={"split": "80/20"}), tmp_path)
    again = load(make_spec(strategy={"split": "80/20"}, seed=7), tmp_path)
    assert torch.equal(first.train.pixels, again.train.pixels) and first.train.names == again.train.names
    (tmp_path / "split.csv").unlink()
    other = load(make_spec(strategy={"split": "80/20"}, seed=7), tmp_path)
    assert first.train.names != other.train.names


def test_training_pixels_are_stored_larger_where_crops_follow(make_spec, tmp_path):
    data = load(make_spec(strategy={"augment": ["random_resized_crop"]}), tmp_path)
    assert data.train.pixels.shape[-1] == 12 and data.validation.pixels.shape[-1] == 8


def test_without_a_split_everything_trains(make_spec, tmp_path):
    data = load(make_spec(strategy={"split": "none"}), tmp_path)
    assert len(data.train) == 57 and data.validation is None and data.test is None
    assert data.counts["validation"] == (0, 0, 0)


def test_validation_on_the_test_images_is_one_part_with_two_roles(make_spec, tmp_path):
    spec = make_spec(dataset={"options": {"test": 9}}, strategy={"validation": "test"})
    data = load(spec, tmp_path)
    assert data.validation is data.test and len(data.test) == 9 and data.split.selected_on_test
    assert data.counts["validation"] == data.counts["test"] == (3, 3, 3)


def test_a_limit_holds_for_each_role(make_spec, tmp_path):
    data = load(make_spec(dataset={"options": {"test": 12}}, strategy={"limit": 9}), tmp_path)
    assert all(data.counts[role] == (3, 3, 3) for role in ("train", "validation", "test"))


def test_one_training_image_is_too_few(make_spec, tmp_path):
    spec = make_spec(dataset={"options": {"train": 1, "classes": 1}})
    with pytest.raises(InputError, match="1 training images; at least two"):
        load(spec, tmp_path)


def test_loading_can_be_interrupted(make_spec, tmp_path):
    def stop():
        raise Interrupted("stopped on request", 130)

    with pytest.raises(Interrupted):
        load(make_spec(), tmp_path, check=stop)


@pytest.mark.parametrize("augment", [["rotation(degrees=30)", "horizontal_flip"], []], ids=["augmented", "copied"])
def test_balance_brings_every_class_to_its_count_with_copies_of_training_images_alone(make_spec, tmp_path, augment):
    keys = {"dataset": {"options": {"train": 40}}}  # 14, 13 and 13 images
    plain = load(make_spec(**keys), tmp_path)
    data = load(make_spec(strategy={"balance_to": 30, "balance_augment": augment}, **keys), tmp_path)
    assert data.counts["train"] == (30, 30, 30)
    assert data.counts["validation"] == plain.counts["validation"]
    assert torch.equal(data.validation.pixels, plain.validation.pixels)
    assert torch.equal(data.train.pixels[:40], plain.train.pixels)
    assert set(data.train.names) == set(plain.train.names)
    label_of = dict(zip(plain.train.names, plain.train.labels.tolist(), strict=True))
    assert all(
        label_of[name] == label for name, label in zip(data.train.names, data.train.labels.tolist(), strict=True)
    )
    copies = [data.train.names.count(name) for name in plain.train.names]
    assert max(copies) - min(copies) <= 1, "an image is copied twice before another was copied once"
    assert not rows(data.train) & rows(data.validation)
    if augment:
        assert len(rows(data.train)) > 80, "each copy has its own draws"
    else:
        assert rows(data.train) == rows(plain.train)


def test_balance_leaves_larger_classes_and_classes_without_images_alone(make_spec, tmp_path):
    spec = make_spec(strategy={"balance_to": 4})
    pixels = torch.randint(0, 256, (9, 1, 8, 8), dtype=torch.uint8)
    digests = manifest.digests(pixels.numpy())
    train = LabelledPixels(pixels, torch.tensor([0] * 7 + [2] * 2), tuple("abcdefghi"), digests)
    found = balanced(train, spec, code=tmp_path, keeper=Keeper(None, 10**6, nothing), check=nothing)
    assert torch.bincount(found.labels, minlength=4).tolist() == [7, 0, 4, 0]
    assert np.array_equal(found.digests, manifest.digests(found.pixels[:].numpy()))


def test_balance_where_nothing_is_missing_changes_nothing(make_spec, tmp_path):
    data = load(make_spec(strategy={"balance_to": 5}), tmp_path)
    assert data.counts["train"] == (14, 14, 14)


def test_balance_is_a_function_of_the_seed(make_spec, tmp_path):
    def of(seed):
        return load(make_spec(seed=seed, strategy={"balance_to": 30}), tmp_path).train.pixels

    assert torch.equal(of(1), of(1)) and not torch.equal(of(1), of(2))


def test_copies_beyond_the_memory_budget_are_made_once_and_mapped(make_spec, tmp_path, monkeypatch):
    spec = make_spec(strategy={"balance_to": 90, "balance_augment": ["rotation(degrees=30)"]})
    cache, pixels = Cache(tmp_path / "cache", 10**6), 8 * 8 * 57
    whole = load(spec, tmp_path)
    assert isinstance(whole.train.pixels, torch.Tensor) and whole.keeper.places == ["memory"] * 2
    copies = len(whole.train) - 42
    for budget, places in ((pixels + 64 * copies, ["memory"] * 2), (pixels, ["memory", "memory-mapped"])):
        data = load(spec, tmp_path, cache=cache, memory_budget=budget)
        assert isinstance(data.train.pixels, JoinedPixels) and data.keeper.places == places
        assert torch.equal(data.train.pixels[:], whole.train.pixels)
        assert np.array_equal(data.train.digests, whole.train.digests)
        assert data.keeper.in_memory <= budget and data.keeper.bytes == whole.keeper.bytes
    with monkeypatch.context() as patched:
        patched.setattr(Copies, "made", None)
        again = load(spec, tmp_path, cache=cache, memory_budget=pixels)
        assert torch.equal(again.train.pixels[:], whole.train.pixels)
    (file,) = (tmp_path / "cache" / "copies").rglob(PIXELS)
    before = file.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(pixel_entries, "_LOOKED_AT", 1)
        plain, sizes = Copies.made, list[int]()

        def measured(copies, pixels, portions):
            for portion in plain(copies, pixels, portions):
                sizes.append(len(portion))
                yield portion

        patched.setattr(Copies, "made", measured)
        file.write_bytes(before[:64] + bytes(640) + before[704:-64] + bytes(64))
        again = load(spec, tmp_path, cache=cache, memory_budget=pixels)
        assert torch.equal(again.train.pixels[:], whole.train.pixels) and file.read_bytes() == before
        assert sizes == [64, 36], "in the portions that they were made in, in which rounding is the same"
    other = load(make_spec(seed=1, strategy={"balance_to": 90}), tmp_path, cache=cache, memory_budget=pixels)
    assert not torch.equal(other.train.pixels[:], whole.train.pixels), "other draws, another entry"
    told = "balance_to = 90 adds 228 copies, .* memory_budget, .* and the cache cannot hold them: .* budget of 1.0 kB. "
    with pytest.raises(InputError, match=told):
        load(spec, tmp_path, cache=Cache(tmp_path / "small", 1000), memory_budget=pixels)


def test_making_copies_that_was_stopped_goes_on_where_it_was(make_spec, tmp_path, monkeypatch):
    monkeypatch.setattr(balancing, "_PORTION", 16)
    monkeypatch.setattr(balancing, "_RECORD_EVERY", 0.0)
    spec, cache, made = make_spec(strategy={"balance_to": 60}), Cache(tmp_path / "cache", 10**6), []
    whole, plain = load(spec, tmp_path), Copies.made

    def counted(copies, pixels, portions):
        for portion in plain(copies, pixels, portions):
            if len(made) == 3:
                raise Interrupted("asked to", 130)
            made.append(len(portion))
            yield portion

    monkeypatch.setattr(Copies, "made", counted)
    with pytest.raises(Interrupted):
        load(spec, tmp_path, cache=cache, memory_budget=0)
    made.append(0)
    data = load(spec, tmp_path, cache=cache, memory_budget=0)
    assert torch.equal(data.train.pixels[:], whole.train.pixels) and sum(made) == len(whole.train) - 42
