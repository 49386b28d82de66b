"""More epochs than the spec says, asked for when a run is resumed; the log remembers them as decisions."""

from dataclasses import dataclass
from typing import Literal, get_args

from vislab.engine.runs.events import DecisionMade
from vislab.engine.runs.state import RunState
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import Spec

How = Literal["hold", "stretch", "restart"]

DECISION = "epochs"

_WORDS: dict[How, str] = {
    "hold": "the learning rate stays where its schedule ended",
    "stretch": "the learning rate's schedule is stretched over all epochs",
    "restart": "the learning rate's schedule begins anew over the added epochs",
}


@dataclass(frozen=True)
class Extension:
    """A run made longer.

    Attributes:
        epochs: planned from now on, in all.
        schedule: hold: the learning rate stays where the plan so far ended; stretch: its schedule spans the new total;
            restart: its schedule, warm-up included, begins anew where the plan so far ended.
    """

    epochs: int
    schedule: How


def extensions(state: RunState) -> tuple[Extension, ...]:
    """What a run was extended by so far, in order."""
    decided = next((decision for decision in state.decisions if decision.what == DECISION), None)
    if decided is None:
        return ()
    found = []
    for part in str(decided.details["extensions"]).split(", "):
        epochs, _, how = part.partition(" ")
        assert how in _WORDS
        found.append(Extension(int(epochs), how))
    return tuple(found)


def extend(spec: Spec, state: RunState, epochs: int, schedule: str) -> DecisionMade | None:
    """The decision that makes a run `epochs` long; None where it is planned for so many already.

    Raises:
        InputError: fewer epochs than planned, a run that more epochs cannot make longer, or an unknown schedule.
    """
    if schedule not in get_args(How):
        raise InputError(f"--schedule {schedule}: must be {' or '.join(get_args(How))}")
    how: How = schedule  # type: ignore[assignment]
    earlier = extensions(state)
    planned = earlier[-1].epochs if earlier else spec.strategy.epochs
    if epochs < planned:
        raise InputError(
            f"--epochs {epochs}: this run is planned for {planned} epochs in all, and a run can only be made longer"
        )
    if epochs == planned:
        return None
    if spec.strategy.max_steps:
        raise InputError(
            f"--epochs {epochs}: strategy.max_steps = {spec.strategy.max_steps} ends this run, not its epochs. "
            "Start a new run from its settings, with strategy.max_steps=0"
        )
    if state.ended is not None and state.ended.status == "done" and state.ended.epoch < planned:
        raise InputError(
            f"--epochs {epochs}: this run ended after epoch {state.ended.epoch} of {planned} ({state.ended.reason}); "
            "more epochs would not change that. Start a new run from its settings, with strategy.patience=0"
        )
    listed = ", ".join(f"{extension.epochs} {extension.schedule}" for extension in (*earlier, Extension(epochs, how)))
    return DecisionMade(
        what=DECISION,
        choice=str(epochs),
        why=f"asked for on resume, in place of {planned}; {_WORDS[how]}",
        details={"schedule": how, "extensions": listed},
    )
