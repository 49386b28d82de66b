"""The settings that are changed most, in a row."""

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal

from vislab.presets import keys
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings
from vislab.tui.draft import Draft, resolve, value_of
from vislab.tui.views import text
from vislab.tui.views.spec import default_words, value_text
from vislab.tui.views.text import plain
from vislab.tui.widgets.action_lines import ActionLines
from vislab.tui.widgets.field import Field

FIELDS = {
    "strategy.epochs": "epochs",
    "strategy.batch_size": "batch",
    "strategy.learning_rate": "learning rate",
    "seed": "seed",
}


class _More(ActionLines):
    """The way to all settings."""

    ACTION = "more"


class FieldRow(Horizontal):
    """A field each, and how many other settings were changed."""

    DEFAULT_CSS = """
    FieldRow { height: 1; padding: 0 1; }
    """

    def compose(self) -> ComposeResult:
        """The fields, then the way to all others."""
        for key, label in FIELDS.items():
            yield Field(key, label)
        yield _More()

    def follow(self, draft: Draft, spec: Spec | None) -> None:
        """Show the values of a selection."""
        for field in self.query(Field):
            changed = draft.changed(field.key)
            value = text.MISSING if spec is None else value_text(value_of(spec, field.key))
            field.show(value if changed is None else changed, changed=changed is not None)
        others = sum(key not in FIELDS for key, _ in draft.values)
        more = Text.assemble(("m", "bold"), " more", (f" ({others} changed)" if others else "", "bold"))
        self.query_one(_More).show([more])

    @property
    def written(self) -> Field | None:
        """The field in which one writes."""
        return next((field for field in self.query(Field) if field.writing), None)

    @property
    def current(self) -> Field | None:
        """The field that has the focus, or is written in."""
        return self.written or next((field for field in self.query(Field) if field.has_focus), None)

    def help(self, draft: Draft, settings: Settings) -> str:
        """What the current field holds without a change, what it takes and what it is; safe text."""
        field = self.current
        if field is None:
            return ""
        entry, parts = keys.KEYS[field.key], []
        if draft.changed(field.key) is not None:
            parts.append("set here")
        if (unchanged := resolve(draft.without_value(field.key), settings).spec) is not None:
            parts.append(default_words(value_of(unchanged, field.key), unchanged.origins.get(field.key, "")))
        return plain("; ".join([*parts, keys.allowed(entry.type), entry.help]), 300)
