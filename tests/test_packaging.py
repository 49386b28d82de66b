"""What a wheel holds: every module and every preset, and nothing else; and that its names are ours alone."""

import os
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


def test_modules_of_somebody_else_are_never_taken_for_ours(tmp_path):
    mine = tmp_path / "mine"
    for name in ("engine.py", "tui/__init__.py", "presets/__init__.py", "worker.py"):
        file = mine / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("raise RuntimeError('this is somebody else')\n")
    folders = {f"VISLAB_{name}_DIR": str(tmp_path / name) for name in ("RUNS", "DATA", "CACHE")}
    command = [str(Path(sys.executable).with_name("vislab")), "run", "--preset", "digits-lenet5", "--plain"]
    done = subprocess.run(
        [*command, "--set", "strategy.epochs=1", "--set", "strategy.limit=64"],
        cwd=mine,
        env=os.environ | folders | {"PYTHONPATH": ".", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    (run,) = (tmp_path / "RUNS").iterdir()
    assert run.name.split("-")[2:4] == ["digits", "lenet5"]
    assert "somebody else" not in done.stderr + (run / "worker.log").read_text()
