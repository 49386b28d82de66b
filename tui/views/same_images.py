"""The same-images tests of runs side by side, as sentences. All text that is returned is safe."""

from collections.abc import Sequence

from vislab.engine.analysis import comparison
from vislab.engine.analysis.groups import Group, GroupPair, Repeat, not_told_apart, tests_against, winner
from vislab.tui.views import text
from vislab.tui.views.text import plain


def lines(among: Sequence[Group], labels: Sequence[str]) -> list[str]:
    """The tests of each group against the best one, and what they leave open.

    Args:
        labels: how each group is called.
    """
    if len(among) < 2:
        return []
    reference = winner(among)
    pairs = tests_against(among, reference)
    tests = [row.test for pair in pairs for row in pair.tests]
    told = []
    if tests:
        counts = dict.fromkeys(test.images for test in tests)
        images = text.counted(tests[0].images, "image") if len(counts) == 1 else "images"
        several = f" (p adjusted for {len(tests)} tests, Holm)" if len(tests) > 1 else ""
        told.append(f"the same {images}, each run against {labels[reference]} by McNemar's exact test{several}")
    told += [_line(pair, labels) for pair in pairs if pair.tests]
    other_data = [
        labels[pair.b]
        for pair in pairs
        if pair.tests and not comparison.same_data([*among[pair.a].runs, *among[pair.b].runs])
    ]
    if other_data:
        told.append(
            f"the data set of {', '.join(other_data)} has another fingerprint than that of {labels[reference]}; names "
            f"and labels of the images are the same"
        )
    for sentence in dict.fromkeys(pair.refused for pair in pairs if pair.refused):
        which = " ".join(labels[pair.b] for pair in pairs if pair.refused == sentence)
        told.append(f"{which} against {labels[reference]}: {plain(sentence, 400)}")
    if found := not_told_apart(among, pairs, labels):
        told.append(f"{found.severity}: {found.text} {found.remedy}")
    chosen = [row for row, group in zip(labels, among, strict=True) if any(run.selected_on_test for run in group.runs)]
    if chosen:
        which = "" if len(chosen) == len(among) else f" ({', '.join(chosen)})"
        told.append(f"{text.ON_TEST} selected on the test set{which}: figures of the best epochs are too high")
    return told


def _line(pair: GroupPair, labels: Sequence[str]) -> str:
    """`only ●2 right 6, only ▪1 right 1: p = 0.13, not shown to differ`; with several seeds the figures of each.

    Where a group has runs that could not be tested: of which seeds the figures are, and which runs those are.
    """
    a, b = labels[pair.a], labels[pair.b]
    tests = [row.test for row in pair.tests]
    only_a, only_b = (
        ", ".join(map(text.count, counts)) for counts in ([t.only_a for t in tests], [t.only_b for t in tests])
    )
    better = [a if test.only_a > test.only_b else b for test in tests if test.shown]
    repeats = text.counted(len(tests), "repeat")
    verdict = "not shown to differ"
    if better and len(tests) == 1:
        verdict = f"{better[0]} is better on these images"
    elif pair.shown:
        verdict = f"{better[0]} is better in each of {repeats}"
    elif better:
        shares = " and ".join(f"{one} in {better.count(one)}" for one in dict.fromkeys(better))
        verdict = f"not settled: shown to be better is {shares} of {repeats}"
    told = f"only {a} right {only_a}, only {b} right {only_b}: p {_p([test.p for test in tests])}, {verdict}"
    if not pair.untested:
        return told
    left = [
        f"{_repeats([(run.spec.seed, run.spec.strategy.folds and run.spec.strategy.fold) for run in runs])} of {row}"
        for at, row in ((pair.a, a), (pair.b, b))
        if (runs := [run for place, run in pair.untested if place == at])
    ]
    return f"{told}; this is of {_repeats([row.repeat for row in pair.tests])} alone, untested: {'; '.join(left)}"


def _repeats(which: Sequence[Repeat]) -> str:
    """`seed 0`, `seeds 0, 1`, `seeds 0 (fold 1), 0 (fold 2)`."""
    told = [f"{seed} (fold {fold})" if fold else str(seed) for seed, fold in which]
    return f"seed{'s' * (len(told) > 1)} {', '.join(told)}"


def _p(values: Sequence[float]) -> str:
    """`= 0.13`, `< 0.001`, or several of them."""
    written = [f"{p:.2g}" if p >= 0.001 else "< 0.001" for p in values]
    return f"= {written[0]}" if len(values) == 1 and values[0] >= 0.001 else ", ".join(written)
