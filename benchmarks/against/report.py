"""From rounds to a table."""

import math
import platform
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from works import Work

_DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks.md"
_BEGIN, _END = "<!-- against: begin -->", "<!-- against: end -->"


@dataclass(frozen=True)
class Round:
    """What each side found, one after the other."""

    sides: dict[str, dict[str, Any]]

    def seconds(self, work: Work, side: str) -> float:
        """Of the whole training, or of an epoch after the first."""
        found = self.sides[side]
        epochs: list[float] = found["epoch_seconds"]
        later = median(epochs[1:])
        if not work.whole:
            return later
        return float(found["before_seconds"]) + sum(epochs) + (work.epochs - len(epochs)) * later

    def ratio(self, work: Work, rival: str) -> float:
        """How many times as fast as the rival vislab is."""
        return self.seconds(work, rival) / self.seconds(work, "vislab")


def table(work: Work, rivals: list[str], rounds: list[Round]) -> list[str]:
    """Lines of Markdown: speeds, ratios with their range, and whether the work was the same."""
    what = "whole training, s" if work.whole else "images/s"
    lines = [f"**{work.title}** ({work.train} training and {work.test} test images, batch {work.batch})", ""]
    lines += [
        f"| side | {what} | vislab is faster by | asked for | parameters | accuracy |",
        "|---|---|---|---|---|---|",
    ]
    for side in ["vislab", *rivals]:
        seconds = [one.seconds(work, side) for one in rounds]
        speed = f"{median(seconds):,.1f}" if work.whole else f"{work.train / median(seconds):,.0f}"
        ratio = limit = ""
        if side != "vislab":
            ratios = [one.ratio(work, side) for one in rounds]
            ratio = f"{median(ratios):.2f} x ({min(ratios):.2f} to {max(ratios):.2f})"
            limit = f"{work.limits[side]:.2f} x" if side in work.limits else ""
        accuracy = median(one.sides[side]["accuracy"] for one in rounds)
        parameters = rounds[0].sides[side]["parameters"]
        lines.append(f"| {side} | {speed} | {ratio} | {limit} | {parameters:,} | {accuracy:.3f} |")
    lines += ["", *_differences(work, rivals, rounds)]
    if arithmetic := rounds[-1].sides["vislab"].get("arithmetic"):
        lines += [f"vislab trained in: {arithmetic} (precision, memory format, threads).", ""]
    return lines


def _differences(work: Work, rivals: list[str], rounds: list[Round]) -> list[str]:
    """What was not the same work, in words."""
    found = []
    ours = rounds[0].sides["vislab"]
    for rival in rivals:
        theirs = rounds[0].sides[rival]
        if theirs["parameters"] != ours["parameters"]:
            found.append(f"Not the same model: {rival} has {theirs['parameters']:,} parameters.")
        if len(theirs["epoch_seconds"]) != len(ours["epoch_seconds"]):
            found.append(
                f"{rival} trained {len(theirs['epoch_seconds'])} of the {work.epochs} epochs: the others are taken to "
                f"last as long as its second."
            )
            continue
        own = median(one.sides["vislab"]["accuracy"] for one in rounds)
        other = median(one.sides[rival]["accuracy"] for one in rounds)
        noise = 4 * math.sqrt(2 * max(own * (1 - own), 0.01) / work.test) + 0.02  # of the test images, and of the seed
        if abs(own - other) > noise:
            found.append(f"Accuracies differ by more than noise: {own:.3f}, {rival} {other:.3f}.")
    return [*found, ""] if found else []


def write(sections: list[list[str]], threads: int, pairs: int) -> None:
    """Put the tables into docs/benchmarks.md, in the place of earlier ones."""
    head = [
        "## Against other loops",
        "",
        "    python benchmarks/against/run.py --rivals-python ENV/bin/python --write",
        "",
        f"Medians of {pairs} rounds, in each of which every side trains once; ratios within a round, their range in "
        f"brackets. {threads} threads on every side ({platform.machine()}, no GPU). An epoch after the first counts, "
        "with its evaluation and checkpoints; where the whole training counts, all of it but imports.",
        "",
    ]
    lines = [_BEGIN, *head, *(line for section in sections for line in section), _END]
    text = _DOCUMENT.read_text()
    if _BEGIN in text:
        before, rest = text.split(_BEGIN)
        text = before + "\n".join(lines) + rest.split(_END)[1]
    else:
        text = text.rstrip() + "\n\n" + "\n".join(lines) + "\n"
    _DOCUMENT.write_text(text)
