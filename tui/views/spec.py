"""A spec as rows: each value with where it came from; and how to run it again."""

import shlex
from typing import Any, NamedTuple

import msgspec

from vislab.engine.runs.extension import extensions
from vislab.engine.runs.state import RunState
from vislab.presets import keys
from vislab.presets.layers import COMMAND_LINE, SCHEMA_DEFAULT
from vislab.presets.schema.spec import NOMINAL, Spec
from vislab.tui.views.text import MISSING, plain

CHANGED = "This run was changed while it was under way; to change the new one alike"
_OPTIONS = {"dataset.path": "--data", "name": "--name"}
"""Keys that have an option of `vislab run`; all others are given by --set."""


class SpecRow(NamedTuple):
    """One setting; safe text."""

    key: str
    value: str
    origin: str
    """Where the value came from; empty where the spec does not say."""


def sections(spec: Spec) -> list[tuple[str, list[SpecRow]]]:
    """The settings of a spec grouped by section: run, dataset, architecture, strategy, preprocessing.

    Keys are without the name of their section. Lines of help are left out, and sizes as they were published.
    """
    grouped: dict[str, list[SpecRow]] = {"run": []}
    for key, value in _values(spec).items():
        if key in NOMINAL:
            continue
        section, dot, rest = key.partition(".")
        section, rest = (section, rest) if dot else ("run", key)
        row = SpecRow(plain(rest), plain(value_text(value)) or MISSING, plain(spec.origins.get(key, "")))
        grouped.setdefault(section, []).append(row)
    return list(grouped.items())


def value_text(value: Any) -> str:
    """One value as `--set` takes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case float():
            return f"{value:g}" if float(f"{value:g}") == value else repr(value)
        case list() | tuple():
            return ", ".join(value_text(item) for item in value)
    return str(value)


def default_words(value: Any, origin: str) -> str:
    """`default 30 (strategy scratch)`: what a setting holds without a change, and whose value that is; safe text.

    Args:
        origin: where the value came from; empty where the spec does not say.
    """
    whose = "" if origin == SCHEMA_DEFAULT else origin.replace(" preset ", " ", 1).removesuffix(" (built-in)")
    return plain(f"default {value_text(value) or MISSING}{f' ({whose})' if whose else ''}")


def run_again(spec: Spec, run_id: str = "") -> list[str]:
    """Command lines that train the same again: from this machine's run, from its preset, from the spec as a file."""
    lines = [f"vislab run --like {shlex.quote(run_id)}"] if run_id else []
    chosen = [f"{section}.name" for section in ("dataset", "architecture", "strategy")]
    if spec.origins.get("recipe") == COMMAND_LINE and COMMAND_LINE not in map(spec.origins.get, chosen):
        words = ["vislab", "run", "--preset", spec.recipe]
        for key, value in _values(spec).items():
            if spec.origins.get(key) == COMMAND_LINE and key != "recipe":
                words += [_OPTIONS[key], str(value)] if key in _OPTIONS else ["--set", f"{key}={value_text(value)}"]
        lines.append(shlex.join(words))
    return [*lines, "vislab run --spec spec.toml"]


def changed_again(state: RunState) -> list[str]:
    """Command lines that change the newest run as this one was changed while it was under way; mostly none."""
    return [
        *(f"vislab set latest strategy.learning_rate={rate}  # at step {step}" for step, rate in state.learning_rates),
        *(f"vislab resume latest --epochs {one.epochs} --schedule {one.schedule}" for one in extensions(state)),
    ]


def _values(spec: Spec) -> dict[str, Any]:
    flat = dict(keys.flatten(msgspec.to_builtins(spec)))
    return {key: value for key, value in flat.items() if key.rpartition(".")[2] not in ("help", "origins")}
