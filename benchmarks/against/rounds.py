"""What was measured, round by round, kept in a file: a command that breaks off goes on where it stopped."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from works import Work


@dataclass(frozen=True)
class Round:
    """What each side found, one after the other.

    Attributes:
        work: its name.
        asked: images of both parts, and threads: rounds of the same are compared.
        load: of the machine when it began: processes that want to run, over the last minute.
        sides: what each program printed, and `seconds` of its process.
    """

    work: str
    asked: dict[str, int]
    load: float
    sides: dict[str, dict[str, Any]]

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


def asked(work: Work, threads: int) -> dict[str, int]:
    """What tells rounds of a work from those of a smaller one."""
    return {"train": work.train, "test": work.test, "threads": threads}


def append(file: Path, found: Round) -> None:
    """Keep a round."""
    with file.open("a") as out:
        out.write(json.dumps(asdict(found)) + "\n")


def read(file: Path, name: str, what: dict[str, int]) -> list[Round]:
    """The rounds of a work that were kept."""
    lines = file.read_text().splitlines() if file.exists() else []
    found = [Round(**json.loads(line)) for line in lines]
    return [one for one in found if one.work == name and one.asked == what]
