"""What was measured, round by round, kept in a file: a command that breaks off goes on where it stopped."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from works import Work

_REPOSITORY = Path(__file__).parents[2]
_DONE = ("architecture", "train", "test", "size", "epochs", "batch", "jpeg", "classes", "whole", "rival_epochs")
"""What a work does, but for vislab's settings."""

CALM = (os.cpu_count() or 1) + 0.5
"""The highest load of a calm machine: a side's own threads make it about as many as there are cores."""


@dataclass(frozen=True)
class Round:
    """What each side found, one after the other.

    Attributes:
        work: its name.
        asked: as `asked` says: rounds of the same are compared.
        load: of the machine when it began or ended, the higher: processes that want to run, over the last minute.
        sides: what each program printed, and `seconds` of its process.
        seed: of all sides.
    """

    work: str
    asked: dict[str, Any]
    load: float
    sides: dict[str, dict[str, Any]]
    seed: int = 0

    def check(self, work: Work) -> None:
        """Whether every side did the work.

        Raises:
            RuntimeError: one has trained more or fewer epochs.
        """
        for side, found in self.sides.items():
            if (done := len(found["epoch_seconds"])) != work.epochs_of(side):
                raise RuntimeError(f"{side} trained {done} epochs of {self.work}, not {work.epochs_of(side)}")

    @property
    def calm(self) -> bool:
        """Whether its speeds count: beside other work the sides' threads wait for each other in different ways."""
        return self.load <= CALM

    def seconds(self, work: Work, side: str) -> float:
        """Of the whole training, or of an epoch after the first."""
        found = self.sides[side]
        epochs: list[float] = found["epoch_seconds"]
        later = median(epochs[1:] or epochs)
        if not work.whole:
            return later
        return float(found["seconds"]) + (work.epochs - len(epochs)) * later

    def ratio(self, work: Work, rival: str) -> float:
        """How many times as fast as the rival vislab is."""
        return self.seconds(work, rival) / self.seconds(work, "vislab")

    def accuracy(self, side: str) -> float:
        """After the last epoch."""
        found = self.sides[side]
        return float(found["accuracies"][-1] if side == "vislab" else found["accuracy"])

    def more_accurate(self, work: Work, rival: str) -> float:
        """By how much vislab is more accurate than a rival, after as many epochs."""
        own = self.sides["vislab"]["accuracies"][work.epochs_of(rival) - 1]
        return float(own) - self.accuracy(rival)


def asked(work: Work, threads: int) -> dict[str, Any]:
    """What tells rounds of a work from those of a smaller one, or of other code, as JSON can hold it."""
    done = {name: getattr(work, name) for name in _DONE}
    return {**done, "settings": list(work.settings), "threads": threads, "code": _code()}


def _code() -> str:
    """A hash of vislab's files and of these programs as they are now, committed or not."""
    digest = hashlib.blake2b(digest_size=8)
    for folder in ("engine", "presets", "tui", "benchmarks/against"):
        for file in sorted((_REPOSITORY / folder).rglob("*")):
            if file.is_file() and "__pycache__" not in file.parts:
                digest.update(f"{file.relative_to(_REPOSITORY)} {file.stat().st_size}\n".encode() + file.read_bytes())
    return digest.hexdigest()


def append(file: Path, found: Round) -> None:
    """Keep a round."""
    with file.open("a") as out:
        out.write(json.dumps(asdict(found)) + "\n")


def read(file: Path, name: str, what: dict[str, Any]) -> list[Round]:
    """The rounds of a work that were kept."""
    lines = file.read_text().splitlines() if file.exists() else []
    found = [Round(**json.loads(line)) for line in lines]
    return [one for one in found if one.work == name and one.asked == what]
