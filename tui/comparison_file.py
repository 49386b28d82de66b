"""The file that the console writes a comparison to."""

from collections.abc import Sequence
from pathlib import Path

from vislab.engine.analysis.comparison import Compared
from vislab.engine.runs import studies
from vislab.engine.runs.studies import Record
from vislab.presets.explain import list_presets
from vislab.presets.settings import Settings
from vislab.tui import html_file, report_file


def write(runs: Sequence[Compared], file: Path, record: Record | None, settings: Settings) -> None:
    """Write a comparison in the form that the file's name asks for: .html, .csv, else Markdown.

    Args:
        record: the study that the runs are.

    Raises:
        InputError: the file cannot be written.
    """
    title, question = (f"Study {record.name}", record.question) if record is not None else ("", "")
    again = (
        studies.again(record, settings)
        if record is not None
        else [studies.compared_again((one.run.id for one in runs), settings)]
    )
    match file.suffix.lower():
        case ".html" | ".htm":
            html_file.check(file, option="")
            printed = {
                recipe.name: str(recipe.facts.get("printed", "")) for recipe in list_presets("recipes", settings)
            }
            html_file.write_comparison(runs, file, title=title, question=question, again=again, printed=printed)
        case ".csv":
            report_file.write_csv(runs, file)
        case _:
            report_file.write(runs, file, title=title, question=question, again=again)
