"""A window that offers recipes and studies."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical

from vislab.presets.explain import PresetInfo, list_presets
from vislab.presets.settings import Settings
from vislab.tui.screens.window import LEAVE, LEAVES, Window
from vislab.tui.views.text import counted, plain
from vislab.tui.widgets.key_words import FINDING, key_words
from vislab.tui.widgets.lines import Lines, wrapped
from vislab.tui.widgets.picker import Choices, Item, Picker

_STUDY = "\0study "
_HINTS = (("enter", "take"), ("/", "find"), ("?", "help"), ("esc", "back"), ("q", "quit"))


class _Words(Lines):
    """What is said of one value; as high as what is said of any needs, so that the list above stands still."""

    def __init__(self, texts: Mapping[str, Sequence[str]]) -> None:
        super().__init__()
        self._texts = texts
        self._value = ""
        self._tallest = (0, 0)  # a width, and the lines that the longest text takes there

    def tell(self, value: str) -> None:
        """Turn to another value."""
        self._value = value
        self.repaint()

    def lines_at(self, width: int, height: int) -> list[Text]:
        """Its text, wrapped."""
        if self._tallest[0] != width:
            self._tallest = width, max((len(self._wrapped(value, width)) for value in self._texts), default=0)
        lines = self._wrapped(self._value, width)
        return [*lines, *([Text()] * (self._tallest[1] - len(lines)))]

    def _wrapped(self, value: str, width: int) -> list[Text]:
        texts = map(Text, self._texts.get(value, ()))
        return [line for text in texts for line in wrapped(text, width, self.app.console)]


class Recipes(Window[tuple[str, tuple[str, ...]] | None]):
    """Returns (recipe, ()) or (study, its recipes); ("", ()) for none, None when the person went back."""

    DEFAULT_CSS = """
    Recipes { align: center middle; background: $background 60%; }
    Recipes .sheet { width: 92%; max-width: 110; height: 88%; padding: 0; background: $surface; }
    Recipes Lines { padding: 0 2; background: $surface; }
    Recipes _Words { max-height: 50%; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "go back", show=False),
        Binding("slash,i", "filter", "find", show=False),
        LEAVE,
    ]
    KEYS = (
        ("", "Keys of recipes and studies"),
        ("↑ ↓", "Go to another one; page up, page down, home and end go further."),
        ("↵", "Begin from the recipe, or queue all runs of the study after a question."),
        ("/ i", "Find a recipe or a study by its name or its help."),
        ("esc", "Leave the field, or go back to the launch screen."),
        LEAVES,
    )

    def __init__(self, settings: Settings, current: str) -> None:
        """Recipes and studies.

        Args:
            current: the recipe on which the cursor stands at first.
        """
        super().__init__()
        self._recipes = {info.name: info for info in list_presets("recipes", settings)}
        self._studies = {info.name: info for info in list_presets("studies", settings)}
        self._current = current

    def compose(self) -> ComposeResult:
        """The list and a few lines on what the cursor stands on."""
        with Vertical(classes="sheet"):
            yield Picker("Recipes and studies", self._items())
            yield _Words(self._texts())
            yield Lines()

    def _items(self) -> list[Item]:
        alone = [name for name, info in self._recipes.items() if not info.facts.get("study")]
        items = [Item("", "none: choose the parts yourself"), *(self._item(self._recipes[name]) for name in alone)]
        for name, study in self._studies.items():
            members = [recipe for recipe in study.facts.get("recipes", ()) if recipe in self._recipes]
            note = f"queue its {counted(len(members), 'run')}"
            items.append(Item(_STUDY + name, f"Study {plain(name, 60)}", note, study.help))
            items += [self._item(self._recipes[recipe], "  ") for recipe in members]
        return items

    def _item(self, info: PresetInfo, indent: str = "") -> Item:
        parts = [info.facts.get(part, "") for part in ("dataset", "architecture", "strategy")]
        note = " · ".join(plain(str(part), 30) for part in parts if part)
        return Item(info.name, indent + plain(info.name, 60), note, f"{info.help} {note}")

    def on_mount(self) -> None:
        """Begin where one was."""
        choices = self.query_one(Picker).choices
        choices.focus()
        choices.point(self._current)
        self._explain()

    def on_descendant_focus(self) -> None:
        """Say what the keys do."""
        hints = FINDING if self.query_one(Picker).filtering else _HINTS
        self.query(Lines).last().show([key_words(*hints)])

    def on_choices_moved(self, event: Choices.Moved) -> None:
        """Explain what the cursor stands on."""
        self._explain()

    def on_picker_found(self) -> None:
        """Explain what a filter has found."""
        self._explain()

    def _explain(self) -> None:
        current = self.query_one(Picker).choices.current
        self.query_one(_Words).tell(current.value if current is not None else "")

    def _texts(self) -> dict[str, list[str]]:
        texts = {}
        for name, study in self._studies.items():
            texts[_STUDY + name] = [study.problem or study.help, str(study.facts.get("question", ""))]
        for name, info in self._recipes.items():
            printed = str(info.facts.get("printed", ""))
            texts[name] = [info.problem or info.help, f"printed: {printed}" if printed else ""]
        return {value: [plain(line, 300) for line in lines if line] for value, lines in texts.items()}

    def on_choices_taken(self, event: Choices.Taken) -> None:
        """Take it."""
        value = event.item.value
        if value.startswith(_STUDY):
            study = value.removeprefix(_STUDY)
            self.dismiss((study, tuple(self._studies[study].facts.get("recipes", ()))))
        else:
            self.dismiss((value, ()))

    def action_filter(self) -> None:
        """Find by typing."""
        self.query_one(Picker).open_filter()

    def action_back(self) -> None:
        """Leave the field, or the window."""
        picker = self.query_one(Picker)
        if picker.filtering:
            picker.close_filter()
            self._explain()
        else:
            self.dismiss(None)
