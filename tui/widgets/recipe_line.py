"""The line that says what the selection began from."""

from rich.text import Text

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

    def follow(self, draft: Draft, settings: Settings) -> None:
        """Show a selection's."""
        if draft.recipe:
            recipes = list_presets("recipes", settings)
            words = next((info.help for info in recipes if info.name == draft.recipe), "")
            line = Text.assemble("Recipe ▸ ", (plain(draft.recipe, 60), "bold"), ("  " + plain(words), "dim"))
        elif draft.like is not None:
            line = Text.assemble("Again ▸ ", (plain(draft.like.name, 60), "bold"), ("  like an earlier run", "dim"))
        else:
            line = Text.assemble("Recipe ▸ none", ("  r chooses one, or a study", "dim"))
        if draft.name:
            line = Text.assemble((plain(draft.name, 40), "bold"), "  ", line)
        self.show([line])
