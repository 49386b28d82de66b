"""The line that says what the selection began from."""

from rich.text import Text

from vislab.engine.runs.store import Run
from vislab.presets.explain import list_presets
from vislab.presets.settings import Settings
from vislab.tui.draft import Draft
from vislab.tui.views.text import plain
from vislab.tui.widgets.action_lines import ActionLines


class RecipeLine(ActionLines):
    """A recipe, an earlier run, or nothing; and the run's name where it was given one. A click chooses another."""

    ACTION = "recipe"
    DEFAULT_CSS = """
    RecipeLine { height: 1; padding: 0 1; }
    """

    def __init__(self, like: Run | None) -> None:
        """A line.

        Args:
            like: the earlier run that selections begin from, if any.
        """
        super().__init__()
        self._again = ""
        if like is not None:
            from vislab.tui.views.named import named  # it imports what lists runs

            self._again = named(like)

    def follow(self, draft: Draft, settings: Settings) -> None:
        """Show a selection's."""
        if draft.recipe:
            recipes = list_presets("recipes", settings)
            words = next((info.help for info in recipes if info.name == draft.recipe), "")
            line = Text.assemble("Recipe ▸ ", (plain(draft.recipe, 60), "bold"), ("  " + plain(words), "dim"))
        elif draft.like is not None:
            line = Text.assemble("Again ▸ ", (self._again, "bold"), ("  like an earlier run", "dim"))
        else:
            line = Text.assemble("Recipe ▸ none", ("  r chooses one, or a study", "dim"))
        if draft.name:
            line = Text.assemble((plain(draft.name, 40), "bold"), "  ", line)
        self.show([line])
