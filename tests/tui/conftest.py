"""The `vislab` command as a process of its own, with a fake worker behind it; pages, taken apart; contrast."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import IO

import pytest

from vislab.engine.runs.store import Run
from vislab.tui import hub

DRIVER = Path(__file__).with_name("follow_fake.py")
UNCLOSED = {"img", "meta", "link", "br"}


class Page(HTMLParser):
    """Collects tags, attributes and text, and checks that tags are closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count it, and wait for its end."""
        self.handle_startendtag(tag, attrs)
        if tag not in UNCLOSED:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Count it; it has no end of its own."""
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        """Is it the one that was opened last."""
        assert self._open.pop() == tag, tag

    def handle_data(self, data: str) -> None:
        """Words."""
        self.text += data


@pytest.fixture(scope="session", autouse=True)
def many_colours() -> Iterator[None]:
    """Consoles in this process have more than 16 colours, whatever terminal the tests run on."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TERM", "xterm-256color")
        yield


@pytest.fixture(scope="session", autouse=True)
def no_network() -> Iterator[None]:
    """Consoles in this process do not look whether the hub of weights can be reached."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hub, "unreachable_host", lambda: "")
        yield


@pytest.fixture(scope="session")
def parsed() -> Callable[[str], Page]:
    """The tags, attributes and words of an HTML page."""
    return Page


@pytest.fixture(scope="session")
def contrast() -> Callable[[str, str], float]:
    """WCAG 2 contrast ratio of two colours written as #rrggbb, from 1 to 21."""

    def luminance(colour: str) -> float:
        channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    def of(one: str, other: str) -> float:
        light, dark = sorted((luminance(one), luminance(other)), reverse=True)
        return (light + 0.05) / (dark + 0.05)

    return of


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Variables of a person whose folders are all below tmp_path."""
    folders = {f"VISLAB_{name}_DIR": str(tmp_path / name.lower()) for name in ("RUNS", "DATA", "CACHE")}
    kept = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR", "SLURM_JOB_ID")}
    return kept | folders | {"HOME": str(tmp_path), "TERM": "xterm-256color", "VISLAB_FAKE": "done"}


@pytest.fixture
def vislab(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start the command; ends every worker that is left over."""

    def start(
        *arguments: str, fake: str = "done", stderr: "int | IO[str]" = subprocess.PIPE, **variables: str
    ) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, str(DRIVER), *arguments],
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            cwd=tmp_path,
            env=environment | {"VISLAB_FAKE": fake} | variables,
        )

    yield start
    for folder in (tmp_path / "runs").glob("*"):
        if worker := Run(folder).worker():
            os.kill(worker, signal.SIGKILL)
