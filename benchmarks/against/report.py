"""From rounds to tables."""

import math
import os
import re
import textwrap
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import mean, median, quantiles, stdev

from rounds import CALM, Round
from scipy.special import stdtrit
from works import WORKS, Work

from vislab.engine.runs.devices import list_devices

DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks.md"
_BEGIN, _END = "<!-- against: begin -->", "<!-- against: end -->"
_SECTION = re.compile(r"(^\*\*[^\n]*\(`--work (\S+)`.*?)(?=^\*\*|\Z)", re.MULTILINE | re.DOTALL)
"""A table with its remarks, and the work's name."""


def table(name: str, work: Work, rounds: list[Round], threads: int) -> list[str]:
    """Lines of Markdown: speeds, ratios with their quartiles, and whether the work was the same.

    Speeds are those of calm rounds, if there are any; accuracies those of all.
    """
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
        counted = [one for one in having if one.calm] or having
        seconds = [one.seconds(work, side) for one in counted]
        speed = _spread(seconds if work.whole else [work.train / one for one in seconds], _three_digits)
        ratio = asked = more = ""
        if side != "vislab":
            more = _of_seeds([one.more_accurate(work, side) for one in having])
            ratio = _spread([one.ratio(work, side) for one in counted], "{:.2f}".format)
            asked = _verdict(work, side, having)
        accuracy = median(one.accuracy(side) for one in having)
        parameters = having[-1].sides[side]["parameters"]
        lines.append(
            f"| {side} | {len(counted)} | {speed} | {ratio} | {asked} | {parameters:,} | {accuracy:.3f} | {more} |",
        )
    return [*lines, "", *_remarks(work, rivals, rounds, threads), ""]


def _verdict(work: Work, rival: str, rounds: list[Round]) -> str:
    """Whether vislab is as fast as is asked: told of the same work, no less accurate, on a calm machine alone."""
    counted = [one.ratio(work, rival) for one in rounds if one.calm]
    _, most = _interval([one.more_accurate(work, rival) for one in rounds])
    limit = work.limits.get(rival)
    if any(one.sides[rival]["parameters"] != one.sides["vislab"]["parameters"] for one in rounds):
        verdict = "not the same work"
    elif most < 0:
        verdict = "less accurate"
    elif limit is None:
        return ""
    elif not counted:
        verdict = "machine busy, no verdict"
    else:
        verdict = "reached" if median(counted) >= limit else "not reached"
    return verdict if limit is None else f"{limit:.2f}: {verdict}"


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


def _remarks(work: Work, rivals: list[str], rounds: list[Round], threads: int) -> list[str]:
    """What else there is to know, and what was not the same work, in words."""
    processor = next(one.name for one in list_devices() if one.kind == "cpu")
    found = [
        f"{datetime.now(UTC):%Y-%m-%d}: {processor}, {os.cpu_count()} cores, no GPU, torch {version('torch')}, "
        f"{threads} threads a side."
    ]
    arithmetic = sorted({one.sides["vislab"]["arithmetic"] for one in rounds})
    found.append(f"vislab trained in {', '.join(arithmetic)} thread(s).")
    loads = [one.load for one in rounds if one.calm] or [one.load for one in rounds]
    found.append(f"Load {min(loads):.1f} to {max(loads):.1f}.")
    if busy := sum(not one.calm for one in rounds):
        so = "left out of the speeds" if busy < len(rounds) else "no verdict"
        found.append(f"On a busy machine, load above {CALM:.1f}: {busy} of {len(rounds)} rounds, {so}.")
    if work.rival_epochs:
        found.append(
            f"The other sides trained {work.rival_epochs} of the {work.epochs} epochs, and the rest are taken to last "
            "as long as their last; accuracies are compared there."
        )
    for rival in rivals:
        having = [one for one in rounds if rival in one.sides]
        ours, theirs = having[-1].sides["vislab"], having[-1].sides[rival]
        if theirs["parameters"] != ours["parameters"]:
            found.append(f"NOT THE SAME MODEL: {rival} has {theirs['parameters']:,} parameters.")
        low, high = _interval(differences := [one.more_accurate(work, rival) for one in having])
        if low > 0 or high < 0:
            than = "MORE" if low > 0 else "LESS"
            found.append(f"VISLAB IS {than} ACCURATE than {rival}: by {abs(mean(differences)):.3f} in the mean.")
    if work.whole:
        starts = [
            f"{side} {median(one.sides[side]['start_seconds'] for one in rounds if side in one.sides):.1f} s"
            for side in ["vislab", *rivals]
        ]
        found.append(f"Of it start and imports: {', '.join(starts)}.")
    else:
        found.append(f"A round times {work.epochs - 1} epoch{'s' if work.epochs > 2 else ''} of a side.")
    if missing := [rival for rival in work.rivals if rival not in rivals]:
        found.append(f"Not run: {', '.join(missing)}.")
    if work.rivals == ("textbook",):
        found.append("It is measured against the textbook loop alone, as its limit is.")
    return textwrap.wrap(" ".join(found), 120, break_long_words=False)


def write(tables: dict[str, list[str]]) -> None:
    """Put tables into docs/benchmarks.md, each in the place of the last one of its work; those of others stay."""
    told = (
        "In a round every side trains once, one after the other, with as many threads and a seed of the round; a "
        "ratio is taken within its round. Medians over the rounds, quartiles in brackets. Speeds hold for a calm "
        "machine only: where other work wants the cores, vislab's threads sleep while they wait for each other and "
        "those of the others spin (Precision, memory format and threads, above), so that rounds count whose load was "
        "at most half a process more than there are cores, when they began and when they ended. Images a second are "
        "those of the epochs after the first, evaluation and best weights included; vislab's full checkpoints, 1 % of "
        "the time of a long training, are left to the end of these short ones, and Lightning writes no checkpoints "
        "and logs. Textbook, Lightning and fastai read with DataLoaders without workers, as is the default of torch: "
        "workers would compete with the model for the same cores. Keras keeps in memory what its first epoch has "
        "decoded. In transfer each side's frozen part keeps the batch statistics that it came with; vislab alone runs "
        "it once; Keras's command imports torch as well, to read the weights, a second or two of it. Whole commands "
        "are timed from outside, with all that they save. `auto` chose in a longer run before "
        "the first round, which filled the cache of pixels as well, and its choice was remembered; in whole commands "
        "it chooses each time. A difference of accuracies is the mean of the rounds', on the same test images, with "
        "the interval in which the mean of all seeds lies with 95 %; where it lies below zero, or parameters differ, "
        "a speed counts for nothing. `bare` trains vislab's own "
        "LeNet-5: what vislab takes longer is its loop. `bare-stock` and the others train the usual order of its "
        "layers (convolution, ReLU, max pooling), whose numbers and gradients are the same "
        "(tests/engine/models/test_networks.py): a part of their ratios is vislab's network and not its loop. The "
        "others' versions: `benchmarks/against/requirements.txt`."
    )
    command = "    python benchmarks/against/run.py --rivals-python ENV/bin/python --write"
    lines = ["## Against other loops", "", command, "", *textwrap.wrap(told, 120, break_long_words=False), ""]
    before, block, after = re.split(f"{_BEGIN}\n|{_END}", DOCUMENT.read_text())
    known = {name: [*section.rstrip().split("\n"), ""] for section, name in _SECTION.findall(block)} | tables
    for name in WORKS:
        lines += known.get(name, [])
    DOCUMENT.write_text(f"{before}{_BEGIN}\n" + "\n".join(lines) + f"\n{_END}{after}")
