import subprocess
import sys
from pathlib import Path

import pytest

from vislab.engine.code import Function, check_options, describe, file_of, load
from vislab.presets.errors import InputError

MINE = '''
"""My models."""
from dataclasses import dataclass

LIMIT = 3
VALUE = 1 / 2


@dataclass
class Shape:
    side: int = 2


def build(num_classes, plain=1, *, image_size, width: int = 64, rate=-0.5, factory=Shape, sizes=(1, 2), note=None):
    """Build a model.

    More words.
    """
    return num_classes * width


class Net:
    """A network as a class."""

    def __init__(self, num_classes, *, depth=2, **more):
        self.depth = depth
'''


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(MINE)
    return tmp_path


@pytest.mark.parametrize("place", ["./mine.py", "mine.py"])
def test_a_file_is_loaded_from_its_folder(folder: Path, place: str) -> None:
    assert load(f"{place}:build", folder)(2, image_size=1, width=5) == 10


def test_an_absolute_path_needs_no_folder_and_none_means_the_working_directory(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load(f"{folder}/mine.py:Net")(2).depth == 2
    monkeypatch.chdir(folder)
    assert load("./mine.py:build", None)(1, image_size=1) == 64


def test_a_file_runs_once_for_each_content_and_never_hides_a_module(folder: Path) -> None:
    assert load("./mine.py:Shape", folder) is load("mine.py:Shape", folder)
    assert "mine" not in sys.modules
    (folder / "mine.py").write_text(MINE.replace("width: int = 64", "width: int = 32"))
    assert load("./mine.py:build", folder)(1, image_size=1) == 32
    assert not (folder / "__pycache__").exists()


def test_two_files_of_one_name_and_content_are_two_modules(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine.py").write_text(MINE)
    assert load("./mine.py:Shape", tmp_path / "a") is not load("./mine.py:Shape", tmp_path / "b")


def test_a_module_is_loaded_by_its_dotted_name() -> None:
    assert load("vislab.engine.code:load") is load
    assert load("os.path:join")("a", "b") == "a/b"


def test_describe_reads_help_options_and_what_the_engine_supplies(folder: Path) -> None:
    assert describe("./mine.py:build", folder) == Function(
        help="Build a model.",
        options={"width": 64, "rate": -0.5, "sizes": (1, 2), "note": None},
        supplied=("image_size",),
        any_option=False,
    )
    assert describe("./mine.py:Net", folder) == Function("A network as a class.", {"depth": 2}, (), any_option=True)
    assert describe("./mine.py:Shape", folder) == Function("")


def test_describe_reads_a_module_without_importing_it_or_its_parents(tmp_path: Path) -> None:
    package = tmp_path / "outer" / "inner"
    package.mkdir(parents=True)
    for place in (package.parent, package):
        (place / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "leaf.py").write_text("import torch\ndef build(*, width=3):\n    'Help.'\n")
    program = (
        "import sys; from vislab.engine.code import describe;"
        "f = describe('outer.inner.leaf:build'); assert f.options == {'width': 3} and f.help == 'Help.', f;"
        "assert not {'outer', 'outer.inner', 'torch', 'numpy'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_file_of_tells_files_from_modules(folder: Path) -> None:
    assert file_of("./mine.py:build", folder) == (folder / "mine.py").resolve()
    assert file_of("vislab.engine.code:load", folder) is None


@pytest.mark.parametrize("read", [load, describe])
@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("./absent.py:build", ["absent.py", "no file"]),
        ("./mine.py:biuld", ["mine.py", "'biuld'", "did you mean 'build'"]),
        ("./mine.py", ["'./mine.py'", "package.module:function"]),
        ("./mine.py:not a name", ["package.module:function"]),
        ("no_such_package.models:build", ["'no_such_package", "installed"]),
        ("vislab.engine.no_such:build", ["'vislab.engine.no_such'"]),
        ("vislab.engine.code:laod", ["'laod'", "did you mean 'load'"]),
        ("./broken.py:build", ["broken.py", "line 2"]),
    ],
)
def test_a_wrong_reference_is_one_clear_message(folder: Path, read: object, reference: str, words: list[str]) -> None:
    (folder / "broken.py").write_text("x = 1\ndef build(:\n")
    assert callable(read)
    with pytest.raises(InputError) as caught:
        read(reference, folder)
    for word in words:
        assert word in str(caught.value)


def test_something_that_is_not_a_function_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match=r"'LIMIT' in .*mine\.py is a int, not a function"):
        load("./mine.py:LIMIT", folder)


@pytest.mark.parametrize(
    ("body", "words"),
    [("x = 1\nraise ValueError('no luck')", "line 2, failed: ValueError: no luck"), ("import sys\nsys.exit(3)", "3")],
)
def test_an_exception_in_the_users_file_names_file_line_and_error(tmp_path: Path, body: str, words: str) -> None:
    (tmp_path / "mine.py").write_text(body)
    for _ in range(2):  # the failed module is not kept
        with pytest.raises(InputError) as caught:
            load("./mine.py:build", tmp_path)
        assert words in str(caught.value) and str(tmp_path / "mine.py") in str(caught.value)


def test_a_missing_import_inside_a_users_module_is_told_apart_from_a_missing_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "their_models.py").write_text("import no_such_dependency")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InputError, match=r"importing their_models failed: .*no_such_dependency"):
        load("their_models:build")


OPTIONS = Function("", {"width": 64, "rate": 0.5, "deep": True, "mode": "zero", "sizes": [1], "free": None})


@pytest.mark.parametrize(
    "options", [{}, {"width": 3}, {"rate": 1}, {"deep": False}, {"mode": "x"}, {"sizes": (1, 2)}, {"free": "any"}]
)
def test_right_options_pass(options: dict[str, object]) -> None:
    check_options("model", options, OPTIONS)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"widht": 3}, "model: unknown option 'widht'; did you mean 'width'?"),
        ({"width": 3.5}, "model: width = 3.5 must be a whole number, such as 64"),
        ({"width": True}, "a whole number"),
        ({"rate": "fast"}, "model: rate = 'fast' must be a number"),
        ({"deep": 1}, "true or false"),
        ({"mode": 1}, "a text"),
        ({"sizes": 1}, "a list"),
    ],
)
def test_wrong_options_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(InputError) as caught:
        check_options("model", options, OPTIONS)
    assert message in str(caught.value)


def test_a_function_of_any_option_takes_unknown_names_but_checks_known_ones() -> None:
    open_function = Function("", {"depth": 2}, any_option=True)
    check_options("model", {"whatever": 1}, open_function)
    with pytest.raises(InputError, match="depth"):
        check_options("model", {"depth": "deep"}, open_function)
