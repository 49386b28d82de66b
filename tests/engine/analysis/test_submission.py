"""A competition's sample file, filled."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.engine.analysis import submission
from vislab.engine.analysis.submission import Answer, read_sample
from vislab.engine.runs.cells import single
from vislab.presets.errors import InputError

CLASSES = ("cat", "dog", "=owl")


def filled(sample, answers, classes):
    return submission.filled(sample, [Answer(*answer) for answer in answers], classes).text


@pytest.fixture
def sample(tmp_path):
    def make(text):
        (tmp_path / "sample.csv").write_bytes(text.encode())
        return read_sample(tmp_path / "sample.csv")

    return make


def test_order_titles_ids_and_names_are_the_samples(sample):
    given_ = sample("Id,Category\n2,cat\n1,cat\n10,dog\n")
    assert filled(given_, [("t/1.jpg", 0), ("t/2.jpg", 1), ("t/10.jpg", 2)], CLASSES) == (
        "Id,Category\n2,dog\n1,cat\n10,=owl\n"
    )


def test_positions_where_the_sample_has_positions(sample):
    assert filled(sample("id,label\na.png,0\nb.png,0\n"), [("b.png", 2), ("a.png", 1)], CLASSES) == (
        "id,label\na.png,1\nb.png,2\n"
    )


def test_classes_that_are_numbers_are_names(sample):
    assert filled(sample("id,label\na,1\n"), [("a.png", 0)], ("1", "2", "5")) == "id,label\na,1\n"
    numbers = ("1", "10", "2")
    for text, made in (
        ("id,label\na,0\n", "id,label\na,10\n"),
        ("id,1,2,10\na,0,0,0\n", "id,1,2,10\na,0.25,0.25,0.5\n"),
    ):
        assert filled(sample(text), [("a.png", 1, (0.25, 0.5, 0.25))], numbers) == made
    assert filled(sample("id,label\na,1\n"), [("a.png", 1)], ("001", "010")) == "id,label\na,10\n"
    for text, said in (
        ("id,label\na,0\nb,3\n", "'0' is neither a class"),
        ("id,0,1,2\na,0,0,0\nb,0,0,0\n", "none for '10'"),
    ):
        with pytest.raises(InputError, match=said):
            filled(sample(text), [("a.png", 1), ("b.png", 1)], numbers)


def test_empty_labels_take_names(sample):
    assert filled(sample("id,label\na,\n"), [("a.png", 1)], CLASSES) == "id,label\na,dog\n"


def test_the_ids_own_column_delimiter_quotes_and_line_ends(sample):
    given_ = sample('\ufefflabel;file\r\ncat;"a;1.png"\r\ndog;b.png\r\n')
    text = filled(given_, [("b.png", 0), ("x/a;1.png", 1)], CLASSES)
    assert text == 'label;file\r\ndog;"a;1.png"\r\ncat;b.png\r\n'


def test_ids_may_be_ends_of_paths_and_the_exact_name_wins(sample):
    images = [("t/a/1.jpg", 0), ("t/b/1.jpg", 1)]
    assert filled(sample("i,l\nb/1,cat\na/1.jpg,cat\n"), images, CLASSES) == "i,l\nb/1,dog\na/1.jpg,cat\n"
    images = [("1.jpg.png", 0), ("1.jpg", 1)]
    assert filled(sample("i,l\n1.jpg,cat\n1.jpg.png,cat\n"), images, CLASSES) == "i,l\n1.jpg,dog\n1.jpg.png,cat\n"


def test_labels_that_fit_an_image_are_no_ids(sample):
    images = [(f"{number}.png", 0) for number in range(4)]
    with pytest.raises(InputError, match=r"1 id \(4\) without an image"):
        filled(sample("id,label\n0,0\n1,0\n2,0\n3,0\n4,0\n"), images, CLASSES)
    assert filled(sample("label,id\n0,3\n0,1\n0,2\n0,0\n"), images, CLASSES) == "label,id\n0,3\n0,1\n0,2\n0,0\n"


@pytest.mark.parametrize(
    ("text", "images", "said"),
    [
        ("i,l\na,cat\nb,cat\n", ["a.png"], r"1 id \(b\) without an image"),
        ("i,l\na,cat\n", ["a.png", "c.png"], r"1 image \(c.png\) without an id"),
        ("i,l\na,cat\nz,cat\n", ["a.png", "c.png"], r"\(z\) without an image; 1 image \(c.png\) without"),
        ("i,l\na,cat\na,cat\n", ["a.png"], r"1 id \(a\) more than once"),
        ("i,l\na,cat\n", ["a.png", "a.jpg"], "a could be a.png, a.jpg"),
        ("i,l\na,cat\na.png,cat\n", ["a.png"], r"2 ids \(a, a.png\) of one image"),
        ("i,l\na,cow\n", ["a.png"], "'cow' is neither a class"),
        ("i,l\na,3\n", ["a.png"], "'3' is neither a class"),
        ("i,l\na,²\n", ["a.png"], "'²' is neither a class"),
    ],
)
def test_what_does_not_fit_is_refused_and_named(sample, text, images, said):
    with pytest.raises(InputError, match=said):
        filled(sample(text), [(name, 0) for name in images], CLASSES)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no ids"),
        ("i,l\n", "no ids"),
        ("i,l\na,b,c\n", "has 3 columns"),
        ("i\na\n", "has 1 columns"),
        ('i,l\n"a,b\n', "as CSV"),
    ],
)
def test_what_is_no_sample_is_refused(sample, text, said):
    with pytest.raises(InputError, match=said):
        sample(text)


def test_a_sample_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match="No such file"):
        read_sample(tmp_path / "gone.csv")
    (tmp_path / "latin.csv").write_bytes(b"i,l\n\xff,1\n")
    with pytest.raises(InputError, match="not UTF-8"):
        read_sample(tmp_path / "latin.csv")


@given(st.sets(st.integers(0, 120), min_size=2), st.integers(1, 3), st.lists(st.integers(0, 130), min_size=1))
def test_a_class_that_is_called_by_a_number_is_written_as_that_number_or_not_at_all(numbers, width, placeholders):
    classes = sorted(f"{number:0{width}}" for number in numbers)
    rows = tuple((str(place), str(placeholders[place % len(placeholders)])) for place in range(len(classes)))
    sample = submission.Sample(Path("s.csv"), ",", "\n", ("id", "label"), rows)
    answers = [Answer(f"x/{label}.png", label) for label in range(len(classes))]
    try:
        lines = submission.filled(sample, answers, classes).text.splitlines()
    except InputError:
        return
    assert [int(line.split(",")[1]) for line in lines[1:]] == [int(name) for name in classes]


@given(
    st.dictionaries(
        st.text(st.characters(exclude_characters="/\0.\r\n", exclude_categories=["Cs"]), min_size=1),
        st.integers(0, 2),
        min_size=1,
    ),
    st.randoms(use_true_random=False),
)
def test_every_id_gets_its_own_images_label(tmp_path_factory, labels, random):
    path = tmp_path_factory.getbasetemp() / "sample.csv"
    text = io.StringIO()
    ids = list(labels)
    random.shuffle(ids)
    csv.writer(text).writerows([("i", "l"), *((identity, "0") for identity in ids)])
    path.write_bytes(text.getvalue().encode())
    made = filled(read_sample(path), [(f"some/{name}.png", label) for name, label in labels.items()], CLASSES)
    rows = list(csv.reader(io.StringIO(made, newline="")))
    assert rows == [["i", "l"], *([identity, str(labels[identity])] for identity in ids)]


IMAGES = [("0.png", 2, (0.25, 0.0, 0.75)), ("1.png", 1, (0.1, 0.9, 0.0))]


@pytest.mark.parametrize(
    ("text", "made", "form"),
    [
        (
            "id,cat,dog,=owl\n1,0,0,0\n0,0,0,0\n",
            "id,cat,dog,=owl\n1,0.1,0.9,0\n0,0.25,0,0.75\n",
            "ids in column id, probabilities in 3 columns named by class",
        ),
        ("id,=OWL,Cat,DOG\n0,,,\n1,,,\n", "id,=OWL,Cat,DOG\n0,0.75,0.25,0\n1,0,0.1,0.9\n", "in another case"),
        ("id,0,1,2\n0,1,1,1\n1,1,1,1\n", "id,0,1,2\n0,0.25,0,0.75\n1,0.1,0.9,0\n", "by position, from 0"),
        ("id,1,2,3\n0,1,1,1\n1,1,1,1\n", "id,1,2,3\n0,0.25,0,0.75\n1,0.1,0.9,0\n", "by position, from 1"),
        (
            "id,label,Usage\n1,cat,Public\n0,cat,Private\n",
            "id,label,Usage\n1,dog,Public\n0,=owl,Private\n",
            "labels in column label as class names; left as they are: Usage",
        ),
        (",file,kind\n0,1.png,cat\n1,0.png,cat\n", ",file,kind\n0,1.png,dog\n1,0.png,=owl\n", "ids in column file"),
        ("id,l\n0,1\n1,3\n", "id,l\n0,3\n1,2\n", "positions of the classes, from 1"),
        ("id,l\n0,1\n1,1\n", "id,l\n0,2\n1,1\n", "positions of the classes, from 0"),
        ("id,l\n0,CAT\n1,CAT\n", "id,l\n0,=OWL\n1,DOG\n", "class names in the sample's case"),
        ("id,l\n0,cAt\n1,dog\n", "id,l\n0,=owl\n1,dog\n", "class names in the sample's case"),
    ],
)
def test_other_forms_of_samples(sample, text, made, form):
    found = submission.filled(sample(text), [Answer(*image) for image in IMAGES], CLASSES)
    assert found.text == made
    assert form in found.form


@pytest.mark.parametrize(
    ("text", "classes", "said"),
    [
        ("id,cat,dog\n0,0,0\n1,0,0\n", CLASSES, "none for '=owl'"),
        ("id,a,b\n0,x,y\n1,x,y\n", CLASSES, r"which of its columns is the label is not clear \(a, b\)"),
        ("id,l\n0,CAT\n1,CAT\n", ("cat", "Cat", "dog"), "'CAT' is neither a class"),
        ("id,l\n0,Cat\n1,CAT\n", CLASSES, "is neither a class"),
    ],
)
def test_what_is_not_clear_is_refused(sample, text, classes, said):
    with pytest.raises(InputError, match=said):
        submission.filled(sample(text), [Answer(*image) for image in IMAGES], classes)


def test_an_answer_that_is_no_number_is_refused(sample):
    for text in ("id,cat,dog,=owl\n0,0,0,0\n1,0,0,0\n", "id,label\n0,cat\n1,cat\n"):
        with pytest.raises(InputError, match=r"1 image \(0\.png\) is not a number.*=fp32"):
            filled(sample(text), [("0.png", None), ("1.png", 0, (1.0, 0.0, 0.0))], CLASSES)


@given(st.floats(0, 1, width=32))
def test_a_probability_is_written_as_short_as_gives_it_back(value):
    written = single(value)
    assert np.float32(written) == np.float32(value) and float(written) == float(str(np.float32(value)))
