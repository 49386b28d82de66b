import subprocess
import sys
from pathlib import Path

import pytest

from vislab.presets.augmentation_text import USER_COLUMNS, parse, parse_names
from vislab.presets.augmentations import CATALOGUE
from vislab.presets.errors import InputError

MINE = """
def wobble(images, draws, *, strength=0.1, image_size):
    "Wobble."
    return images

def needy(images, draws, *, colour_map):
    return images
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_bare_name_and_the_defaults_written_out_are_the_same_call(name: str) -> None:
    written = ", ".join(f"{option}={declared.default!r}" for option, declared in CATALOGUE[name].options.items())
    bare, full = parse(name), parse(f"{name}({written})")
    assert bare.name == name and bare.columns >= 1
    assert (bare.reference, bare.options, bare.columns) == (full.reference, full.options, full.columns)


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_default_lies_in_its_own_range_and_has_help(name: str) -> None:
    assert CATALOGUE[name].help
    for option, declared in CATALOGUE[name].options.items():
        assert declared.help
        if isinstance(declared.default, str):
            assert declared.default in declared.choices
        else:
            assert declared.minimum <= declared.default <= declared.maximum, option


def test_options_are_literal_values_in_any_order_and_spacing() -> None:
    call = parse(" affine ( shear = 5 , degrees=-0.0 )".replace("-0.0", "20"))
    assert call.options["shear"] == 5 and call.options["degrees"] == 20 and call.options["translate"] == 0.1


def test_columns_of_rand_augment_follow_its_operations() -> None:
    assert parse("rand_augment(num_ops=5)").columns == 10


def test_a_users_own_function_is_read_not_imported(folder: Path) -> None:
    call = parse("./mine.py:wobble(strength=0.2)", folder)
    assert (call.name, call.options, call.supplied) == ("./mine.py:wobble", {"strength": 0.2}, ("image_size",))
    assert call.columns == USER_COLUMNS and not call.builtin


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rotatoin", ["unknown augmentation 'rotatoin'", "did you mean 'rotation'", "random_erasing"]),
        ("color_jitter(hue=0.1)", ["did you mean 'colour_jitter'"]),
        ("random-crop", ["unknown augmentation 'random-crop'", "did you mean 'random_crop'"]),
        ("", ["unknown augmentation ''"]),
        ("rotation(degree=3)", ["rotation(degree=3)", "unknown option 'degree'", "did you mean 'degrees'"]),
        ("rotation(degrees='far')", ["degrees = 'far'", "a number"]),
        ("rotation(degrees=True)", ["degrees = True", "a number"]),
        ("rotation(degrees=400)", ["degrees = 400", "from 0 to 180"]),
        ("rotation(degrees=1e999)", ["degrees = inf", "from 0 to 180"]),
        ("rotation(15)", ["options have names", "rotation(option=value"]),
        ("rotation(**{'degrees': 3})", ["options have names"]),
        ("rotation(degrees=3, degrees=4)", ["'degrees' is given twice"]),
        ("rotation(degrees=far)", ["degrees = far", "not a plain value"]),
        ("rotation(degrees=__import__('os').getpid())", ["not a plain value"]),
        ("rotation(degrees={[]: 1})", ["not a plain value"]),
        ("rotation(degrees=3", ["cannot read 'rotation(degrees=3'"]),
        ("rotation(degrees=3)(4)", ["cannot read"]),
        ("rotation(1) + f(2)", ["cannot read"]),
        ("rotation(\0)", ["cannot read"]),
        ("random_crop(padding=2.5)", ["padding = 2.5", "a whole number"]),
        ("random_crop(padding=0)", ["from 1 to 1024"]),
        ("random_crop(mode='mirror')", ["mode = 'mirror'", "zero, reflect"]),
        ("random_resized_crop(scale_min=0.9, scale_max=0.5)", ["scale_min = 0.9 is above scale_max = 0.5"]),
        ("trivial_augment(magnitude=3)", ["unknown option 'magnitude'", "there are no options"]),
        ("./absent.py:wobble", ["no file", "absent.py"]),
        ("./mine.py:woble", ["'woble'", "did you mean 'wobble'"]),
        ("./mine.py:wobble(strenght=1)", ["'strenght'", "did you mean 'strength'"]),
        ("./mine.py:wobble(strength='x')", ["strength = 'x'", "a number"]),
        ("./mine.py:needy", ["'colour_map'", "needs a default"]),
    ],
)
def test_a_mistake_is_one_clear_message(folder: Path, text: str, words: list[str]) -> None:
    with pytest.raises(InputError) as caught:
        parse(text, folder)
    for word in words:
        assert word in str(caught.value)


def test_all_mistakes_are_reported_together() -> None:
    with pytest.raises(InputError) as caught:
        parse_names(("rotatoin", "horizontal_flip", "random_crop(padding=0)"))
    assert [line.split(":")[1].strip()[:7] for line in str(caught.value).splitlines()] == ["unknown", "random_"]


def test_checking_names_needs_no_torch() -> None:
    program = (
        "import sys; from vislab.presets.augmentation_text import parse_names;"
        "parse_names(('rotation(degrees=3)', 'rand_augment'));"
        "assert not {'torch', 'numpy', 'scipy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
