"""install.py: what it asks pip for, and that a torch that is there stays."""

import importlib.util
import runpy
import subprocess
import sys
import tomllib
from importlib import metadata
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "install.py"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


@pytest.fixture
def install() -> ModuleType:
    spec = importlib.util.spec_from_file_location("install", FILE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def there(monkeypatch):
    """Makes the given packages, and no others, be installed."""

    def make(**versions: str) -> None:
        def version(name: str) -> str:
            if name not in versions:
                raise metadata.PackageNotFoundError(name)
            return versions[name]

        monkeypatch.setattr(metadata, "version", version)

    return make


@pytest.fixture
def pip(install, monkeypatch):
    """Commands that would have been run, each with the lines of its constraints file."""
    asked = []

    def run(command: list[str], *, check: bool) -> SimpleNamespace:
        asked.append((command, Path(command[command.index("--constraint") + 1]).read_text().splitlines()))
        return SimpleNamespace(returncode=3)

    monkeypatch.setattr(install.subprocess, "run", run)
    return asked


@pytest.mark.parametrize(
    ("version", "enough"),
    [
        ("2.10.0", True),
        ("2.10.0+cu128", True),
        ("2.14.1", True),
        ("3.0", True),
        ("2.10", True),
        ("2.10.1rc1", True),
        ("2.11.0a0+git1234", True),
        ("2.11.0.dev20260101+cu130", True),
        ("2.9.1", False),
        ("1.13.1", False),
        ("2.10.0a0+b558c986e8.nv25.11", False),
        ("2.10.0rc2", False),
        ("unknown", False),
    ],
)
def test_which_torch_is_new_enough(install, version, enough):
    assert install.is_at_least(version, (2, 10)) is enough


@pytest.mark.parametrize(
    ("versions", "pins", "said"),
    [
        ({}, [], ""),
        ({"torch": "2.12.0+cu128"}, ["torch==2.12.0+cu128"], "2.12.0+cu128 is here and is kept"),
        (
            {"torch": "2.14.1", "torchvision": "0.29.1+cpu"},
            ["torch==2.14.1", "torchvision==0.29.1+cpu"],
            "is kept",
        ),
        ({"torch": "2.9.1", "torchvision": "0.24.1"}, [], "pip will upgrade it"),
        ({"torch": "2.12.0", "torchvision": "0.20.0"}, ["torch==2.12.0"], "is kept"),
        ({"torchvision": "0.29.1"}, [], ""),
    ],
)
def test_a_torch_that_is_new_enough_is_pinned_as_it_is(install, there, pip, capsys, versions, pins, said):
    there(**versions)
    assert install.main([]) == 3
    assert [lines for _, lines in pip] == [pins]
    assert said in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "extras"),
    [([], ""), (["--dev"], "[dev]"), (["--extra", "hf", "--dev", "--extra", "offline"], "[dev,hf,offline]")],
)
def test_pip_of_this_python_installs_this_checkout(install, there, pip, arguments, extras):
    there()
    install.main(arguments)
    ((command, _),) = pip
    assert command[:4] == [sys.executable, "-m", "pip", "install"]
    assert command[-2:] == ["--editable", f"{ROOT}{extras}"]


def test_an_extra_that_does_not_exist_is_refused(install, pip, capsys):
    with pytest.raises(SystemExit) as end:
        install.main(["--extra", "everything"])
    assert end.value.code == 2 and pip == [] and "everything" in capsys.readouterr().err


def test_an_older_python_is_told_in_one_sentence(monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 4, "final", 0))
    with pytest.raises(SystemExit, match=r"^vislab needs Python 3\.11 or newer; this is Python 3\.10\.4 \(.*\)\.$"):
        runpy.run_path(str(FILE), run_name="__main__")


def test_floors_and_extras_are_those_of_the_project(install):
    assert set(install.EXTRAS) == set(PROJECT["optional-dependencies"])
    for package, floor in install.KEPT.items():
        assert f"{package}>={floor[0]}.{floor[1]}" in PROJECT["dependencies"]
    assert PROJECT["requires-python"] == ">=3.11"


def test_it_uses_the_standard_library_only():
    told = subprocess.run([sys.executable, "-S", str(FILE), "--help"], capture_output=True, text=True, timeout=60)
    assert told.returncode == 0 and "--extra" in told.stdout
