import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vislab.engine.data.decoding import UnreadableImage, read_image

RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
GREY = RGB[:, :, 0]


def saved(path: Path, image: Image.Image, **options) -> np.ndarray:
    image.save(path, **options)
    pixels = read_image(path, path.name)
    assert pixels.dtype == np.uint8 and pixels.ndim == 3
    return pixels


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff", "ppm", "webp", "tga"])
def test_rgb_is_read_as_it_was_written(tmp_path: Path, suffix) -> None:
    options = {"lossless": True} if suffix == "webp" else {}
    np.testing.assert_array_equal(saved(tmp_path / f"a.{suffix}", Image.fromarray(RGB), **options), RGB)


def test_grey_has_one_channel(tmp_path: Path) -> None:
    np.testing.assert_array_equal(saved(tmp_path / "a.png", Image.fromarray(GREY)), GREY[:, :, None])


def test_bilevel_becomes_black_and_white(tmp_path: Path) -> None:
    pixels = saved(tmp_path / "a.png", Image.fromarray(GREY > 127))
    np.testing.assert_array_equal(pixels[:, :, 0], np.where(GREY > 127, 255, 0))


def test_palette_becomes_rgb(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putdata([0, 1])
    assert saved(tmp_path / "a.png", image).tolist() == [[[10, 20, 30], [200, 100, 50]]]


def test_a_transparent_palette_entry_becomes_white(tmp_path: Path) -> None:
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putdata([0, 1])
    assert saved(tmp_path / "a.png", image, transparency=0).tolist() == [[[255] * 3, [200, 100, 50]]]


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    rgba = np.array([[[255, 0, 0, 255], [255, 0, 0, 0], [0, 0, 0, 128]]], dtype=np.uint8)
    assert saved(tmp_path / "a.png", Image.fromarray(rgba)).tolist() == [[[255, 0, 0], [255] * 3, [127] * 3]]
    la = np.array([[[40, 255], [40, 0], [0, 128]]], dtype=np.uint8)
    assert saved(tmp_path / "b.png", Image.fromarray(la)).tolist() == [[[40], [255], [127]]]


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_sixteen_bits_are_scaled_to_eight(tmp_path: Path, suffix) -> None:
    deep = np.array([[0, 257, 32896, 65535, 40000]], dtype=np.uint16)
    assert saved(tmp_path / f"a.{suffix}", Image.fromarray(deep))[:, :, 0].tolist() == [[0, 1, 128, 255, 156]]


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    pixels = saved(tmp_path / "a.tiff", Image.new("CMYK", (3, 2), (0, 255, 255, 0)))
    assert pixels.shape == (2, 3, 3)
    np.testing.assert_allclose(pixels[0, 0], [255, 0, 0], atol=2)


@pytest.mark.parametrize(
    ("orientation", "expected"), [(1, [[1, 2], [3, 4]]), (3, [[4, 3], [2, 1]]), (6, [[3, 1], [4, 2]])]
)
def test_exif_orientation_is_applied(tmp_path: Path, orientation, expected) -> None:
    image = Image.fromarray(np.array([[1, 2], [3, 4]], dtype=np.uint8))
    exif = Image.Exif()
    exif[0x0112] = orientation
    assert saved(tmp_path / "a.png", image, exif=exif)[:, :, 0].tolist() == expected


def test_of_an_animation_the_first_frame_is_read(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (2, 2), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert read_image(tmp_path / "a.gif", "a.gif")[0, 0].tolist() == [255, 0, 0]


def refused(path: Path) -> str:
    with pytest.raises(UnreadableImage) as caught:
        read_image(path, "folder/name.png")
    assert caught.value.name == "folder/name.png"
    assert "\n" not in caught.value.reason
    return caught.value.reason


def test_a_vanished_file() -> None:
    assert refused(Path("/no/such/file.png")) == "the file does not exist"


def test_a_text_and_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("not an image")
    (tmp_path / "b.png").touch()
    assert refused(tmp_path / "a.png") == refused(tmp_path / "b.png") == "not an image of a known format"


def test_a_folder_named_like_an_image(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()
    assert "directory" in refused(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tiff", "gif", "bmp"])
def test_a_truncated_file(tmp_path: Path, suffix) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    assert refused(path)


def test_floating_point_pixels_have_no_range(tmp_path: Path) -> None:
    Image.fromarray(np.ones((2, 2), dtype=np.float32)).save(tmp_path / "a.tiff")
    assert "no agreed range" in refused(tmp_path / "a.tiff")
    Image.fromarray(np.full((2, 2), 70000, dtype=np.int32)).save(tmp_path / "b.tiff")
    assert "no agreed range" in refused(tmp_path / "b.tiff")


def test_a_decompression_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 50_000, 50_000, 8, 0, 0, 0, 0))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0")))
    assert "million pixels" in refused(tmp_path / "a.png")


@pytest.mark.parametrize("suffix", ["png", "jpg", "gif", "tiff", "webp", "bmp", "tga", "ppm", "pcx"])
def test_damaged_bytes_never_raise_anything_else(tmp_path: Path, suffix) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(path)
    whole = np.frombuffer(path.read_bytes(), dtype=np.uint8)
    rng = np.random.default_rng(2)
    for _ in range(100):
        damaged = whole.copy()
        damaged[rng.integers(0, len(whole), 4)] = rng.integers(0, 256, 4)
        damaged[rng.integers(0, min(len(whole), 60))] ^= 1 << int(rng.integers(0, 8))
        path.write_bytes(damaged.tobytes())
        try:
            pixels = read_image(path, "a")
        except UnreadableImage:
            continue
        assert pixels.dtype == np.uint8 and pixels.shape[2] in (1, 3)
