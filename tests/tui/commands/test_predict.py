"""`vislab predict`: tables, CSV, JSON, a competition's sample file."""

import csv
import io
import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vislab.tui import asking


@pytest.fixture
def unknown(pictures: Path, tmp_path: Path) -> Path:
    """The twelve test pictures under names that tell nothing: 0.png to 11.png, four a class in order."""
    folder = tmp_path / "unknown"
    folder.mkdir()
    for place, file in enumerate(sorted(pictures.glob("test/*/*.png"))):
        shutil.copy(file, folder / f"{place}.png")
    return folder


def truth(name: str) -> int:
    return int(Path(name).stem) // 4


def test_a_table_of_files_classes_and_probabilities(command, unknown):
    result = command("predict", "latest", "unknown", "--top", "2")
    assert result.exit_code == 0, result.stderr
    titles, *lines = result.stdout.splitlines()
    assert titles.split() == ["file", "predicted", "probability", "2nd", "probability"]
    assert len(lines) == 12 and lines[0].startswith("unknown/0.png")
    assert "\x1b" not in result.stdout and "=cmd()␛[31m" in lines[0]
    first, second = float(lines[0].split()[2]), float(lines[0].split()[4])
    assert first >= second and 0.5 < first + second <= 1.0001
    assert "best-" in result.stderr and "(raw weights, epoch" in result.stderr


def test_csv_is_safe_in_a_spreadsheet(command, unknown):
    shutil.copy(unknown / "0.png", unknown.parent / "-1+1.png")
    result = command("predict", "latest", "--csv", "out.csv", "--top", "9", "--", "-1+1.png", "unknown")
    assert (result.exit_code, result.stdout) == (0, "out.csv\n"), result.stderr
    titles, *rows = csv.reader(io.StringIO(Path("out.csv").read_text(), newline=""))
    assert titles == ["file", "predicted", "probability"] + [
        f"{word}_{rank}" for rank in (2, 3) for word in ("predicted", "probability")
    ]
    assert rows[0][0] == "'-1+1.png" and rows[0][1] == "'=cmd()\x1b[31m" and rows[1][0] == "unknown/0.png"
    told = json.loads(command("predict", "latest", "--json", "--top", "9", "--", "-1+1.png", "unknown").stdout)
    for row, image in zip(rows, told["images"], strict=True):
        shares = [np.float32(one["probability"]) for one in image["predictions"]]
        assert [np.float32(cell) for cell in row[2::2]] == shares, "every digit of the answer"


def test_files_can_be_told_apart_where_no_terminal_cuts_the_lines(command, unknown):
    folder = unknown / ("a long name of a folder " * 4).strip()
    folder.mkdir()
    for number in range(2):
        shutil.copy(unknown / "0.png", folder / f"{number}.png")
    lines = command("predict", "latest", str(folder), "--top", "99").stdout.splitlines()
    assert [line.partition(".png")[0][-3:] for line in lines[1:]] == ["r/0", "r/1"] and "…" not in "".join(lines)


def test_folders_that_are_missing_are_made(command, unknown):
    Path("sample.csv").write_text("id,label\n" + "".join(f"{place},0\n" for place in range(12)))
    submission = ("--submission", "sample.csv", "--out", "new/o.csv")
    assert command("predict", "latest", "unknown", "--csv", "other/t.csv", *submission).exit_code == 0
    assert Path("other/t.csv").is_file() and Path("new/o.csv").is_file()


def test_a_sample_with_a_column_a_class_is_filled_with_probabilities(command, unknown):
    Path("sample.csv").write_text("id,0,1,2\n" + "".join(f"{place},0,0,0\n" for place in reversed(range(12))))
    result = command("predict", "latest", "unknown", "--submission", "sample.csv", "--out", "o.csv")
    assert "probabilities in 3 columns named by position, from 0" in result.stderr
    rows = [line.split(",") for line in Path("o.csv").read_text().splitlines()[1:]]
    assert [row[0] for row in rows] == [str(place) for place in reversed(range(12))]
    assert all(sum(map(float, row[1:])) == pytest.approx(1, abs=1e-6) for row in rows)


@pytest.mark.parametrize("titles", ["id,label", "id,0,1,2"])
def test_an_answer_that_is_no_number_fills_no_submission(command, unknown, monkeypatch, titles):
    ask = asking.asked

    def with_a_hole(job, request):
        found = ask(job, request)
        found["images"][3]["probabilities"] = [None] * len(found["images"][3]["probabilities"])
        return found

    monkeypatch.setattr(asking, "asked", with_a_hole)
    Path("sample.csv").write_text("\n".join([titles, *(f"{place}" + ",0" * titles.count(",") for place in range(12))]))
    result = command("predict", "latest", "unknown", "--submission", "sample.csv", "--out", "o.csv")
    assert result.exit_code == 2 and "is not a number: no submission can hold it" in result.stderr
    assert not Path("o.csv").exists()


def test_json_holds_names_and_positions(command, unknown, trained_run):
    told = json.loads(command("predict", "latest", "unknown", "--json", "--tta").stdout)
    assert told["run"] == trained_run.id and told["tta"] and len(told["weights_sha256"]) == 64
    right = [image["predictions"][0]["index"] == truth(image["file"]) for image in told["images"]]
    assert len(right) == 12 and sum(right) >= 10


def test_unreadable_images_are_named_and_left_out(command, unknown):
    (unknown / "bad\x1b[2J.png").write_bytes(b"nothing")
    result = command("predict", "latest", "unknown")
    assert result.exit_code == 0 and len(result.stdout.splitlines()) == 13
    assert "1 image cannot be read:" in result.stderr and "bad␛[2J.png: not an image" in result.stderr
    assert command("predict", "latest", "unknown/bad*").exit_code == 1
    Path("sample.csv").write_text("id,label\nbad,0\n")
    result = command("predict", "latest", "unknown/bad*", "--submission", "sample.csv", "--out", "o.csv")
    assert result.exit_code == 2 and not Path("o.csv").exists()


def test_a_submission_of_a_thousand_images_is_the_same_twice(command, tmp_path):
    folder = tmp_path / "thousand"
    folder.mkdir()
    draws = random.Random(1)
    for number in range(1000):
        Image.frombytes("L", (4, 4), draws.randbytes(16)).save(folder / f"{number:04d}.png")
    ids = [f"{number:04d}" for number in range(1000)]
    draws.shuffle(ids)
    Path("sample.csv").write_text("image,label\n" + "".join(f"{identity},0\n" for identity in ids))
    made = []
    for out in ("one.csv", "two.csv"):
        result = command("predict", "latest", "thousand", "--submission", "sample.csv", "--out", out)
        assert (result.exit_code, result.stdout) == (0, f"{out}\n"), result.stderr
        made.append(Path(out).read_bytes())
    assert made[0] == made[1]
    rows = [line.split(",") for line in made[0].decode().splitlines()]
    assert [row[0] for row in rows] == ["image", *ids]
    assert {row[1] for row in rows[1:]} <= {"0", "1", "2"}


def test_mistakes(command, unknown):
    Path("sample.csv").write_text("id,label\n0,0\n")
    for arguments, said in (
        (("nowhere",), "no file or folder nowhere"),
        (("unknown", "--submission", "sample.csv"), "go together"),
        (("unknown", "--out", "o.csv"), "go together"),
        (("unknown", "--submission", "sample.csv", "--out", "sample.csv"), "is the sample file itself"),
        (("unknown", "--submission", "sample.csv", "--out", "o.csv"), "11 images (unknown/1.png"),
        (("unknown", "--csv", "sample.csv/where.csv"), "Cannot write"),
        (("unknown", "--device", "cuda:9"), "is not here"),
    ):
        result = command("predict", "latest", *arguments)
        assert result.exit_code == 2 and said in result.stderr, result.stderr
