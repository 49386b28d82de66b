"""A window with every setting of the selection: its value, where that came from, and a field to change it."""

from typing import ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widget import Widget
from textual.widgets import Input

from vislab.presets import keys
from vislab.presets.settings import Settings
from vislab.tui.draft import Draft, problem_with, resolve, settable, value_of
from vislab.tui.screens.window import LEAVE, LEAVES, Window
from vislab.tui.views.spec import default_words, value_text
from vislab.tui.views.text import MISSING, plain
from vislab.tui.widgets.key_words import FINDING, key_words
from vislab.tui.widgets.lines import Lines
from vislab.tui.widgets.picker import Choices, Item, Picker

_VALUE = 28  # cells of a value in the list
_LINES = 4  # of help
_HINTS = (("enter", "change"), ("x", "take back"), ("/", "find"), ("?", "help"), ("esc", "done"), ("q", "quit"))
_WRITING = (("enter", "take, empty: take back"), ("esc", "leave"))


class AllSettings(Window[Draft]):
    """Returns the draft with the changes that were made."""

    DEFAULT_CSS = """
    AllSettings { align: center middle; background: $background; }
    AllSettings .sheet { width: 100%; max-width: 120; height: 100%; padding: 0; background: $surface; }
    AllSettings Lines { height: 4; padding: 0 2; background: $surface; }
    AllSettings #value { visibility: hidden; height: 1; border: none; padding: 0 2; background: $panel; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "go back", show=False),
        Binding("slash,i", "filter", "find", show=False),
        Binding("x", "reset", "take a change back", show=False),
        LEAVE,
    ]
    KEYS = (
        ("", "Keys of all settings"),
        ("↑ ↓", "Go to another setting; page up, page down, home and end go further."),
        ("↵", "Write another value; an empty one takes the change back."),
        ("x", "Take the change of the setting back."),
        ("/ i", "Find a setting by its name or its help."),
        ("esc", "Leave the field, or go back to the launch screen with the changes."),
        LEAVES,
    )

    def __init__(self, draft: Draft, settings: Settings) -> None:
        super().__init__()
        self._draft = draft
        self._settings = settings
        self._resolved = resolve(draft, settings)
        self._written = ""  # the setting that is being written, if any
        self._begun = ""  # what stood in the field when it was opened

    @property
    def draft(self) -> Draft:
        """With the changes so far."""
        return self._draft

    def compose(self) -> ComposeResult:
        """The list, help, the field."""
        with Vertical(classes="sheet"):
            yield Picker("All settings")
            field = Input(compact=True, id="value")
            field.cursor_blink = False
            yield field
            yield Lines()

    def on_mount(self) -> None:
        """Fill the list."""
        self._fill()
        choices = self.query_one(Picker).choices
        choices.focus()
        choices.action_end(-1)  # the first line is a heading
        self._explain()

    @property
    def _key(self) -> keys.Key | None:
        current = self.query_one(Picker).choices.current
        return keys.find(self._written or (current.value if current is not None else ""))

    @property
    def _field(self) -> Input:
        return self.query_one("#value", Input)

    def _fill(self) -> None:
        items: list[Item] = []
        section = None
        spec = self._resolved.spec
        for key in settable(spec) if spec is not None else []:
            table = key.key.partition(".")[0] if "." in key.key else "run"
            if table != section:
                section = table
                items.append(Item("", table, heading=True))
            changed = self._draft.changed(key.key)
            value = changed if changed is not None else value_text(value_of(spec, key.key))  # type: ignore[arg-type]
            note = plain(value, _VALUE) or MISSING
            mark = "* " if changed is not None else "  "
            items.append(Item(key.key, mark + key.key.removeprefix(f"{table}."), note, f"{key.key} {key.help}"))
        self.query_one(Picker).choices.offer(items)
        changes = len(self._draft.values)
        self.query_one(Picker).border_title = Text("All settings" + f" · {changes} changed" * bool(changes))

    def _explain(self) -> None:
        key, spec, trouble = self._key, self._resolved.spec, self._trouble
        hint = key_words(*(_WRITING if self._written else FINDING if self.query_one(Picker).filtering else _HINTS))
        if key is None or spec is None:
            self.query_one(Lines).show([*([Text()] * (_LINES - 1)), hint])
            return
        width = max(20, self.query_one(Picker).size.width - 4)
        unit = f", in {key.unit}" if key.unit else ""
        before = resolve(self._draft.without_value(key.key), self._settings).spec or spec
        default = default_words(value_of(before, key.key), before.origins.get(key.key, ""))
        lines = Text(plain(f"{key.help}{unit}; {keys.allowed(key.type)}", 400)).wrap(self.app.console, width)[:2]
        lines.append(Text(plain(default, width), "dim"))
        if trouble:
            colour = self.app.theme_variables["text-error"]
            wrong = Text(f"✖ {plain(trouble, 300)}", colour).wrap(self.app.console, width)[: _LINES - 1]
            lines = [*lines[: _LINES - 1 - len(wrong)], *wrong]
        shown = [*lines, hint]
        self.query_one(Lines).show([*([Text()] * (_LINES - len(shown))), *shown])

    def on_descendant_focus(self) -> None:
        """Say what the keys do."""
        self._explain()

    def on_choices_moved(self, event: Choices.Moved) -> None:
        """Explain what the cursor stands on; it stays on the setting that is being written."""
        if self._written:
            event.choices.point(self._written)
        self._explain()

    def on_picker_found(self) -> None:
        """Explain what a filter has found."""
        self._explain()

    def on_choices_taken(self, event: Choices.Taken) -> None:
        """Write its value."""
        if self._written:
            return
        self._written = event.item.value
        changed = self._draft.changed(self._written)
        spec = self._resolved.spec
        self._begun = changed if changed is not None else value_text(value_of(spec, self._written))  # type: ignore[arg-type]
        self._field.value = self._begun
        self._field.visible = True
        self.set_focus(self._field)
        self._explain()

    def on_input_changed(self, event: Input.Changed) -> None:
        """Judge a value while it is written."""
        if event.input is self._field:
            self._explain()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Take the value; an empty one takes the change back."""
        if event.input is self._field and self._written and self._take():
            self.set_focus(self.query_one(Picker).choices)

    def lets_go(self, widget: Widget | None) -> bool:
        """Take what is written in the field that the focus leaves, as Enter does; what cannot be taken stays."""
        if not self._written or widget is self._field:
            return True
        if widget is None:  # nobody has left it: the terminal has lost the focus
            return False
        return self._take()

    @property
    def _trouble(self) -> str:
        value = self._field.value.strip()
        return problem_with(self._draft, self._written, value, self._settings) if self._written and value else ""

    def _take(self) -> bool:
        """Take the value, where it is another one, and close the field; False where it is no value."""
        key, value = self._written, self._field.value.strip()
        if self._field.value != self._begun:
            if self._trouble:
                return False
            self._change(self._draft.with_value(key, value) if value else self._draft.without_value(key))
        self._close_field()
        return True

    def _change(self, draft: Draft) -> None:
        self._draft = draft
        self._resolved = resolve(draft, self._settings)
        self._fill()

    def _close_field(self) -> None:
        self._written = ""
        self._field.visible = False
        self._explain()

    def action_reset(self) -> None:
        """Take the change of a setting back."""
        if (key := self._key) is not None and self._draft.changed(key.key) is not None:
            self._change(self._draft.without_value(key.key))
            self._explain()

    def action_filter(self) -> None:
        """Find by typing."""
        self.query_one(Picker).open_filter()

    def action_back(self) -> None:
        """Leave the field, or the window."""
        picker = self.query_one(Picker)
        if self._written:
            self._close_field()
            self.set_focus(picker.choices)
        elif picker.filtering:
            picker.close_filter()
            self._explain()
        else:
            self.dismiss(self._draft)
