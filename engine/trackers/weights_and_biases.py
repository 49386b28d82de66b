"""Weights & Biases: one of its runs for a run of ours, with an id that survives a resume."""

from collections.abc import Mapping

import msgspec

from vislab.engine.runs.store import Run
from vislab.engine.trackers.tracker import Tracker, folder


class WeightsAndBiases(Tracker):
    """Logs to a project as `ENTITY/PROJECT` or `PROJECT`; WANDB_MODE=offline keeps everything on this machine.

    The x axis is our own `step`: wandb's would refuse what a run that went back to a checkpoint says again.

    Args:
        identity: wandb's id of the run; the same one goes on after a resume.

    Raises:
        Exception: of wandb, such as a missing login or an unreachable server.
    """

    def __init__(self, run: Run, project: str, identity: str) -> None:
        import wandb

        entity, slash, name = project.rpartition("/")
        labels = run.labels()
        spec = msgspec.to_builtins(run.spec())
        self._run = wandb.init(
            entity=entity if slash else None,
            project=name,
            id=identity,
            resume="allow",
            name=labels.name or run.id,
            tags=list(labels.tags) or None,
            notes=labels.note or None,
            config={key: value for key, value in spec.items() if key != "origins"},
            dir=str(folder(run)),
            settings=wandb.Settings(console="off", disable_git=True, save_code=False, silent=True),
        )
        self._run.define_metric("step")
        self._run.define_metric("*", step_metric="step")

    def write(self, figures: Mapping[str, float], *, step: int, time: float) -> None:
        """Log the figures of one update."""
        self._run.log({**figures, "step": step, "time": time})

    def rewind(self, step: int) -> None:
        """Nothing to undo: what comes again has the same values at the same steps."""

    def close(self) -> None:
        """Send what is waiting and mark the run as finished."""
        self._run.finish()
