"""The table of a comparison: a row a group of runs that repeat one setting, or a row a run. All text is safe."""

from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Literal

from vislab.engine.analysis import comparison
from vislab.engine.analysis.comparison import Compared
from vislab.engine.analysis.cost import FeaturePass
from vislab.engine.analysis.groups import REPEATS, Group
from vislab.engine.analysis.stars import NOT_DONE, ON_FEATURES, OTHER_COUNTS, OTHER_IMAGES, OTHER_LOSSES, stars
from vislab.tui import tables
from vislab.tui.views import epochs, text
from vislab.tui.views.spec import value_text
from vislab.tui.views.text import MISSING, plain

STAR = "★"
LEFT = ("", "run", "differs in", "status")
"""Titles of the columns that are no figures."""

_SHORT = {"run": 15, "differs in": 14}
"""Cells that these columns keep before others are left out."""
SHARED = 0.8
"""Share of the rows with one value, from which a setting stands behind those that tell more rows apart."""

_FIRST_TO_GO = (
    "of it features",
    "img/s",
    "energy",
    "train acc",
    "total",
    "val loss",
    "test loss",
    "val/test loss",
    "epochs",
    "status",
    "test acc",
    "trained",
    "differs in",
)

Columns = dict[str, list[str]]
"""Titles to a cell a row."""


def lines(columns: Columns, width: int) -> list[str]:
    """A line of titles and a line a row; the best figures have a star.

    A narrow table is `fitting`, and cuts names and what the runs differ in.
    """
    columns = fitting(columns, width)
    right = [title for title in columns if title not in LEFT]
    whole = [title for title in columns if title not in ("run", "differs in")]
    return tables.lines(list(columns), rows(columns), width, right=right, whole=whole)


def fitting(columns: Columns, width: int) -> Columns:
    """The columns that have room; those that matter least are left out first."""
    columns = dict(columns)
    for title in _FIRST_TO_GO:
        cells = {
            key: min(max(map(text.cells, (key, *column))), _SHORT.get(key, width)) for key, column in columns.items()
        }
        if sum(cells.values()) + tables.GAP * (len(cells) - 1) <= width:
            break
        columns.pop(title, None)
    return columns


def left_out_note(columns: Columns, width: int) -> list[str]:
    """A sentence on the columns for which a table has no room, if there are any."""
    titles = left_out(columns, width)
    return [f"no room for {', '.join(titles)}: v shows them"] * bool(titles)


def left_out(columns: Columns, width: int) -> list[str]:
    """Titles of the columns for which a table has no room."""
    shown = fitting(columns, width)
    return [title for title in columns if title not in shown]


def rows(columns: Columns) -> list[list[str]]:
    """The cells of a table row by row."""
    return [list(row) for row in zip(*columns.values(), strict=True)]


def judged_on(among: Sequence[Group]) -> Literal["val", "test", "val/test"]:
    """What the images are called, in short, that the best epochs were chosen by: both where runs differ in it."""
    of = {epochs.judged_on(run.state) for group in among for run in group.runs if run.state.started is not None}
    return "val/test" if len(of) > 1 else "test" if of == {"test"} else "val"


def columns(among: Sequence[Group], labels: Sequence[str], titles: Sequence[str]) -> Columns:
    """The table: a row a group, figures over several runs as mean and standard deviation, the best with a star.

    Args:
        labels, titles: one a group.
    """

    def figures(name: str, written: Callable[[Group], str]) -> list[str]:
        best = stars(among, name).best
        return [f"{STAR} {written(group)}" if index in best else written(group) for index, group in enumerate(among)]

    of = judged_on(among)
    found: Columns = {
        "": list(labels),
        "run": list(titles),
        "runs": [_runs(group) for group in among],
        "differs in": differs_in(among),
        "status": [_status(group) for group in among],
        "epochs": [_epochs(group) for group in among],
        "trained": [MISSING if (n := group.first.trained_parameters) is None else text.millions(n) for group in among],
        "train acc": [_share(group, lambda run: run.train_accuracy) for group in among],
        f"best {of} acc": figures("accuracy", lambda group: _judged(group, _accuracy(group), of)),
        f"{of} loss": figures(
            "loss", lambda group: _judged(group, _spread(group, lambda run: run.loss, text.loss), of)
        ),
        "test acc": figures("test_accuracy", _tested),
        "s/epoch": figures(
            "median_seconds_per_epoch", lambda group: _seconds(group.mean(lambda run: run.seconds_per_epoch))
        ),
        "total": figures("seconds", lambda group: _duration(group.total(lambda run: run.seconds))),
        "of it features": [_duration(group.total(lambda run: run.feature_seconds)) for group in among],
        "img/s": figures(
            "median_images_per_second", lambda group: _rate(group.mean(lambda run: run.images_per_second))
        ),
        "energy": figures("energy", lambda group: _energy(group.total(lambda run: run.energy))),
    }
    if not any(group.repeated for group in among):
        del found["runs"]
    if all(group.mean(lambda run: run.test_accuracy) is None for group in among):
        del found["test acc"]
    if not any(run.features for group in among for run in group.counted):
        del found["of it features"]
    if all(group.total(lambda run: run.energy) is None for group in among):
        del found["energy"]
    return found


OTHER_DATA = "have not all read the same data: files of the data set were added or changed between them"
"""Said of runs whose figures are put together all the same."""

_STARRED = {
    "accuracy": "best {of} acc",
    "loss": "{of} loss",
    "test_accuracy": "test acc",
    "median_seconds_per_epoch": "s/epoch",
    "seconds": "total",
    "median_images_per_second": "img/s",
    "energy": "energy",
}
"""Figures whose best has a star, and their columns; `{of}`: `judged_on`."""


def notes(among: Sequence[Group], labels: Sequence[str]) -> list[str]:
    """What the table does not say: why figures have no star, what a total holds, and which figures are medians."""
    found: dict[tuple[str, frozenset[int]], list[str]] = {}
    of = judged_on(among)
    for figure, title in _STARRED.items():
        starred = stars(among, figure)
        if starred.why and starred.left_out:
            found.setdefault((starred.why, frozenset(starred.left_out)), []).append(title.format(of=of))
    written = []
    for (why, where), columns in found.items():
        told, rows = ", ".join(columns), ", ".join(labels[index] for index in sorted(where))
        written.append(
            {
                OTHER_IMAGES: f"no star for {told}: the runs were judged by different images",
                OTHER_LOSSES: f"no star for {told}: the runs have different losses",
                NOT_DONE: f"no star for {told} of {rows}: not done",
                OTHER_COUNTS: f"no star for {told}: the rows hold different numbers of runs",
                ON_FEATURES: f"no star for {told} of {rows}: epochs on features leave the frozen part out",
            }[why]
        )
    for label, group in zip(labels, among, strict=True):
        taken = [run.features for run in group.counted if run.features is not None]
        if taken:
            seconds, sources = sum(one.seconds for one in taken), dict.fromkeys(one.source for one in taken)
            unknown = "" if all(one.known for one in taken) else "; what computing them took is not known"
            written.append(
                f"{label} {_trained_on(taken)}: its total holds {text.duration(seconds)} for them "
                f"({', '.join(sources)}{unknown}), s/epoch and img/s do not"
            )
    written += [
        f"the runs of {label} {OTHER_DATA}" for label, group in zip(labels, among, strict=True) if not group.same_data
    ]
    if any(len(group.counted) < len(group.runs) for group in among):
        written.append("figures of a row are of its runs that are done")
    if any(run.state.epochs for group in among for run in group.runs):
        written.append("s/epoch and img/s are medians over the epochs")
    return written


def _trained_on(taken: Sequence[FeaturePass]) -> str:
    """`trains on features`, or until when it did: a run that has no room for them any more goes on without."""
    steps = sorted({one.until for one in taken if one.until})
    if not steps:
        return "trains on features"
    until = f"until step {', '.join(map(text.count, steps))}"
    return f"trained on features {until}" if all(one.until for one in taken) else f"trains on features, in part {until}"


def repeats(among: Sequence[Group], labels: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Every run of groups that have several: titles and a row a run. Empty: no group has."""
    several = [(label, run) for label, group in zip(labels, among, strict=True) if group.repeated for run in group.runs]
    folds = any(run.spec.strategy.folds for _, run in several)
    tested = any(run.test is not None for _, run in several)
    of = judged_on(among)
    heads = ["", "seed", *["fold"] * folds, "status", "epochs", "train acc", f"best {of} acc", f"{of} loss"]
    rows = []
    for label, run in several:
        alone = Group((run,))
        fold = [str(run.spec.strategy.fold) if run.spec.strategy.folds else MISSING] * folds
        rows.append(
            [
                label,
                str(run.spec.seed),
                *fold,
                _status(alone),
                _epochs(alone),
                text.accuracy(run.train_accuracy),
                _judged(alone, _accuracy(alone), of),
                _judged(alone, text.loss(run.loss), of),
                *[_tested(alone)] * tested,
            ]
        )
    return [*heads, *["test acc"] * tested], rows


def differs_in(among: Sequence[Group]) -> list[str]:
    """What is particular to each group, in short: `batch_size 8, seed 1`."""
    found = comparison.differences([group.first.settings for group in among])
    if any(group.repeated for group in among):
        found = [row for row in found if row.key not in REPEATS]
    renamed = {row.key.removesuffix("name") for row in found if row.key in ("dataset.name", "architecture.name")}
    found = [
        row for row in found if row.key.endswith(".name") or not any(row.key.startswith(section) for section in renamed)
    ]
    found = [row for row in found if row.key != "recipe"] or found  # it says the same as what it chose
    found.sort(key=lambda row: (_shared(row.values), not row.key.endswith(".name"), row.key == "seed"))
    if not found:
        return ["nothing"] * len(among)
    return [
        plain(", ".join(_difference(row.label, row.values[index]) for row in found), 200) for index in range(len(among))
    ]


def _shared(values: Sequence[object]) -> bool:
    """Whether nearly all have one value: it tells few of them from the others."""
    return max(map(values.count, values)) >= SHARED * len(values)


def _difference(label: str, value: object) -> str:
    if value is None:
        return f"no {label}"
    written = value_text(value)
    return written if label in ("dataset", "architecture", "strategy", "recipe") else f"{label} {written}".rstrip()


def _runs(group: Group) -> str:
    """`3`, or `2 of 3` where the figures leave out runs that are not done."""
    every = text.count(len(group.runs))
    return every if len(group.counted) == len(group.runs) else f"{text.count(len(group.counted))} of {every}"


def _status(group: Group) -> str:
    statuses = [str(run.status) for run in group.runs]
    counts = {status: statuses.count(status) for status in statuses}
    return statuses[0] if len(counts) == 1 else ", ".join(f"{count} {status}" for status, count in counts.items())


def _epochs(group: Group) -> str:
    done = fmean(run.state.epochs_done for run in group.counted)
    planned = max(run.state.epochs_planned or run.spec.strategy.epochs for run in group.runs)
    return f"{round(done, 1):g}/{planned}"


def _judged(group: Group, figure: str, of: str) -> str:
    """A figure of the images that chose the best epoch: behind what they are called, where its column holds both."""
    return f"{judged_on([group])} {figure}" if of == "val/test" and figure != MISSING else figure


def _accuracy(group: Group) -> str:
    run = group.first
    if len(group.counted) > 1 or run.accuracy is None or run.interval is None:
        return _share(group, lambda run: run.accuracy)
    return f"{text.accuracy(run.accuracy)} {text.interval(*run.interval)}"


def _tested(group: Group) -> str:
    """The accuracy on test images, marked where the best epoch was chosen by them."""
    figure = _share(group, lambda run: run.test_accuracy)
    return text.judged(figure, on_test=any(run.selected_on_test for run in group.runs))


def _share(group: Group, read: Callable[[Compared], float | None]) -> str:
    return _spread(group, read, text.accuracy)


def _spread(group: Group, read: Callable[[Compared], float | None], written: Callable[[float | None], str]) -> str:
    """`0.9512 ± 0.0031`: mean and standard deviation; the figure alone of a single run."""
    spread = group.spread(read)
    if spread is None:
        return MISSING
    return written(spread.mean) if spread.deviation is None else f"{written(spread.mean)} ± {written(spread.deviation)}"


def _seconds(value: float | None) -> str:
    return MISSING if value is None else f"{value:.2f}" if value < 1 else f"{value:.1f}"


def _duration(value: float | None) -> str:
    return MISSING if value is None else text.duration(value)


def _rate(value: float | None) -> str:
    return MISSING if value is None else text.rate(value)


def _energy(joules: float | None) -> str:
    """`840 J`, `12 Wh`, `1.30 kWh`."""
    if joules is None:
        return MISSING
    hours = joules / 3600
    return f"{joules:.0f} J" if hours < 1 else f"{hours:.3g} Wh" if hours < 1000 else f"{hours / 1000:.2f} kWh"
