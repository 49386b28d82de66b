"""From rounds to tables."""

import math
import os
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import mean, median, quantiles, stdev

from rounds import Round
from scipy.special import stdtrit
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
        f"| side | rounds | {what} (quartiles) | vislab is faster by (quartiles) | asked for | parameters | accuracy | "
        "vislab's less this one's (95 %) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for side in ["vislab", *rivals]:
        having = [one for one in rounds if side in one.sides]
        seconds = [one.seconds(work, side) for one in having]
        speed = _spread(seconds if work.whole else [work.train / one for one in seconds], _three_digits)
        ratio = asked = more = ""
        if side != "vislab":
            more = _of_seeds([one.more_accurate(work, side) for one in having])
            ratios = [one.ratio(work, side) for one in having]
            ratio = _spread(ratios, "{:.2f}".format)
            if limit := work.limits.get(side):
                asked = f"{limit:.2f}: {'reached' if median(ratios) >= limit else 'not reached'}"
        accuracy = median(one.accuracy(side) for one in having)
        parameters = having[-1].sides[side]["parameters"]
        lines.append(
            f"| {side} | {len(having)} | {speed} | {ratio} | {asked} | {parameters:,} | {accuracy:.3f} | {more} |",
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


def _interval(differences: list[float]) -> tuple[float, float]:
    """Where the mean over all seeds lies with 95 %, by Student's t; anywhere, after a single round."""
    if len(differences) == 1:
        return -math.inf, math.inf
    half = float(stdtrit(len(differences) - 1, 0.975)) * stdev(differences) / math.sqrt(len(differences))
    return mean(differences) - half, mean(differences) + half


def _of_seeds(differences: list[float]) -> str:
    """The mean, and its interval where there is one."""
    low, high = _interval(differences)
    return f"{mean(differences):+.3f}" + (f" ({low:+.3f} to {high:+.3f})" if math.isfinite(low) else "")


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
        if (epochs := work.epochs_of(rival)) < work.epochs:
            found.append(
                f"{rival.capitalize()} trained {epochs} of the {work.epochs} epochs, and the others are taken to last "
                "as long as its last; accuracies are compared there."
            )
        low, high = _interval(differences := [one.more_accurate(work, rival) for one in having])
        if low > 0 or high < 0:
            than = "MORE" if low > 0 else "LESS"
            found.append(f"VISLAB IS {than} ACCURATE than {rival}: by {abs(mean(differences)):.3f} in the mean.")
    if work.whole:
        starts = [
            f"{side} {median(one.sides[side]['start_seconds'] for one in rounds):.1f} s" for side in ["vislab", *rivals]
        ]
        found.append(f"Of it start and imports: {', '.join(starts)}.")
    return textwrap.wrap(" ".join(found), 120, break_long_words=False)


def write(sections: list[list[str]], threads: int) -> None:
    """Put the tables into docs/benchmarks.md, in the place of earlier ones."""
    processor = next(one.name for one in list_devices() if one.kind == "cpu")
    machine = f"{processor}, {os.cpu_count()} cores, no GPU, torch {version('torch')}"
    told = (
        f"{datetime.now(UTC):%Y-%m-%d}: {machine}; the others' versions: `benchmarks/against/requirements.txt`. In a "
        f"round every side trains once, one after the other, with {threads} threads and a seed of the round; a ratio "
        "is taken within its round. Medians over the rounds, quartiles in brackets. Images a second are those of the "
        "epochs after the first, evaluation and best weights included; vislab's full checkpoints, 1 % of the time of a "
        "long training, are left to the end of these short ones. Whole commands are timed from outside, with all that "
        "they save. `auto` chose in a longer run before the first round, and its choice was remembered; in whole "
        "commands it chooses each time. A difference of accuracies is the mean of the rounds', on the same test "
        "images, with the interval in which the mean of all seeds lies with 95 %. `bare` trains vislab's own LeNet-5: "
        "what vislab takes longer is its loop. `bare-stock` and the others train the usual order of its layers "
        "(convolution, ReLU, max pooling), whose numbers and gradients are the same "
        "(tests/engine/models/test_networks.py): a part of their ratios is vislab's network and not its loop."
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
