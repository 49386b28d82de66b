"""TensorBoard files, by tensorboardX: a folder a run below the one that `tensorboard --logdir` shows."""

import math
from collections.abc import Mapping
from pathlib import Path

from vislab.engine.runs.store import Run
from vislab.engine.trackers.tracker import Tracker
from vislab.presets.spec_file import dump_spec


class TensorBoard(Tracker):
    """Writes one run's event files into `folder`/<run id>/; each start of the tracker adds a file, and so does each
    return of the run to an earlier step. TensorBoard reads them in the order of their names.

    Raises:
        OSError: the folder cannot be written.
    """

    def __init__(self, run: Run, folder: str) -> None:
        self._folder = Path(folder) / run.id
        new = not self._folder.exists()
        self._newest: float = 0 if new else math.inf
        self._open(purge_step=None)
        if new:
            text = "\n".join(f"    {line}" for line in dump_spec(run.spec()).splitlines())
            self._writer.add_text("spec", text, 0)

    def _open(self, purge_step: int | None) -> None:
        from tensorboardX import SummaryWriter

        # Files are named by the second: two of one second would be one file, and the first one's figures lost.
        suffix = f".{len(list(self._folder.glob('events.*'))):05d}"
        self._writer = SummaryWriter(str(self._folder), purge_step=purge_step, flush_secs=5, filename_suffix=suffix)

    def write(self, figures: Mapping[str, float], *, step: int, time: float) -> None:
        """Add a point to each figure's curve."""
        self._newest = max(step, self._newest)
        for name, value in figures.items():
            self._writer.add_scalar(name, value, step, walltime=time)

    def rewind(self, step: int) -> None:
        """Go on in a new file that tells TensorBoard to drop what came after `step`."""
        if self._newest > step:
            self._writer.close()
            self._open(purge_step=step + 1)
            self._newest = step

    def close(self) -> None:
        """Write out what is waiting."""
        self._writer.close()
