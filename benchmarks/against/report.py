"""From rounds to tables."""

import math
import os
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median, quantiles

from rounds import Round
from works import Work

from vislab.engine.runs.devices import list_devices

DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks.md"
_BEGIN, _END = "<!-- against: begin -->", "<!-- against: end -->"


def table(name: str, work: Work, rounds: list[Round]) -> list[str]:
    """Lines of Markdown: speeds, ratios with their quartiles, and whether the work was the same."""
    rivals = [rival for rival in work.rivals if any(rival in one.sides for one in rounds)]
    what = "whole command, s" if work.whole else "images/s"
    lines = [
        f"**{work.title}** (`--work {name}`; {work.train} training and {work.test} test images, batch {work.batch}, "
        f"{work.epochs} epochs)",
        "",
        f"| side | rounds | {what} (quartiles) | vislab is faster by (quartiles) | asked for | parameters | accuracy |",
        "|---|---|---|---|---|---|---|",
    ]
    for side in ["vislab", *rivals]:
        having = [one for one in rounds if side in one.sides]
        seconds = [one.seconds(work, side) for one in having]
        speed = _spread(seconds if work.whole else [work.train / one for one in seconds], _three_digits)
        ratio = asked = ""
        if side != "vislab":
            ratios = [one.ratio(work, side) for one in having]
            ratio = _spread(ratios, "{:.2f}".format)
            if limit := work.limits.get(side):
                asked = f"{limit:.2f}: {'reached' if median(ratios) >= limit else 'not reached'}"
        accuracy = median(_accuracy(one, side) for one in having)
        parameters = having[-1].sides[side]["parameters"]
        lines.append(
            f"| {side} | {len(having)} | {speed} | {ratio} | {asked} | {parameters:,} | {accuracy:.3f} |",
        )
    return [*lines, "", *_remarks(work, rivals, rounds), ""]


def _spread(figures: list[float], written: Callable[[float], str]) -> str:
    """Median, and quartiles where there are any."""
    if len(figures) == 1:
        return written(figures[0])
    low, middle, high = map(written, quantiles(figures, n=4, method="inclusive"))
    return f"{middle} ({low} to {high})"


def _three_digits(figure: float) -> str:
    """As many decimals as a measurement deserves."""
    return f"{figure:,.{0 if figure >= 100 else 1 if figure >= 10 else 2}f}"


def _accuracy(one: Round, side: str, epochs: int = 0) -> float:
    """After the last epoch, or vislab's after an earlier one."""
    found = one.sides[side]
    return float(found["accuracies"][epochs - 1] if side == "vislab" else found["accuracy"])


def _remarks(work: Work, rivals: list[str], rounds: list[Round]) -> list[str]:
    """What else there is to know, and what was not the same work, in words."""
    found = []
    arithmetic = sorted({one.sides["vislab"]["arithmetic"] for one in rounds})
    loads = [one.load for one in rounds]
    found.append(f"vislab trained in {', '.join(arithmetic)} thread(s). Load {min(loads):.1f} to {max(loads):.1f}.")
    for rival in rivals:
        having = [one for one in rounds if rival in one.sides]
        ours, theirs = having[-1].sides["vislab"], having[-1].sides[rival]
        if theirs["parameters"] != ours["parameters"]:
            found.append(f"NOT THE SAME MODEL: {rival} has {theirs['parameters']:,} parameters.")
        epochs = len(theirs["epoch_seconds"])
        own = median(_accuracy(one, "vislab", epochs) for one in having)
        other = median(_accuracy(one, rival) for one in having)
        if epochs < len(ours["epoch_seconds"]):
            found.append(
                f"{rival.capitalize()} trained {epochs} of the {work.epochs} epochs, and the others are taken to last "
                f"as long as its last; there vislab's accuracy was {own:.3f}."
            )
        if abs(own - other) > (noise := _noise(own, work.test)):
            found.append(f"ACCURACIES DIFFER by more than noise ({noise:.2f}): {own:.3f}, {rival} {other:.3f}.")
    if work.whole:
        starts = [
            f"{side} {median(one.sides[side]['start_seconds'] for one in rounds):.1f} s" for side in ["vislab", *rivals]
        ]
        found.append(f"Of it start and imports: {', '.join(starts)}.")
    return textwrap.wrap(" ".join(found), 120, break_long_words=False)


def _noise(accuracy: float, images: int) -> float:
    """How far two accuracies may lie apart: four standard errors of a difference, and what seeds make."""
    return 4 * math.sqrt(2 * max(accuracy * (1 - accuracy), 0.01) / images) + 0.02


def write(sections: list[list[str]], threads: int) -> None:
    """Put the tables into docs/benchmarks.md, in the place of earlier ones."""
    processor = next(one.name for one in list_devices() if one.kind == "cpu")
    machine = f"{processor}, {os.cpu_count()} cores, no GPU, torch {version('torch')}"
    told = (
        f"{datetime.now(UTC):%Y-%m-%d}: {machine}; the others' versions: `benchmarks/against/requirements.txt`. In a "
        f"round every side trains once, one after the other, with {threads} threads; a ratio is taken within its "
        "round. Medians over the rounds, quartiles in brackets. Images a second are those of the epochs after the "
        "first, evaluation and best weights included; vislab's full checkpoints, 1 % of the time of a long training, "
        "are left to the end of these short ones. Whole commands are timed from outside, with all that they save. "
        "`auto` chose in a longer run before the first round, and its choice was remembered; in whole commands it "
        "chooses each time. Accuracies count as the same within four standard errors of their difference and 0.02."
    )
    command = "    python benchmarks/against/run.py --rivals-python ENV/bin/python --write"
    head = ["## Against other loops", "", command, "", *textwrap.wrap(told, 120, break_long_words=False), ""]
    lines = [_BEGIN, *head, *(line for section in sections for line in section), _END]
    text = DOCUMENT.read_text()
    if _BEGIN in text:
        before, rest = text.split(_BEGIN)
        text = before + "\n".join(lines) + rest.split(_END)[1]
    else:
        text = text.rstrip() + "\n\n" + "\n".join(lines) + "\n"
    DOCUMENT.write_text(text)
