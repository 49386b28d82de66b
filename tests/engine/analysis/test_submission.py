"""A competition's sample file, filled."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vislab.engine.analysis.submission import filled, read_sample
from vislab.presets.errors import InputError

CLASSES = ("cat", "dog", "=owl")


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
    assert filled(sample("id,label\na,0\n"), [("a.png", 2)], ("1", "2", "5")) == "id,label\na,2\n"


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
    [("", "no ids"), ("i,l\n", "no ids"), ("i,l,m\na,b,c\n", "has 3 columns"), ('i,l\n"a,b\n', "as CSV")],
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
