from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vislab.engine.jobs.data import answer
from vislab.presets.errors import InputError

FOLDER = "vislab.engine.data.sources.folder:source"


def colour(path: Path, red: int, size: tuple[int, int] = (4, 3), mode: str = "RGB") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (red, 0, 0)).convert(mode).save(path)


def ask(root: Path, **more: object) -> tuple[dict, list[tuple[str, int, int]]]:
    told: list[tuple[str, int, int]] = []
    dataset = {"name": "photos", "source": FOLDER, "path": str(root)}
    request = {"dataset": dataset, "data_dir": str(root.parent), **more}
    return answer(request, lambda *report: told.append(report)), told


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Twelve cats and five dogs; a dog is in train and in test, a cat was called a dog."""
    root = tmp_path / "photos"
    for number in range(10):
        colour(root / f"train/cat/{number}.png", number)
    for number in range(3):
        colour(root / f"train/dog/{number}.png", 100 + number)
    for number in range(2):
        colour(root / f"test/cat/{number}.png", 50 + number, size=(40, 30))
    colour(root / "test/dog/same.bmp", 101)
    colour(root / "test/dog/cat.png", 5)
    return root


def test_what_is_in_a_folder(photos: Path) -> None:
    colour(photos / "train/cat/grey.png", 30, size=(2, 2), mode="L")
    (photos / "train/cat/notes.txt").write_text("x")
    (photos / "train/cat/broken.jpg").write_bytes(b"not an image")
    found, told = ask(photos)
    assert found["name"] == "photos" and found["images"] == found["labelled"] == 19 and found["unlabelled"] == 0
    assert found["classes"] == ["cat", "dog"]
    assert found["counts"]["all"] == [14, 5] and found["counts"]["test"] == [2, 2]
    assert np.add(found["counts"]["train"], found["counts"]["validation"]).tolist() == [12, 3]
    assert "10 %" in found["split"] and found["split_error"] is None and found["selected_on_test"] is False
    assert found["imbalance"] == pytest.approx(14 / 5)
    assert (found["smallest"], found["largest"]) == ("dog", "cat")
    assert found["sizes"] == {"smallest": [2, 2], "median": [4, 3], "largest": [40, 30], "distinct": 3}
    assert found["formats"] == {"PNG": 17, "BMP": 1} and found["modes"] == {"RGB": 17, "L": 1}
    assert found["unreadable"] == [{"name": "train/cat/broken.jpg", "reason": "not an image of a known format"}]
    assert found["ignored"] == ["train/cat/notes.txt"]
    assert told[-1] == ("reading images", 19, 19)


def test_duplicates_within_and_across_the_split(photos: Path) -> None:
    colour(photos / "train/cat/copy.tiff", 7)
    found, _ = ask(photos)
    duplicates = found["duplicates"]
    groups = {frozenset(group["names"]): group for group in duplicates["groups"]}
    assert set(groups) == {
        frozenset({"train/cat/7.png", "train/cat/copy.tiff"}),
        frozenset({"train/dog/1.png", "test/dog/same.bmp"}),
        frozenset({"train/cat/5.png", "test/dog/cat.png"}),
    }
    assert duplicates["superfluous"] == 3 and duplicates["contradictory"] == 1
    roles = [set(group["roles"]) for group in duplicates["groups"]]
    assert duplicates["across"] == sum(len(found) == 2 for found in roles) >= 2
    for group in duplicates["groups"]:
        for name, role, label in zip(group["names"], group["roles"], group["classes"], strict=True):
            assert label == name.split("/")[1]
            assert (role == "test") == name.startswith("test/")


def test_a_split_that_is_impossible_is_told_beside_the_rest(photos: Path) -> None:
    found, _ = ask(photos, strategy={"folds": 4})
    assert 'class "dog" has too few images: 3' in found["split_error"]
    assert found["split"] is None and set(found["counts"]) == {"all"}
    assert {role for group in found["duplicates"]["groups"] for role in group["roles"]} == {None}


def test_selected_on_test_counts_the_images_as_test(photos: Path) -> None:
    found, _ = ask(photos, strategy={"validation": "test"})
    assert found["selected_on_test"] is True
    assert found["counts"]["validation"] == found["counts"]["test"] == [2, 2]
    assert found["counts"]["train"] == [10, 3]


def test_a_data_set_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no"):
        ask(tmp_path / "gone")


def test_a_folder_where_nothing_can_be_read(tmp_path: Path) -> None:
    for name in ("cat", "dog"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.png").write_text("broken")
    found, _ = ask(tmp_path)
    assert len(found["unreadable"]) == 2 and found["sizes"] is None and found["imbalance"] == 1.0


def test_without_a_look_no_image_is_decoded(photos: Path) -> None:
    (photos / "train/cat/broken.jpg").write_bytes(b"not an image")
    found, told = ask(photos, look=False)
    assert found["counts"]["all"] == [13, 5] and not told
    assert found["sizes"] is None and not found["unreadable"] and not found["duplicates"]["groups"]


def test_the_side_of_a_typical_image_is_known_without_a_look(photos: Path, tmp_path: Path) -> None:
    for number in range(20):
        (photos / f"train/cat/empty{number}.jpg").touch()
    assert ask(photos, look=False)[0]["side"] == 3
    (tmp_path / "empty" / "cat").mkdir(parents=True)
    (tmp_path / "empty" / "cat" / "1.png").touch()
    assert ask(tmp_path / "empty", look=False)[0]["side"] is None
    digits = {"name": "digits", "source": "vislab.engine.data.sources.digits:source"}
    assert answer({"dataset": digits, "data_dir": str(tmp_path), "look": False}, lambda *report: None)["side"] == 8


def test_a_question_may_forbid_downloads(tmp_path: Path) -> None:
    mnist = {"name": "mnist", "source": "vislab.engine.data.sources.torchvision_sets:mnist"}
    with pytest.raises(InputError, match="downloaded when a run needs it"):
        answer({"dataset": mnist, "data_dir": str(tmp_path), "download": False}, lambda *report: None)
    assert not list(tmp_path.iterdir())
