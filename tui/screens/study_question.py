"""The question that queues the runs of a study: on which data they train, and what speaks against them."""

from collections.abc import Callable, Sequence

from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings
from vislab.tui.advice import warnings
from vislab.tui.draft import Draft, resolve
from vislab.tui.facts import Facts, Weights
from vislab.tui.screens.dialog import Answer, Question
from vislab.tui.views.text import counted, plain


def study_question(
    drafts: Sequence[Draft], settings: Settings, known_of: Callable[[Spec], tuple[Facts, Weights | None]]
) -> Question:
    """Ask whether to queue the runs of a study; its answer is empty for no.

    Where something stands in the way of one of them it only says what, for all are queued or none.

    Args:
        drafts: of recipes; a data set that is chosen in one is not its recipe's.
        known_of: what is known now of the data and the weights of a selection.
    """
    data: dict[str, list[str]] = {}
    problems: dict[str, list[str]] = {}
    advice: dict[str, list[str]] = {}
    for draft in drafts:
        resolved = resolve(draft, settings)
        wrong, spec = list(resolved.problems), resolved.spec
        if spec is not None:
            facts, weights = known_of(spec)
            wrong += [facts.data_obstacle] * bool(facts.data_obstacle)
            if spec.dataset.source:
                own = " (chosen here: the recipe names none)" if draft.dataset else ""
                data.setdefault(plain(spec.dataset.name, 60) + own, []).append(draft.recipe)
            for warning in warnings(spec, facts, weights):
                advice.setdefault(warning.text, []).append(draft.recipe)
        for problem in wrong:
            problems.setdefault(plain(problem, 400), []).append(draft.recipe)

    def whose(recipes: Sequence[str]) -> str:
        return "all" if len(recipes) == len(drafts) else plain(", ".join(recipes))

    count = counted(len(drafts), "run")
    asked = f"Queue {count}, one after the other?" if not problems else f"{count} cannot be queued:"
    lines = [f"{asked} {plain(', '.join(draft.recipe for draft in drafts))}"]
    lines += [f"Data set of {whose(recipes)}: {name}" for name, recipes in data.items()]
    lines += [f"✖ {whose(recipes)}: {problem}" for problem, recipes in problems.items()]
    if not problems:
        lines += [f"! {whose(recipes)}: {warning}" for warning, recipes in advice.items()]
    queue = [Answer("queue", "y", f"queue {count}")] * (not problems)
    return Question("\n".join(lines), (*queue, Answer("", "n", "go back")))
