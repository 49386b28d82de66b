"""The files that a comparison or a run is written to."""

from collections.abc import Sequence
from pathlib import Path

from vislab.engine.analysis.comparison import Compared
from vislab.engine.runs.store import Run
from vislab.tui import csv_file
from vislab.tui.views import compare_report, run_report
from vislab.tui.views.evaluations import evaluations, judged
from vislab.tui.views.exported import handed_over


def write(
    runs: Sequence[Compared], file: Path, *, title: str = "", question: str = "", again: Sequence[str] = ()
) -> None:
    """Write a comparison as Markdown; a file that is there is replaced.

    Raises:
        InputError: the file cannot be written.
    """
    csv_file.write_text(file, compare_report.markdown(runs, title, question, again))


def write_csv(runs: Sequence[Compared], file: Path) -> None:
    """Write the figures of a comparison as CSV, a row a run; a file that is there is replaced.

    Raises:
        InputError: the file cannot be written.
    """
    csv_file.write(file, *compare_report.csv_rows(runs))


def write_run(run: Run, file: Path) -> None:
    """Write the report of a run as Markdown; a file that is there is replaced.

    Raises:
        InputError: the file cannot be written, or the run's spec.toml is missing or damaged.
    """
    state = run.state()
    page = run_report.markdown(
        state,
        run.spec(),
        run_id=run.id,
        status=run.status(state),
        labels=run.labels(),
        judged=judged(run, state.ended.test if state.ended is not None else None),
        later=evaluations(run),
        handed_over=handed_over(run),
    )
    csv_file.write_text(file, page)


def write_epochs(run: Run, file: Path) -> None:
    """Write the epochs of a run as CSV, a row an epoch; a file that is there is replaced.

    Raises:
        InputError: the file cannot be written.
    """
    csv_file.write(file, *run_report.csv_rows(run.state()))
