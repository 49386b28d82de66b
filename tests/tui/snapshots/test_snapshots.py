"""Each screen as it was when somebody last looked at it, at both first-class sizes.

A picture that differs is written into the test's folder, which the failure names. When the change was meant, look at
the new picture, then renew the stored ones and commit them:

    VISLAB_RENEW_SNAPSHOTS=1 python -m pytest tests/tui/snapshots
"""

import os
import re
from importlib.metadata import version
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent
RENEW = "VISLAB_RENEW_SNAPSHOTS"
WINDOWS = ("launch-recipes", "launch-more", "help", "palette", "question")
"""Look alike at both sizes: one picture is enough."""
DRAWN_BY = FOLDER / "drawn_by.txt"
"""Versions of the libraries that drew the stored pictures: others draw the same screen with other marks."""


def libraries() -> str:
    return "".join(f"{name} {version(name)}\n" for name in ("textual", "rich", "plotext"))


def drawn_by(versions: str) -> str:
    return ", ".join(versions.splitlines())


def normalised(svg: str) -> str:
    """Without what differs from one drawing to the next, a line an element."""
    return re.sub(r"terminal-\d+", "terminal", svg).replace("><", ">\n<")


@pytest.mark.parametrize("size", [(80, 24), (200, 60)], ids=["80x24", "200x60"])
def test_every_screen_looks_as_it_did(tour, tmp_path, size) -> None:
    if os.environ.get(RENEW):
        DRAWN_BY.write_text(libraries())
    elif DRAWN_BY.read_text() != libraries():
        words = f"The pictures were drawn by {drawn_by(DRAWN_BY.read_text())}; here are {drawn_by(libraries())}."
        if os.environ.get("CI"):  # where nobody reads what was skipped
            pytest.fail(f"{words} Install those, or renew the pictures: {RENEW}=1")
        pytest.skip(words)
    folder = FOLDER / f"{size[0]}x{size[1]}"
    changed, met = [], set()

    def compare(visit) -> None:
        stored = folder / f"{visit.scene.name}.svg"
        met.add(stored.name)
        drawn = normalised(visit.pilot.app.export_screenshot(title="vislab", simplify=True))
        if os.environ.get(RENEW):
            stored.parent.mkdir(exist_ok=True)
            stored.write_text(drawn)
        elif not stored.exists() or stored.read_text() != drawn:
            (tmp_path / stored.name).write_text(drawn)
            changed.append(f"{tmp_path / stored.name}\n{visit.text}")

    tour(compare, size, without=WINDOWS if size[0] > 80 else ())
    assert not changed, "\n\n".join(
        [f"{len(changed)} screens have changed. Look at them; if it was meant, set {RENEW}=1 and run again.", *changed]
    )
    assert {file.name for file in folder.glob("*.svg")} == met, "a picture of a screen that is no more"
