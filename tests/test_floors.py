"""The floors: imports only point down; what paints at once never waits for torch; nothing is pickled."""

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILES = sorted(file for floor in ("presets", "engine", "tui") for file in (ROOT / floor).rglob("*.py"))
TORCH = {"torch", "torchvision", "timm"}
TERMINAL = {"textual", "rich", "typer", "plotext"}
CONSOLE = ("tui/app.py", "tui/beside.py", "tui/key_order.py", "tui/terminal_driver.py", "tui/screens/", "tui/widgets/")
TORCH_FREE = ("engine/runs/", "engine/analysis/", "engine/trackers/", "engine/cache/")
OF_TORCH_FREE = tuple("vislab." + part.removesuffix(".py").strip("/").replace("/", ".") for part in TORCH_FREE)


def place(file: Path) -> str:
    return file.relative_to(ROOT).as_posix()


def module(file: Path) -> str:
    return "vislab." + place(file).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and full name of everything imported, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from ((node.lineno, f"{'.' * node.level}{node.module}.{alias.name}") for alias in node.names)


def below(name: str, *packages: str) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def forbidden(where: str, name: str) -> str:
    """Why a file of the repository may not import a name; empty when it may."""
    top = name.partition(".")[0]
    if name.startswith("."):
        return "imports are absolute"
    if top in ("tui", "engine", "presets"):
        return "the floors are called vislab.tui, vislab.engine and vislab.presets"
    if top == "plotext" and where != "tui/widgets/curves.py":
        return "only tui/widgets/curves.py knows plotext"
    if top == "textual" and not where.startswith(CONSOLE):
        return "only the console knows textual"
    if top in {"pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve"} and name != "pickle.UnpicklingError":
        return "nothing is pickled"
    floor = where.partition("/")[0]
    if floor == "presets" and (below(name, "vislab.engine", "vislab.tui") or top in TORCH | TERMINAL):
        return "presets knows only presets"
    if floor == "engine" and (below(name, "vislab.tui") or top in TERMINAL):
        return "engine knows no terminal"
    if where.startswith(TORCH_FREE) and (
        top in TORCH or (top == "vislab" and not below(name, *OF_TORCH_FREE, "vislab.presets"))
    ):
        return "what looks at runs is free of torch and of what trains"
    if floor == "tui":
        own = (*OF_TORCH_FREE, "vislab.presets", "vislab.tui", "vislab.__version__")
        if top in TORCH or (below(name, "vislab.engine", "vislab.tui", "vislab.presets") and not below(name, *own)):
            return "tui looks through the torch-free parts of the engine, and presets"
    return ""


def dangerous(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and reason of every call that could run code from a file or a shell."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        given = {word.arg: ast.unparse(word.value) for word in node.keywords if word.arg}
        if called in ("eval", "exec", "torch.save", "os.system"):
            yield node.lineno, f"{called} is not used"
        if called == "torch.load" and given.get("weights_only") != "True":
            yield node.lineno, "torch.load reads with weights_only=True"
        for word in ("shell", "allow_pickle"):
            if given.get(word, "False") != "False":
                yield node.lineno, f"{word} is never on"
        if given.get("weights_only", "True") != "True":
            yield node.lineno, "weights_only is never off"


@pytest.mark.parametrize("file", FILES, ids=place)
def test_imports_point_down_and_nothing_is_pickled(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    found = [(line, f"{name}: {why}") for line, name in imports(tree) if (why := forbidden(place(file), name))]
    found += dangerous(tree)
    assert found == []


@pytest.mark.parametrize(
    ("where", "line"),
    [
        ("presets/library.py", "import torch"),
        ("presets/library.py", "from vislab.engine.runs import store"),
        ("presets/library.py", "def f():\n    import rich.table"),
        ("engine/worker.py", "from vislab.tui.views import text"),
        ("engine/worker.py", "import textual"),
        ("engine/worker.py", "import pickle"),
        ("engine/worker.py", "from .data import source"),
        ("engine/runs/store.py", "import torch.nn as nn"),
        ("engine/runs/store.py", "from vislab.engine.data.source import Source"),
        ("engine/analysis/findings.py", "from vislab.engine import training"),
        ("tui/cli.py", "from vislab.engine import worker"),
        ("tui/cli.py", "from torch import nn"),
        ("tui/screens/live.py", "import plotext as plt"),
        ("tui/headless.py", "from textual.app import App"),
        ("tui/commands/console.py", "def f():\n    from textual import work"),
        ("tui/cli.py", "from engine.runs import store"),
    ],
)
def test_the_rules_catch(where, line):
    assert any(forbidden(where, name) for _, name in imports(ast.parse(line)))


@pytest.mark.parametrize(
    "line",
    [
        "torch.save(x, f)",
        "torch.load(f)",
        "torch.load(f, weights_only=False)",
        "torch.load(f, weights_only=safe)",
        "subprocess.run(c, shell=True)",
        "numpy.load(f, allow_pickle=True)",
        "eval(text)",
    ],
)
def test_dangerous_calls_are_caught(line):
    assert list(dangerous(ast.parse(line)))


def test_harmless_calls_are_not():
    assert not list(dangerous(ast.parse("model.eval(); torch.load(f, weights_only=True); loader.exec_module(m)")))


def imported_after(program: str) -> set[str]:
    """Top-level packages that a fresh Python holds after a program."""
    told = subprocess.run(
        [sys.executable, "-c", f"{program}\nimport json, sys; print(json.dumps(sorted(sys.modules)))"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return {name.partition(".")[0] for name in json.loads(told.stdout.splitlines()[-1])}


def import_all(files: list[Path]) -> str:
    return "\n".join(f"import {module(file)}" for file in files)


def test_what_looks_at_runs_does_not_import_torch():
    torch_free = [file for file in FILES if place(file).startswith((*TORCH_FREE, "presets/", "tui/views/"))]
    torch_free = [file for file in torch_free if file.name != "__main__.py"]
    assert len(torch_free) > 20
    assert not imported_after(import_all(torch_free)) & (TORCH | TERMINAL)


def test_the_command_line_imports_neither_torch_nor_the_console():
    commands = [file for file in FILES if place(file).startswith("tui/commands/")]
    assert commands
    assert not imported_after(f"import vislab.tui.cli\n{import_all(commands)}") & (TORCH | {"textual", "plotext"})


def test_no_part_of_the_console_imports_torch():
    assert not imported_after(import_all([file for file in FILES if place(file).startswith("tui/")])) & TORCH


def test_the_console_does_not_wait_for_the_commands():
    program = (
        "import sys; from vislab.tui import app, start; from vislab.tui.screens import launch, live\n"
        "sys.argv = ['vislab']\n"
        "try:\n    start.main()\nexcept SystemExit as end:\n    assert end.code == 2"
    )
    assert not imported_after(program) & {"typer", "torch", "numpy", "plotext", "sklearn"}


def test_help_is_printed_without_numpy():
    program = (
        "import sys; from vislab.tui.cli import main\nsys.argv = ['vislab', '--help']\n"
        "try:\n    main()\nexcept SystemExit as end:\n    assert not end.code"
    )
    assert not imported_after(program) & (TORCH | {"textual", "plotext", "numpy", "sklearn", "rich"})
