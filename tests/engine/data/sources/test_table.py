from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from vislab.engine.data.source import Role
from vislab.engine.data.sources.table import source
from vislab.presets.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for number in range(4):
        Image.new("L", (2, 2), number).save(tmp_path / "images" / f"{number}.png")
    return tmp_path


def write(folder: Path, text: str, name: str = "labels.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_path_and_label(folder: Path) -> None:
    found = source(write(folder, "path,label\nimages/1.png,dog\nimages/0.png,cat\n\nimages/2.png,\n"))
    assert found.classes == ("cat", "dog")
    assert found.labels.tolist() == [1, 0, -1]
    assert [found.images.name(i) for i in range(3)] == ["images/1.png", "images/0.png", "images/2.png"]
    assert found.roles is None and found.groups is None
    assert found.images.read(0)[0, 0, 0] == 1


def test_split_group_and_other_columns_in_any_order(folder: Path) -> None:
    lines = [
        "Label,split,age,group,path",
        "b,train,9,ann,images/0.png",
        "a,Val,8,,images/1.png",
        "b,test,7,,images/2.png",
    ]
    text = "\n".join(lines).replace(",", "\t")
    found = source(write(folder, text, "labels.tsv"))
    assert found.roles is not None and found.groups is not None
    assert found.roles.tolist() == [Role.TRAIN, Role.VALIDATION, Role.TEST]
    assert found.groups[0] == "ann" and len(set(found.groups.tolist())) == 3


def test_labels_that_are_numbers_are_in_numerical_order(folder: Path) -> None:
    found = source(write(folder, "path,label\nimages/0.png,10\nimages/1.png,9\n"))
    assert found.classes == ("9", "10")


def test_semicolons_quotes_and_a_byte_order_mark(folder: Path) -> None:
    found = source(write(folder, '\ufeffpath;label\n"images/0.png";"a;b"\nimages/1.png;c\n'))
    assert found.classes == ("a;b", "c")
    np.testing.assert_array_equal(found.labels, [0, 1])


def test_an_absolute_path(folder: Path, tmp_path: Path) -> None:
    found = source(write(folder, f"path,label\n{folder}/images/3.png,x\n"))
    assert found.images.read(0)[0, 0, 0] == 3


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", 'line 1: one column must be called "path"'),
        ("file,label\n", 'line 1: one column must be called "path"; found: file,label'),
        ("path,class\n", 'one column must be called "label"'),
        ("path,label\n", "names no images"),
        ("path,label\nimages/0.png\n", "line 2: 1 cells, but line 1 names 2 columns"),
        ("path,label\nimages/0.png,a\n,b\n", "line 3: no path"),
        ("path,label\nimages/0.png,a\nimages/0.png,b\n", 'line 3: "images/0.png" was in line 2 already'),
        ("path,label,split\nimages/0.png,a,train\nimages/1.png,a,tset\n", 'line 3: split "tset" is none of train'),
        ("path,label,split\nimages/0.png,a,train\nimages/1.png,a,\n", 'line 3: split ""'),
        ("path,label\nimages/0.png,a\nimages/9.png,a\n", ": 1 of 2 files do not exist: images/9.png (line 3); "),
        ("path,label\nimages/0.png,\n", "the column label is empty"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(folder: Path, text, words) -> None:
    path = write(folder, text)
    with pytest.raises(InputError) as caught:
        source(path)
    assert str(caught.value).startswith(str(path)) and words in str(caught.value)


def test_bytes_that_are_no_text(folder: Path) -> None:
    (folder / "labels.csv").write_bytes(b"path,label\n\xff\xfe,a\n")
    with pytest.raises(InputError, match=r"labels\.csv, line 2: this is no UTF-8 text; save the table as UTF-8$"):
        source(folder / "labels.csv")


def test_a_folder_called_as_a_table(folder: Path) -> None:
    (folder / "labels.csv").mkdir()
    with pytest.raises(InputError, match=r"labels\.csv cannot be read as a table: Is a directory$"):
        source(folder / "labels.csv")


def test_many_missing_files_are_told_on_one_line(folder: Path) -> None:
    rows = "".join(f"gone/{number}.png,a\n" for number in range(20))
    with pytest.raises(InputError) as caught:
        source(write(folder, f"path,label\n{rows}"))
    told = str(caught.value)
    assert "20 of 20 files do not exist: gone/0.png (line 2), " in told and "\n" not in told
    assert "gone/4.png (line 6) and 15 more; a path starts from the table's folder" in told
