"""The batch size of a run: what its spec says, or what its worker decided where that is `auto`."""

from typing import TYPE_CHECKING

import msgspec

from vislab.engine.runs.state import RunState
from vislab.presets.schema.spec import Spec

if TYPE_CHECKING:
    from vislab.engine.runs.run_directory import Run

DECISION = "batch size"
"""What the decision is called."""


def of_run(spec: Spec, state: RunState) -> int | None:
    """Images per update; None while the worker has not decided what `auto` means."""
    found = settled(spec, state).strategy.batch_size
    return None if found == "auto" else found


def settled(spec: Spec, state: RunState) -> Spec:
    """The spec with the number that the run decided in place of `auto`; itself where nothing is open or decided."""
    if spec.strategy.batch_size != "auto":
        return spec
    made = next((decision for decision in state.decisions if decision.what == DECISION), None)
    return spec if made is None else with_batch_size(spec, int(made.choice))


def settled_spec(run: "Run") -> Spec:
    """A run's own spec, settled; its log, which may be long, is read only where the spec leaves the number open.

    Raises:
        InputError: spec.toml is missing or damaged.
        OSError: the log cannot be read.
    """
    spec = run.spec()
    decided = run.summary().batch_size if spec.strategy.batch_size == "auto" else None
    return spec if decided is None else with_batch_size(spec, decided)


def with_batch_size(spec: Spec, batch_size: int) -> Spec:
    """The spec with so many images per update."""
    replace = msgspec.structs.replace
    return replace(spec, strategy=replace(spec.strategy, batch_size=batch_size))
