"""What a selection will do, in lines: data, classes, model, what is frozen, steps, memory, time, advice.

All text that is returned is safe.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

from vislab.presets import timm_index
from vislab.presets.choices import HUGGING_FACE
from vislab.presets.schema.spec import Spec
from vislab.presets.schema.strategy import BATCH_SIZE
from vislab.tui.advice import Advice
from vislab.tui.facts import DataFacts, DeviceUser, Facts, ModelFacts, classes_known, counting, steps_per_epoch
from vislab.tui.views import text
from vislab.tui.views.text import counted, millions, plain

if TYPE_CHECKING:
    from vislab.engine.runs.devices import Device  # it imports what asks the cards

Kind = Literal["fact", "dim", "problem", "warning", "remedy"]

UNKNOWN, COMING = "–", "…"
_OWN = 5  # data sets of one's own that stay in the list
_BAR = 8  # cells of the longest bar of a class
_NAME = 14  # cells of a class's name beside its bar
_TENSORS = {
    "weights": "weights",
    "gradients": "gradients",
    "optimizer": "optimizer state",
    "activations": "activations of a batch",
}
"""Parts of the estimate of memory."""
_DEVICE_NAME = 8  # cells that are left of a device's name, where who uses it takes room


class Line(NamedTuple):
    """One line, wrapped by whoever shows it."""

    text: str
    kind: Kind = "fact"
    remedy: str = ""
    """Of a warning; goes on after the text."""


def summary(
    spec: Spec | None,
    facts: Facts,
    problems: Sequence[str],
    advice: Sequence[Advice],
    width: int,
    room: int,
    *,
    brief: bool = False,
) -> list[Line]:
    """What will run.

    Args:
        spec: as far as it could be put together.
        width: in cells, for the bars of the classes.
        room: lines that the bars of the classes may take, at least 1.
        brief: memory and time in fewer words where they join the plan in one line then, and what to do about the
            warnings only after all of them.
    """
    lines = [Line(f"✖ {plain(problem, 400)}", "problem") for problem in problems]
    if spec is None:
        return lines
    if facts.model_error and not problems:
        lines.append(Line(f"✖ {text.message(facts.model_error, 400)}", "problem"))
    if spec.dataset.source:
        lines.append(Line(data_line(spec, facts)))
        lines += [Line(line, "dim") for line in class_lines(facts.data, width, room)]
    if spec.architecture.build:
        lines += [Line(model_line(spec, facts, asked=not problems)), Line(training_line(spec, facts))]
    lines += [Line(line) for line in _plan_and_cost(spec, facts, width, brief=brief)]
    lines += [Line(f"! {warning.text}", "warning", "" if brief else warning.remedy) for warning in advice]
    if brief:
        lines += [
            Line(f"→ {remedy}", "remedy") for remedy in dict.fromkeys(warning.remedy for warning in advice) if remedy
        ]
    return lines


def _plan_and_cost(spec: Spec, facts: Facts, width: int, *, brief: bool) -> list[str]:
    """On one line where that has room."""
    plan, cost = plan_line(spec, facts), cost_line(spec, facts)
    for costs in (cost, cost_line(spec, facts, brief=True)) if brief else (cost,):
        if text.cells(joined := f"{plan} · {costs}") <= width:
            return [joined]
    return [plan, cost]


def beneath(spec: Spec | None, facts: Facts) -> list[Line]:
    """What one need not see at once: how the images are divided; when this architecture is the right one; what takes
    memory.
    """
    lines = []
    if facts.data is not None and facts.data.split:
        lines.append(Line(plain(facts.data.split, 200), "dim"))
    if spec is not None and spec.architecture.help:
        lines.append(Line(f"{plain(spec.architecture.name, 60)}: {plain(spec.architecture.help, 400)}", "dim"))
    if facts.model is not None:
        lines.append(Line(tensors_line(facts.model), "dim"))
    return lines


def data_line(spec: Spec, facts: Facts) -> str:
    """Images, classes and roles, counted; or as they were published."""
    data = facts.data
    if data is not None:
        roles = [f"{text.count(data.images(role))} {role}" for role in ("train", "validation") if data.images(role)]
        test = data.images("test")
        roles += [f"{text.count(test)} test"] if test and not data.selected_on_test else []
        stratified = ", stratified" if "stratified" in data.split else ""
        divided = f" · {' / '.join(roles)}{stratified}" if roles else ""
        return f"{_counts(data.images(), len(data.classes))}{divided}"
    published = _counts(spec.dataset.images, spec.dataset.classes) if spec.dataset.images else plain(spec.dataset.name)
    if facts.data_unusable:  # why stands above
        return published
    if facts.data_error:
        return f"{published} · {text.message(facts.data_error, 200)}"
    if spec.dataset.source == HUGGING_FACE:
        return f"{published} · of the Hugging Face hub: counted when the run begins"
    return f"{published} · counting …"


def _counts(images: int, classes: int) -> str:
    return f"{counted(images, 'image')} · {counted(classes, 'class', 'classes')}"


def class_lines(data: DataFacts | None, width: int, room: int) -> list[str]:
    """Bars of the classes, as many to a line as fit; where not all have room, names and counts on one line; where that
    has no room either, the largest and the smallest, or what each has where all have as many.
    """
    if data is None or room < 1:
        return []
    names, counts = data.classes, data.counts["all"]
    if len(names) <= width * room and (lines := _each_class(names, counts, width, room)):
        return lines
    if max(counts) == min(counts):
        return [f"each class {text.count(counts[0])}"]
    largest, smallest = counts.index(max(counts)), counts.index(min(counts))
    told = (f"{text.plain(names[index], _NAME)} {text.count(counts[index])}" for index in (largest, smallest))
    return ["largest {} · smallest {}".format(*told)]


def _each_class(classes: Sequence[str], counts: Sequence[int], width: int, room: int) -> list[str]:
    """All classes with bars, or without on one line; none where they have no room."""
    names = [text.plain(name, _NAME) for name in classes]
    most = max(counts)
    name_cells, number_cells = max(map(text.cells, names)), len(text.count(most))
    per_line = max(1, (width + 2) // (name_cells + 1 + _BAR + 1 + number_cells + 2))

    def bar(index: int) -> str:
        length = round(_BAR * counts[index] / most) if most else 0
        filled = "█" * (max(1, length) if counts[index] else 0)
        return f"{text.fit(names[index], name_cells)} {filled:<{_BAR}} {text.count(counts[index]):>{number_cells}}"

    if len(names) <= per_line * room:
        rows = [range(start, min(start + per_line, len(names))) for start in range(0, len(names), per_line)]
        return ["  ".join(bar(index) for index in row) for row in rows]
    line = "  ".join(f"{name} {text.count(images)}" for name, images in zip(names, counts, strict=True))
    return [line] if text.cells(line) <= width else []


def model_line(spec: Spec, facts: Facts, *, asked: bool = True) -> str:
    """Size, cost and input of the model, counted for this input and these classes.

    Args:
        asked: it is counted as soon as the classes are known.
    """
    size, channels = spec.preprocessing.image_size, spec.preprocessing.channels
    parts = [plain(spec.architecture.name, 60)]
    if facts.model is not None:
        parts.append(f"{millions(facts.model.parameters)} parameters")
        parts.append(f"{_operations(facts.model.multiply_adds)} multiply-adds")
    elif asked and not facts.model_error and (counting(spec, facts) or classes_known(spec, facts)):
        parts.append(f"{COMING} parameters")
    parts.append(f"input {size} px {'RGB' if channels == 3 else 'grey'}")
    return " · ".join(parts)


def _operations(value: int) -> str:
    return f"{value / 1e9:.1f} G" if value >= 5e7 else f"{value / 1e6:.1f} M"


def training_line(spec: Spec, facts: Facts) -> str:
    """What trains and what is frozen."""
    strategy, model = spec.strategy, facts.model
    trains = f" ({millions(model.trainable)})" if model is not None else ""
    frozen = f" ({millions(model.parameters - model.trainable)})" if model is not None else ""
    start = "from pretrained weights" if strategy.pretrained else "from scratch"
    if strategy.freeze == "backbone":
        head = "own head on the feature map" if spec.architecture.head != "none" else "new head"
        return f"backbone frozen{frozen} · {head} trains{trains}"
    if strategy.freeze == "gradual":
        every = counted(strategy.unfreeze_every, "epoch")
        return f"{start}: the head trains first{trains}, one more stage joins every {every}"
    return f"{start}: everything trains{trains}"


def plan_line(spec: Spec, facts: Facts) -> str:
    """Epochs, steps and optimizer."""
    strategy = spec.strategy
    epochs, steps = counted(strategy.epochs, "epoch"), _steps(spec, facts)
    if strategy.batch_size == "auto":
        parts = [f"{epochs}, batch chosen when it starts"]
    else:
        of_epoch = counted(steps, "step") if steps else f"{UNKNOWN} steps"
        parts = [f"{epochs} × {of_epoch} of {text.count(strategy.batch_size)}"]
    if strategy.max_steps:
        parts[0] += f", at most {counted(strategy.max_steps, 'step')}"
    parts.append(f"{plain(strategy.optimizer, 20)} {strategy.learning_rate:g}, {strategy.schedule}")
    return " · ".join(parts)


def _steps(spec: Spec, facts: Facts) -> int:
    """Steps of an epoch; 0 where they are not known."""
    strategy = spec.strategy
    train = facts.data.trained_on(strategy.balance_to) if facts.data is not None else 0
    batch = strategy.batch_size
    return steps_per_epoch(train, batch) if train and batch != "auto" else 0


def cost_line(spec: Spec, facts: Facts, *, brief: bool = False) -> str:
    """What the tensors of training take, estimated; and time, measured on this machine; `brief`: without saying so."""
    parts = []
    if facts.model is not None:
        total = text.size(facts.model.memory["total"])
        usual = f" for batches of {BATCH_SIZE}" if spec.strategy.batch_size == "auto" else ""
        parts.append(f"memory of tensors about {total}{usual}" if not brief else f"tensors {total}")
    if facts.seconds_per_epoch is None:
        coming = counting(spec, facts) or (facts.data is not None and facts.data.images("train"))
        why = " (never run here)" if not brief else ""
        parts.append(f"time {UNKNOWN}{why}" if facts.searched else f"time {COMING if coming else UNKNOWN}")
    else:
        strategy, steps = spec.strategy, spec.strategy.epochs * _steps(spec, facts)
        share = min(1.0, strategy.max_steps / steps) if strategy.max_steps and steps else 1.0
        most = "at most " if strategy.max_steps and not steps else ""
        seconds = share * facts.seconds_per_epoch * strategy.epochs
        parts.append(f"time {most}{text.duration(seconds)}" + (" (as measured here)" if not brief else ""))
    return " · ".join(parts)


def tensors_line(model: ModelFacts) -> str:
    """What the estimate of memory counts, part by part, and what it does not."""
    parts = (f"{words} {text.size(model.memory[part])}" for part, words in _TENSORS.items())
    return f"memory of tensors: {', '.join(parts)}; libraries and images take more"


def with_own(before: Sequence[str], data: str) -> tuple[str, ...]:
    """The data sets of one's own that stay in the list once another was written: that first, the newest few.

    What is not there is not kept: it was mistyped. Two ways to write one path are one data set.
    """
    place = _place(data)
    others = [one for one in before if _place(one) != place]
    there = ":" in data or os.path.exists(place)  # noqa: PTH110  (no error where a folder may not be entered)
    return (data, *others)[:_OWN] if there else tuple(others)


def own_labels(data: Sequence[str]) -> list[str]:
    """What data sets of one's own are called in a list: the ends of their paths; of those that end alike, the end and
    as much of what is before it as tells them apart. As they were written, not safe text.
    """
    names = [one if one.startswith("hf:") else one.rstrip("/").rpartition("/")[2] or one for one in data]
    labels = []
    for one, name in zip(data, names, strict=True):
        alike = [Path(_place(other)).parts[:-1] for other, its in zip(data, names, strict=True) if its == name]
        depths = range(1, max(map(len, alike)) + 1)
        depth = next((depth for depth in depths if len({parts[-depth:] for parts in alike}) == len(alike)), len(depths))
        before = Path(*Path(_place(one)).parts[:-1][-depth:]) if len(alike) > 1 else ""
        labels.append(f"{name} ({before})" if before else name)
    return labels


def _place(data: str) -> str:
    """Where a data set of one's own lies, however it was written. Text alone: nothing is looked up."""
    if data.startswith("hf:"):
        return data
    path = os.path.expanduser(data)  # noqa: PTH111  (no error where there is no such home)
    try:
        return os.path.abspath(path)  # noqa: PTH100  (without the `..` that Path leaves)
    except FileNotFoundError:  # the working directory is gone
        return os.path.normpath(path)


def picker_note(facts: dict[str, object]) -> str:
    """What stands beside a preset in a list: images of a data set, size of an architecture, epochs of a strategy."""
    images, parameters, epochs = facts.get("images"), facts.get("parameters"), facts.get("epochs")
    if isinstance(epochs, int):
        return counted(epochs, "epoch")
    if isinstance(images, int):
        return text.count(images)
    return millions(parameters) if isinstance(parameters, int) else ""


def architecture_help(name: str) -> str:
    """One sentence on a model of timm that has no preset of its own; empty for other names."""
    model = timm_index.find(name)
    if model is None:
        return ""
    weights = f"weights trained at {model.image_size} px are published" if model.pretrained else "no published weights"
    return f"{name}: {millions(model.parameters)} parameters; {weights}."


def device_line(
    requested: str,
    devices: "Sequence[Device]",
    chosen: "Device | None",
    trouble: str,
    users: Sequence[DeviceUser] = (),
    width: int = 0,
) -> str:
    """Which device will train, what memory it has free, who uses it, and whether the other cards are in use.

    Args:
        requested: of the spec.
        devices: everything that can train here, cards in the order of `cuda:N`.
        chosen: what `requested` means now; None: nothing, and `trouble` says why.
        users: vislab's own runs on it.
        width: in cells; 0: all is said. Where it has no room, fewer runs are named, and the device's name is cut.
    """
    if chosen is None:
        return f"device {plain(requested, 20)} ✖ {plain(trouble, 200)}"
    cards = [device for device in devices if device.kind == "cuda"]
    place = f"cuda:{cards.index(chosen)}" if chosen in cards else chosen.kind
    asked = f"device {place}" if requested == place else f"device {plain(requested, 20)} → {place}"
    name = plain(chosen.name.removeprefix("NVIDIA "), 40)
    free = ""
    if chosen.memory_total:
        free, total = text.size(chosen.memory_free), text.size(chosen.memory_total)
        free = f" · {free.split()[0] if free.split()[1] == total.split()[1] else free} of {total} free"
    busy = [f"cuda:{index}" for index, card in enumerate(cards) if card.users and card != chosen]
    others = f"   ({', '.join(busy)} in use)" if busy else ""

    def line(name: str, used_by: str) -> str:
        return f"{asked}  {name}{free}{used_by}{others}"

    ways = list(dict.fromkeys(_used_by(chosen, users, named) for named in range(len(users), -1, -1)))
    if not width:
        return line(name, ways[0])
    whole, room = text.cells(name), 0
    for used_by in ways:
        room = width - text.cells(line("", used_by))
        if room >= whole or (used_by in ways[-2:] and room >= _DEVICE_NAME):
            break
    return line(text.fit(name, max(1, min(room, whole))), used_by)


def _used_by(device: "Device", users: Sequence[DeviceUser], named: int) -> str:
    """` · used by M1 (c5fe), M2 (01ab) paused and 2 more`: so many by their names; what others run there is counted."""
    who = [f"{user.name} paused" if user.paused else user.name for user in users[:named]]
    if (more := len(users) - named) > 0:
        who.append(f"{text.count(more)} more" if named else counted(more, "run"))
    if (foreign := device.users - len(users)) > 0:
        other = "other " * bool(users)
        who.append(counted(foreign, f"{other}process", f"{other}processes"))
    return f" · used by {' and '.join(filter(None, (', '.join(who[:-1]), who[-1])))}" if who else ""
