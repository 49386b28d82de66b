"""What a wheel holds: every module and every preset, and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FLOORS = ("tui", "engine", "presets")
DATA = {".toml", ".csv", ".tcss"}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> set[str]:
    """Names of the files in a wheel built from a copy of this tree, metadata left out."""
    folder = tmp_path_factory.mktemp("wheel")
    tree = folder / "tree"
    tree.mkdir()
    for name in ("src", *FLOORS, "pyproject.toml", "README.md", "LICENSE"):
        subprocess.run(["cp", "-a", str(ROOT / name), str(tree)], check=True)
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet"]
    subprocess.run([*command, "--wheel-dir", str(folder), str(tree)], check=True, timeout=300)
    (built,) = folder.glob("vislab-*.whl")
    with zipfile.ZipFile(built) as archive:
        names = archive.namelist()
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    return {name for name in names if ".dist-info/" not in name}


def test_a_wheel_holds_every_module_and_every_preset_and_nothing_else(wheel):
    ours = {
        f"vislab/{file.relative_to(ROOT).as_posix()}"
        for floor in FLOORS
        for file in (ROOT / floor).rglob("*")
        if file.suffix in {".py", *DATA}
    }
    assert wheel == ours | {"vislab/__init__.py", "vislab/py.typed"}


def test_every_folder_with_modules_is_a_package():
    folders = {file.parent for floor in FLOORS for file in (ROOT / floor).rglob("*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").is_file()] == []


def test_the_three_floors_are_links_so_that_there_is_one_copy_of_each_file():
    for floor in FLOORS:
        assert (ROOT / "src" / "vislab" / floor).resolve() == ROOT / floor
