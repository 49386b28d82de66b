"""A run as one HTML file that needs nothing else: what was run, on what, what came out, and how to run it again."""

from collections.abc import Sequence
from pathlib import Path

from vislab.engine.analysis import predictions
from vislab.engine.runs.files import write_atomically
from vislab.engine.runs.state import RunState
from vislab.engine.runs.store import Labels, Run, RunStatus
from vislab.presets.errors import InputError
from vislab.presets.schema.spec import Spec
from vislab.tui import death
from vislab.tui.html import curves_svg, heat_map, pictures
from vislab.tui.html.page import page
from vislab.tui.html.run_sections import RunSections
from vislab.tui.looks import Looks
from vislab.tui.views import run as views
from vislab.tui.views.evaluations import Evaluation, evaluations, judged
from vislab.tui.views.exported import handed_over
from vislab.tui.views.results import Results, results
from vislab.tui.views.text import plain


def write_html(run: Run, path: Path, looks: Looks | None = None) -> None:
    """Write the log of a run, finished or not.

    Args:
        looks: pictures, see `vislab.tui.looks.collect`.

    Raises:
        InputError: the run's spec.toml is missing or damaged.
        OSError: the file cannot be written; one that was there before is intact.
    """
    state = run.state()
    status = run.status(state)
    died = death.lines(run, state) if status == "died" else []
    try:
        answered = predictions.of_run(run, state)
    except InputError:  # damaged, or of earlier weights: told among the pictures that are missing
        answered = predictions.Predictions()
    found = results(answered, state.started.classes if state.started is not None else ()) if answered else None
    text_ = document(
        state,
        run.spec(),
        run_id=run.id,
        status=status,
        labels=run.labels(),
        died=died,
        answered=found,
        looks=looks,
        judged=judged(run, state.ended.test if state.ended is not None else None),
        later=evaluations(run),
        handed_over=handed_over(run),
    )
    write_atomically(path, text_.encode(), durable=False)


def document(
    state: RunState,
    spec: Spec,
    *,
    run_id: str,
    status: RunStatus,
    labels: Labels | None = None,
    died: Sequence[str] = (),
    answered: Results | None = None,
    looks: Looks | None = None,
    judged: Evaluation | None = None,
    later: Sequence[Evaluation] = (),
    handed_over: Sequence[str] = (),
) -> str:
    """The HTML text of the log.

    Args:
        died: what is said of a worker that died, see `vislab.tui.death`.
        answered: what the run's weights said of the images that it was judged by last.
        looks: pictures.
        judged: the run's last evaluation, of the same images.
        later: what `vislab evaluate` found.
        handed_over: what is known of the files for others, see `vislab.tui.views.exported.handed_over`.
    """
    labels = labels or Labels()
    log = RunSections()
    log.head(state, spec, run_id, status, labels)
    log.died(died)
    log.findings(state, spec)
    log.curves(state)
    if answered is not None:
        log.results(state, answered, judged)
    if looks is not None:
        log.looks(looks)
    log.later(later)
    log.handed_over(handed_over)
    log.epochs(state)
    log.spec(spec)
    log.data(state)
    log.model(state)
    log.table("Environment", ("what", "value"), views.environment_rows(state))
    log.table("Notices", ("level", "text"), views.notice_rows(state))
    log.run_again(state, spec, run_id)
    styles = (curves_svg.STYLE, heat_map.STYLE, pictures.STYLE)
    return page(plain(labels.name or spec.name, 100), log.parts, *styles, *log.rules)
