"""A run in lines and sentences: what it is, what it trains on, what came out. All text that they return is safe."""

from vislab.engine.analysis.cost import feature_pass
from vislab.engine.analysis.findings import validation_images
from vislab.engine.analysis.intervals import of_accuracy
from vislab.engine.runs.events import DecisionMade, Figure, TestFigures, number
from vislab.engine.runs.state import RunState
from vislab.engine.runs.store import RunStatus
from vislab.presets.schema.spec import Spec
from vislab.tui.views import text
from vislab.tui.views.text import message, plain

SIGNS: dict[RunStatus, str] = {
    "new": "·",
    "queued": "◷",
    "starting": "○",
    "training": "●",
    "paused": "‖",
    "full disk": "!",
    "done": "✔",
    "stopped": "‖",
    "failed": "✖",
    "died": "✖",
}
"""One character a status; the word always stands beside it."""

RESUMABLE: tuple[RunStatus, ...] = ("new", "stopped", "failed", "died")
"""Statuses of runs that can go on."""

FELL_OUT_OF_QUEUE = "fell out of the queue: its waiting process is gone"
"""Said of a run of which `Run.fell_out_of_queue` is so."""

ROLES = ("train", "validation", "test")

MONITORS = {"accuracy": "accuracy", "loss": "loss", "macro_f1": "macro F1"}


def status(value: RunStatus) -> str:
    """`● training`."""
    return f"{SIGNS[value]} {value}"


def title(spec: Spec, name: str = "") -> str:
    """`study-b-transfer · animals · study-b-base · transfer`.

    Args:
        name: the person's own name of the run; empty: the spec's.
    """
    parts = (name or spec.name, spec.dataset.name, spec.architecture.name, spec.strategy.name)
    return " · ".join(plain(part, 60) for part in parts if part)


def data_lines(state: RunState) -> list[str]:
    """Classes, images by role and how they were split; empty before the data were read."""
    started = state.started
    if started is None:
        return []
    totals = {role: sum(started.counts.get(role, ())) for role in ROLES}
    if started.selected_on_test:  # the same images in two roles count once
        totals["validation"] = 0
    images = text.counted(sum(totals.values()), "image")
    parts = " / ".join(f"{text.count(total)} {role}" for role, total in totals.items() if total)
    lines = [f"{images} · {text.counted(len(started.classes), 'class', 'classes')} · {parts}"]
    if state.copies:
        lines.append(f"of the training images {text.count(state.copies)} are augmented copies (strategy.balance_to)")
    if started.split:
        lines.append(f"split: {plain(started.split)}")
    if started.selected_on_test:
        lines.append("selected on the test set: the best epoch is chosen by the images that it is reported on")
    return lines


def class_rows(state: RunState) -> tuple[list[str], list[list[str]]]:
    """Images a class: titles (class, then the roles that have images), and a row a class."""
    if state.started is None:
        return ["class"], []
    counts = {role: state.started.counts.get(role, ()) for role in ROLES}
    counts = {role: column for role, column in counts.items() if sum(column)}
    rows = [
        [plain(name, 60), *(text.count(column[index]) for column in counts.values())]
        for index, name in enumerate(state.started.classes)
    ]
    return ["class", *counts], rows


def model_lines(state: RunState) -> list[str]:
    """Parameters, all and trained, and the batches of an epoch; empty before the model was built."""
    started = state.started
    if started is None:
        return []
    trained = started.trained_parameters
    share = "all of them train" if trained == started.parameters else f"{text.count(trained)} train"
    steps = text.counted(started.steps_per_epoch, "step")
    lines = [
        f"{text.counted(started.parameters, 'parameter')}, {share}",
        f"{text.counted(state.epochs_planned, 'epoch')} × {steps} of {text.counted(started.batch_size, 'image')}",
    ]
    if started.evaluated_weights == "ema":
        lines.append("evaluated with the exponential moving average of the weights")
    return lines


def decision_rows(state: RunState) -> list[tuple[str, str, str]]:
    """What was chosen at run time: what, choice, why; the last word on each."""
    latest: dict[str, DecisionMade] = {decision.what: decision for decision in state.decisions}
    return [(plain(made.what), plain(made.choice), plain(made.why, 400)) for made in latest.values()]


def environment_rows(state: RunState) -> list[tuple[str, str]]:
    """Machine and versions; where a resumed run met others, both."""
    if state.started is None:
        return []
    first = state.started.environment
    rows = {key: plain(value) for key, value in first.items()}
    for resumed in state.resumes:
        for key, value in resumed.environment.items():
            if value != first.get(key):
                rows[key] = f"{plain(first.get(key, text.MISSING))}; after step {resumed.step}: {plain(value)}"
    return [(plain(key), value) for key, value in rows.items()]


def notice_rows(state: RunState) -> list[tuple[str, str]]:
    """Level and text of each notice, oldest first."""
    return [(notice.level, message(notice.text, 1000)) for notice in state.notices]


def result_lines(state: RunState, spec: Spec, status: RunStatus) -> list[str]:
    """Best epoch, figures on the test images, and how the run ended, each as one sentence with its interval."""
    lines = []
    best = state.best
    if best is not None and state.started is not None:
        role = "test" if state.started.selected_on_test else "validation"
        figure = accuracy_with_interval(best.val_accuracy, validation_images(state.started))
        label = ", selected on the test set" if state.started.selected_on_test else ""
        lines.append(
            f"best epoch {best.epoch} of {max(state.epochs_planned, best.epoch)} by {role} "
            f"{MONITORS[spec.strategy.monitor]}: accuracy {figure}, loss {text.loss(best.val_loss)}{label}"
        )
    if state.ended is not None and state.ended.test is not None:
        lines += test_lines(state.ended.test)
    return [*lines, end_line(state, status)]


def test_lines(test: TestFigures) -> list[str]:
    """Figures on the test images, or on validation images: accuracies with their weights, then calibration.

    The second is left out where the run, of an older version, does not know.
    """
    kind = "moving average" if test.weights == "ema" else "raw"
    top5 = accuracy_with_interval(test.top5, test.images)
    weighted = f", weighted F1 {text.accuracy(test.weighted_f1)}" if test.weighted_f1 is not None else ""
    lines = [
        f"{test.role} accuracy {accuracy_with_interval(test.accuracy, test.images)} on "
        f"{text.counted(test.images, 'image')}, loss {text.loss(test.loss)}, top-5 {top5}, "
        f"macro F1 {text.accuracy(test.macro_f1)}{weighted}, with the best weights ({kind}) of epoch {test.epoch}"
    ]
    more = []
    if test.calibration_error is not None:
        more.append(f"expected calibration error {text.accuracy(test.calibration_error)}")
    if test.temperature is not None:
        fitted = "these images" if test.fitted_on_evaluated else "the validation images"
        scaled = text.accuracy(test.calibration_error_scaled)
        more.append(f"{scaled} at temperature {test.temperature:.3g}, which was fitted on {fitted}")
    return [*lines, ", ".join(more)] if more else lines


def end_line(state: RunState, status: RunStatus, *, why: bool = True) -> str:
    """How far the run came and why it ended.

    Args:
        why: tell the reason.
    """
    planned = max(state.epochs_planned, state.epochs_done)
    if status == "new":
        line = "new: never started"
    elif planned == 0 and status in ("done", "stopped", "failed", "died"):
        line = f"{status} before training began"
    elif planned == 0:
        line = f"{status}: training has not begun"
    else:
        done = text.part(state.epochs_done, planned, "epoch")
        line = f"{status} after {done}, {text.duration(state.elapsed)} of work"
        line += features_words(state)
    if state.resumes:
        line += f", resumed {text.counted(len(state.resumes), 'time')}"
    reason = state.ended.reason.removeprefix(f"{status} ") if state.ended is not None and why else ""
    return f"{line}: {message(reason, 1000)}" if reason else line


def features_words(state: RunState) -> str:
    """` + 15.3 s for features, from the cache`: what the time of the epochs leaves out; empty where nothing."""
    taken = feature_pass(state)
    if taken is None:
        return ""
    computed = "" if taken.known else ", computed in an unknown time"
    return f" + {text.duration(taken.seconds)} for features, {taken.source}{computed}"


def accuracy_with_interval(accuracy: Figure | None, images: int) -> str:
    """`0.9000 [0.74, 0.97]`: an accuracy with Wilson's 95 % interval; the accuracy alone where it has none."""
    written = text.accuracy(accuracy)
    if accuracy is None or isinstance(accuracy, str) or images == 0:
        return written
    return f"{written} {text.interval(*of_accuracy(number(accuracy), images))}"
