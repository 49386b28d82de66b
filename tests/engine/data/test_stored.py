"""Pixels that are decoded once: the same bits wherever they lie, made once, whatever happens meanwhile."""

import os
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vislab.engine.cache import ENTRY, Cache, Work
from vislab.engine.data import checked, decoder, manifest, pixel_entries, stored, streaming
from vislab.engine.data.pixel_entries import DIGESTS, KIND, NUMBERS, ORIGINALS, PIXELS
from vislab.engine.data.source import ArrayImages, FileImages
from vislab.engine.data.sources import open_dataset
from vislab.engine.data.stored import Keeper
from vislab.engine.data.stores import ArrayPixels, JoinedPixels, MappedPixels, in_order, portions_of
from vislab.engine.data.streaming import Opened, StreamedPixels
from vislab.engine.training.endings import Interrupted
from vislab.presets.errors import InputError
from vislab.presets.schema.dataset import Dataset
from vislab.presets.schema.preprocessing import Preprocessing

SMALL = Preprocessing(image_size=6, resize="stretch")
PARTS = [np.array([7, 0, 3, 19]), np.array([5, 4]), np.array([], dtype=np.int64), np.arange(8, 19)]
MUCH = 10**9


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    draws = np.random.default_rng(0)
    for number in range(20):
        path = tmp_path / "data" / "ab"[number % 2] / f"{number:02d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(draws.integers(0, 256, (9, 12, 3), dtype=np.uint8)).save(path)
    return tmp_path / "data"


def opened(folder: Path) -> Opened:
    dataset = Dataset(name="made", source="vislab.engine.data.sources.folder:source", path=str(folder))
    source = open_dataset(dataset, data_dir=folder.parent)
    return Opened(source.images, source.fingerprint(), dataset, folder.parent, folder.parent)


def keeper(cache: Cache | None, budget: int = MUCH) -> Keeper:
    return Keeper(cache, budget, lambda done, total: None)


def pixels_of(parts: list[stored.Part]) -> list[torch.Tensor]:
    return [next(in_order(part.pixels, [torch.arange(len(part.pixels))])) for part in parts]


def test_the_same_pixels_wherever_they_lie(folder: Path, tmp_path: Path) -> None:
    data = opened(folder)
    cache = Cache(tmp_path / "cache", MUCH)
    made = {
        "memory": (keeper(None), "memory"),
        "decoded into the cache": (keeper(cache), "memory"),
        "from the cache": (keeper(cache), "memory"),
        "mapped": (keeper(cache, budget=0), "memory-mapped"),
        "streamed": (keeper(None, budget=0), "streaming"),
        "streamed with checksums": (keeper(Cache(tmp_path / "small", 2000), budget=0), "streaming"),
    }
    found = {}
    for name, (each, place) in made.items():
        parts = each.keep(data, PARTS, SMALL, 6)
        assert each.places == [place], name
        assert each.decoded == (0 if name in ("from the cache", "mapped") else 17), name
        checksums = [(part.digests.tobytes(), part.originals.tobytes()) for part in parts]
        found[name] = (pixels_of(parts), checksums)
        for part, numbers in zip(parts, PARTS, strict=True):
            assert part.kept.tolist() == numbers.tolist() and part.pixels.shape == (len(numbers), 3, 6, 6)
    pixels, checksums = found.pop("memory")
    for name, other in found.items():
        assert all(map(torch.equal, other[0], pixels)), name
        assert other[1] == checksums, name
    assert keeper(Cache(tmp_path / "small", 2000), budget=0).keep(data, PARTS, SMALL, 6)
    assert [(entry.kind, entry.holder) for entry in Cache(tmp_path / "small").entries()] == [(DIGESTS, 0)]


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_every_store_gives_any_rows_in_any_portions(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("mapped")
    whole = np.random.default_rng(1).integers(0, 256, (9, 3, 4, 4), dtype=np.uint8)
    (folder / "pixels").write_bytes(whole.tobytes())
    chosen = np.array(data.draw(st.lists(st.integers(0, 8), min_size=1, max_size=12)))
    expected = torch.from_numpy(whole[chosen])
    mapped = MappedPixels(folder / "pixels", chosen, (3, 4, 4))
    array = ArrayPixels(ArrayImages({"all": np.moveaxis(whole, 1, 3)}), chosen, 3)
    border = data.draw(st.integers(1, 8))
    first = MappedPixels(folder / "pixels", np.arange(border), (3, 4, 4))
    second = JoinedPixels(first, torch.from_numpy(whole[border:]))
    rows = st.lists(st.integers(0, len(chosen) - 1), max_size=9)
    portions = [torch.tensor(drawn, dtype=torch.int64) for drawn in data.draw(st.lists(rows, max_size=8))]
    for store in (expected, mapped, array):
        assert len(store) == len(chosen)
        assert torch.equal(store[1:7], expected[1:7])
        for wanted, found in zip(portions, in_order(store, iter(portions)), strict=True):
            assert torch.equal(found, expected[wanted])
            assert torch.equal(store.index_select(0, wanted), expected[wanted])
    through = [torch.from_numpy(chosen)[wanted] for wanted in portions]
    for wanted, found in zip(portions, in_order(second, through), strict=True):
        assert torch.equal(found, expected[wanted])


def test_parts_without_images_need_no_place(folder: Path, tmp_path: Path) -> None:
    nothing = np.array([], dtype=np.int64)
    for each in (keeper(Cache(tmp_path / "cache", MUCH)), keeper(None, 0)):
        parts = each.keep(opened(folder), [nothing, nothing], SMALL, 6)
        assert [part.pixels.shape for part in parts] == [(0, 3, 6, 6)] * 2 and each.places == []


def test_portions_of_nothing() -> None:
    assert list(portions_of(0, 4)) == []
    assert [len(rows) for rows in portions_of(9, 4)] == [4, 4, 1]


def test_the_checksum_of_an_original_is_of_its_own_pixels_whatever_size_it_is_kept_at(folder: Path) -> None:
    data = opened(folder)
    small, large = (keeper(None).keep(data, PARTS, SMALL, side) for side in (6, 9))
    for part, other in zip(small, large, strict=True):
        assert part.originals.tobytes() == other.originals.tobytes()
        assert part.originals.tobytes() == manifest.originals(map(data.images.read, part.kept)).tobytes()
        assert not len(part.kept) or part.digests.tobytes() != other.digests.tobytes()


def test_images_of_one_content_and_two_shapes_are_no_copies() -> None:
    flat, upright = (np.zeros(shape, dtype=np.uint8) for shape in ((2, 3, 1), (3, 2, 1)))
    assert manifest.copies(manifest.originals([flat, flat, upright]), manifest.originals([flat])) == 2
    assert manifest.copies(manifest.originals([]), manifest.originals([flat])) == 0


def test_arrays_that_need_no_resizing_are_not_cached(tmp_path: Path) -> None:
    images = ArrayImages({"all": np.random.default_rng(2).integers(0, 256, (20, 6, 6, 1), dtype=np.uint8)})
    data = Opened(images, "print", Dataset(name="made", source="x:y"), tmp_path, tmp_path)
    cache = Cache(tmp_path / "cache", MUCH)
    found = {}
    for budget, place in ((MUCH, "memory"), (0, "arrays")):
        each = keeper(cache, budget)
        parts = each.keep(data, PARTS, SMALL, 6)
        assert each.places == [place] and each.decoded == 0
        found[place] = (pixels_of(parts), [(part.digests.tobytes(), part.originals.tobytes()) for part in parts])
    assert all(map(torch.equal, found["memory"][0], found["arrays"][0]))
    assert found["memory"][1] == found["arrays"][1]
    assert cache.entries() == []


def test_another_division_of_the_same_images_needs_no_decoding(folder: Path, tmp_path: Path) -> None:
    data, cache = opened(folder), Cache(tmp_path / "cache", MUCH)
    keeper(cache).keep(data, [np.arange(20)], SMALL, 6)
    again = keeper(cache, budget=0)
    (part,) = again.keep(data, [np.array([11, 2])], SMALL, 6)
    assert again.decoded == 0 and torch.equal(
        part.pixels[:], pixels_of(keeper(None).keep(data, [part.kept], SMALL, 6))[0]
    )
    for change in ({"resize": "pad"}, {"channels": 1}, {"interpolation": "nearest"}):
        other = keeper(cache)
        other.keep(data, [np.arange(20)], Preprocessing(**{"image_size": 6, "resize": "stretch"} | change), 6)
        assert other.decoded == 20, change
    os.utime(folder / "a" / "00.png", (1, 1))
    other = keeper(cache)
    other.keep(opened(folder), [np.arange(20)], SMALL, 6)
    assert other.decoded == 20


def test_of_overlapping_divisions_only_what_no_other_has_is_decoded(folder: Path, tmp_path: Path) -> None:
    (folder / "b" / "03.png").write_bytes(b"no picture")
    data, cache = opened(folder), Cache(tmp_path / "cache", MUCH)
    for numbers, decoded in ((np.arange(8), 8), (np.arange(4, 14), 6), (np.arange(20)[::-1], 6 + 1)):
        each = keeper(cache, 0)
        (found,) = each.keep(data, [numbers], SMALL, 6)
        assert each.decoded == decoded, "the one that cannot be read is tried again"
    (plain,) = keeper(None).keep(data, [np.arange(20)[::-1]], SMALL, 6)
    assert torch.equal(found.pixels[:], plain.pixels[:]) and len(found.kept) == 19
    assert np.array_equal(found.digests, plain.digests) and np.array_equal(found.originals, plain.originals)
    assert found.unreadable.keys() == plain.unreadable.keys()


def test_pixels_of_another_entry_are_compared_with_their_checksums_and_let_go(folder: Path, tmp_path: Path) -> None:
    data, cache = opened(folder), Cache(tmp_path / "cache", MUCH)
    keeper(cache).keep(data, [np.arange(10)], SMALL, 6)
    (entry,) = cache.entries()
    path = cache.folder / KIND / entry.key / PIXELS
    content = bytearray(path.read_bytes())
    content[2 * 108] ^= 1
    path.write_bytes(content)
    again = keeper(cache)
    (part,) = again.keep(data, [np.arange(1, 12)], SMALL, 6)
    assert again.decoded == 3, "the damaged one, and the two that are not there"
    assert torch.equal(part.pixels[:], keeper(None).keep(data, [np.arange(1, 12)], SMALL, 6)[0].pixels[:])
    assert all(cache.remove(each) for each in cache.entries()), "pixels that were copied into memory use no entry"


@pytest.mark.parametrize(("budget", "used"), [(MUCH, False), (0, True)], ids=["in memory", "mapped"])
def test_an_entry_is_in_use_only_while_it_is_mapped(folder: Path, tmp_path: Path, budget: int, used: bool) -> None:
    data, cache = opened(folder), Cache(tmp_path / "cache", MUCH)
    for _ in range(2):  # decoded into the cache, then found there
        parts = keeper(cache, budget).keep(data, PARTS, SMALL, 6)
        (entry,) = cache.entries()
        assert bool(entry.holder) == used and len(parts[0].kept) == 4


def test_room_is_made_by_removing_what_cannot_be_copied(folder: Path, tmp_path: Path) -> None:
    data, cache = opened(folder), Cache(tmp_path / "cache", MUCH)
    keeper(cache).keep(data, [np.arange(8)], SMALL, 6)
    other = cache.begin("features", {"n": 1}, size=2000, waiting=lambda *_: None)
    assert isinstance(other, Work)
    with other:
        other.write_file("features", bytes(2000))
        other.publish().release()
    for number, entry in enumerate(sorted(cache.entries(), key=lambda entry: entry.kind, reverse=True)):
        os.utime(cache.folder / entry.kind / entry.key / ENTRY, (number, number))
    assert [entry.kind for entry in cache.entries()] == [KIND, "features"], "the pixels are the longest unused"
    size = sum(entry.size for entry in cache.entries())
    again = keeper(Cache(cache.folder, size + 1000))
    again.keep(data, [np.arange(4, 14)], SMALL, 6)
    assert again.decoded == 6 and [entry.kind for entry in cache.entries()] == [KIND, KIND]
    alone = keeper(Cache(cache.folder, 4000))  # there is no room beside what could be copied
    alone.keep(data, [np.arange(18)], SMALL, 6)
    assert alone.decoded == 18 and not alone.uncached


@pytest.mark.parametrize("how", ["memory", "mapped", "streamed"])
def test_images_that_cannot_be_read_are_left_out_alike(folder: Path, tmp_path: Path, how: str) -> None:
    (folder / "b" / "03.png").write_bytes(b"no picture")
    data = opened(folder)
    number = [data.images.name(index) for index in range(20)].index("b/03.png")
    cache = None if how == "streamed" else Cache(tmp_path / "cache", MUCH)
    asked = np.array([number, 1, 0])
    for _ in range(2):
        (part,) = keeper(cache, MUCH if how == "memory" else 0).keep(data, [asked], SMALL, 6)
        assert part.kept.tolist() == [1, 0] and len(part.pixels) == len(part.digests) == 2
        assert {index: fault.name for index, fault in part.unreadable.items()} == {number: "b/03.png"}


def test_an_image_that_can_be_read_again_is_decoded_again(folder: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(FileImages, "marks", lambda images: "a disk that did not answer for a while changes no file")
    path, told = folder / "b" / "03.png", list[str]()
    whole, status = path.read_bytes(), path.stat()
    path.write_bytes(bytes(len(whole)))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    cache = Cache(tmp_path / "cache", MUCH, told.append)
    keeper(cache).keep(opened(folder), [np.arange(20)], SMALL, 6)
    path.write_bytes(whole)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    (part,) = keeper(cache).keep(opened(folder), [np.arange(20)], SMALL, 6)
    assert len(part.kept) == 20 and len(told) == 1 and "can: it is made again" in told[0]


@pytest.mark.parametrize("name", [PIXELS, DIGESTS, ORIGINALS])
def test_changed_bytes_in_the_cache_are_found(folder: Path, tmp_path: Path, name: str) -> None:
    told = list[str]()
    cache = Cache(tmp_path / "cache", MUCH, told.append)
    data = opened(folder)
    (part,) = keeper(cache).keep(data, [np.arange(20)], SMALL, 6)
    (entry,) = cache.entries()
    path = cache.folder / KIND / entry.key / name
    path.write_bytes(path.read_bytes()[::-1])
    again = keeper(cache)
    (repaired,) = again.keep(data, [np.arange(20)], SMALL, 6)
    assert again.decoded == 20 and torch.equal(repaired.pixels[:], part.pixels[:])
    assert np.array_equal(repaired.originals, part.originals)
    assert "is damaged: it is made again" in told[0]


@pytest.mark.parametrize("budget", [MUCH, 0], ids=["memory", "mapped"])
def test_damaged_images_that_no_sample_shows_are_decoded_anew_alone(
    folder: Path, tmp_path: Path, monkeypatch, budget: int
) -> None:
    monkeypatch.setattr(pixel_entries, "_LOOKED_AT", 1)
    monkeypatch.setattr(checked, "_WORTH_THREADS", 500)
    monkeypatch.setattr(checked, "host", lambda: SimpleNamespace(usable_cores=64))  # more than there are images
    data, numbers, told = opened(folder), np.arange(20), list[str]()
    (part,) = keeper(Cache(tmp_path / "cache", MUCH)).keep(data, [numbers], SMALL, 6)
    (path,) = (tmp_path / "cache" / KIND).rglob(PIXELS)
    whole = path.read_bytes()

    def damaged() -> tuple[Keeper, list[stored.Part]]:
        content = np.frombuffer(whole, dtype=np.uint8).reshape(20, -1).copy()
        content[3:17:2, -1] ^= 1
        path.write_bytes(content.tobytes())
        found = keeper(Cache(tmp_path / "cache", MUCH, told.append), budget)
        return found, found.keep(data, [numbers[10:], numbers[:10]], SMALL, 6)

    again, parts = damaged()
    for _ in range(2):
        assert torch.equal(torch.cat(pixels_of(parts[::-1])), part.pixels[:])
    assert again.decoded == 7 and path.read_bytes() == whole
    assert len(told) == 1 and "are damaged: they are made again" in told[0]
    if budget == 0:
        again, parts = damaged()
        path.unlink()  # it cannot be mended there
        for count in (7, 14):
            assert torch.equal(torch.cat(pixels_of(parts[::-1])), part.pixels[:]) and again.decoded == count
        name, other = data.images.name(3), data.images.name(4)
        (folder / name).write_bytes((folder / other).read_bytes())
        with pytest.raises(InputError, match="are damaged, and what their images are made of is not what it was"):
            pixels_of(parts)


def test_images_that_changed_places_and_kept_their_times_are_decoded_again(folder: Path, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", MUCH)
    for path in folder.rglob("*.png"):
        Image.open(path).save(path.with_suffix(".bmp"))  # files of one size
        path.unlink()
        os.utime(path.with_suffix(".bmp"), (10**9, 10**9))
    one, other = folder / "a/00.bmp", folder / "a/02.bmp"
    before = pixels_of(keeper(cache).keep(opened(folder), [np.arange(20)], SMALL, 6))[0]
    one.rename(folder / "third")
    other.rename(one)
    (folder / "third").rename(other)
    again = keeper(cache)
    after = pixels_of(again.keep(opened(folder), [np.arange(20)], SMALL, 6))[0]
    assert again.decoded == 20
    swapped = before.clone()
    swapped[0], swapped[1] = before[1], before[0]
    assert not torch.equal(before[0], before[1]) and torch.equal(after, swapped)


def test_numbers_in_the_cache_that_are_not_what_they_were_are_found(folder: Path, tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", MUCH)
    data = opened(folder)
    before = pixels_of(keeper(cache).keep(data, PARTS, SMALL, 6))
    (file,) = (tmp_path / "cache").rglob(NUMBERS)
    file.write_bytes(np.fromfile(file, dtype=np.int64)[::-1].tobytes())
    again = keeper(Cache(tmp_path / "cache", MUCH))
    assert all(map(torch.equal, pixels_of(again.keep(data, PARTS, SMALL, 6)), before)) and again.decoded == 17


def test_decoding_that_is_stopped_goes_on_where_it_was(folder: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(stored, "_TELL_EVERY", 0.0)
    monkeypatch.setattr("vislab.engine.data.pixels._CHUNK", 1)
    data, cache = opened(folder), Cache(tmp_path / "cache", MUCH)

    def stop(done: int, total: int) -> None:
        if done > 6:
            raise Interrupted("asked to", 130)

    first = Keeper(cache, MUCH, stop)
    with pytest.raises(Interrupted):
        first.keep(data, [np.arange(20)], SMALL, 6)
    second = keeper(cache, 0)
    (part,) = second.keep(data, [np.arange(20)], SMALL, 6)
    assert 0 < second.decoded < 20
    (whole,) = keeper(None).keep(data, [np.arange(20)], SMALL, 6)
    assert torch.equal(part.pixels[:], whole.pixels[:]) and np.array_equal(part.digests, whole.digests)


@pytest.mark.parametrize("budget", [MUCH, 0])
def test_a_full_disk_ends_the_cache_and_not_the_run(folder: Path, tmp_path: Path, monkeypatch, budget: int) -> None:
    data, cache = opened(folder), Cache(tmp_path / "cache", MUCH)

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    each = keeper(cache, budget)
    (part,) = each.keep(data, [np.arange(20)], SMALL, 6)
    assert "No space left on device" in each.uncached
    assert each.places == ["memory" if budget else "streaming"]
    (whole,) = keeper(None).keep(data, [np.arange(20)], SMALL, 6)
    assert torch.equal(part.pixels[:], whole.pixels[:])
    assert cache.entries() == []


def test_a_streamed_image_that_vanishes_or_is_replaced_is_named(folder: Path) -> None:
    data = opened(folder)
    (part,) = keeper(None, 0).keep(data, [np.arange(20)], SMALL, 6)
    assert isinstance(part.pixels, StreamedPixels)
    name, other = data.images.name(4), data.images.name(9)
    (folder / name).write_bytes((folder / other).read_bytes())
    portions = in_order(part.pixels, list(torch.arange(20).split(2)))
    assert next(portions).shape == (2, 3, 6, 6)
    with pytest.raises(InputError, match=f"is not what it was when the run began: {name}. Put it back"):
        list(portions)
    (folder / name).unlink()
    portions = in_order(part.pixels, list(torch.arange(20).split(2)))
    with pytest.raises(InputError, match=f"cannot be read any more: {name}: the file does not exist"):
        list(portions)


def test_a_decoding_process_that_is_killed_is_replaced_and_a_second_death_is_told(folder: Path, monkeypatch) -> None:
    data = opened(folder)
    monkeypatch.setattr(streaming, "host", lambda: SimpleNamespace(usable_cores=2))
    decoders = streaming.Decoders(data, SMALL)
    numbers = np.arange(20)
    digests = keeper(None).keep(data, [numbers], SMALL, 6)[0].digests
    before = decoders.begin(numbers, 6, digests).wait()
    killed = list(decoders._processes)
    for process in killed:
        process.kill()
    assert torch.equal(decoders.begin(numbers, 6, digests).wait(), before)
    assert not set(killed) & set(decoders._processes) and all(one.poll() is None for one in decoders._processes)
    for process in decoders._processes:
        process.kill()
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(InputError, match=r"data set made: .* has ended \(exit code 1\)\. .*cache_budget.* a/00\.png"):
        decoders.begin(np.arange(10), 6, digests).wait()
    with pytest.raises(InputError, match=r"has ended \(exit code 1\)"):
        streaming.Decoders(data, SMALL)


def test_decoding_processes_refuse_other_images_and_end_with_their_owner(folder: Path) -> None:
    data = opened(folder)
    decoders = streaming.Decoders(data, SMALL)
    processes = list(decoders._processes)
    assert all(process.poll() is None for process in processes)
    del decoders
    assert all(process.poll() is not None for process in processes)
    assert isinstance(data.images, FileImages)
    with pytest.raises(InputError, match="not what they were a moment ago"):
        streaming.Decoders(replace(data, images=FileImages(folder, ["a/00.png"])), SMALL)
    assert decoder.names_digest(data.images) != decoder.names_digest(FileImages(folder, ["a/00.png"]))
