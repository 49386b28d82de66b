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
from vislab.tui.widgets.field import Field, cells_of

FIELDS = {
    "strategy.epochs": "epochs",
    "strategy.batch_size": "batch",
    "strategy.learning_rate": "learning rate",
    "seed": "seed",
}
"""Settings that always have a field, and what it calls them."""

FURTHER = {
    "strategy.optimizer": "optimizer",
    "strategy.weight_decay": "weight decay",
    "strategy.schedule": "schedule",
    "preprocessing.image_size": "image size",
    "strategy.label_smoothing": "label smoothing",
    "strategy.warmup_epochs": "warm-up",
    "strategy.patience": "patience",
}
"""Those that have one too as far as there is room, the most used ones first."""

_USUAL = 5  # cells that every value is given: fields do not come and go as one passes over other selections
_KEPT = 20  # cells that are left for the way to all settings, and to the field in which one writes, which grows


class _More(ActionLines):
    """The way to all settings."""

    ACTION = "more"


class FieldRow(Horizontal):
    """A field each, and how many other settings were changed."""

    DEFAULT_CSS = """
    FieldRow { height: 1; padding: 0 1; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._values: dict[str, tuple[str, bool]] = {}  # by key: what it holds, and whether it was changed here
        self._changed: list[str] = []  # keys of all that was

    def compose(self) -> ComposeResult:
        """The fields that are always there, then the way to all settings."""
        for key, label in FIELDS.items():
            yield Field(key, label)
        yield _More()

    def follow(self, draft: Draft, spec: Spec | None) -> None:
        """Show the values of a selection."""
        for key in FIELDS | FURTHER:
            changed = draft.changed(key)
            value = text.MISSING if spec is None else value_text(value_of(spec, key))
            self._values[key] = (value if changed is None else changed, changed is not None)
        self._changed = [key for key, _ in draft.values]
        self._fit()

    def on_resize(self) -> None:
        """Show as many fields as there is room for now."""
        if self._values:
            self._fit()

    def _fit(self) -> None:
        """Show the values. A field that has no room any more stays until the focus has left it."""
        fields, more = {field.key: field for field in self.query(Field)}, self.query_one(_More)
        focused, room, shown = self.screen.focused, self.size.width - _KEPT, list[str]()
        for key, label in (FIELDS | FURTHER).items():
            value, changed = self._values[key]
            room -= cells_of(label, value, _USUAL)
            field = fields.get(key)
            if key in FIELDS or room >= 0 or (field is not None and focused in (field, *field.children)):
                shown.append(key)
                if field is None:
                    self.mount(field := Field(key, label), before=more)
                field.show(value, changed=changed)
            if field is not None:
                field.display = key in shown
        others = sum(key not in shown for key in self._changed)
        more.show([Text.assemble(("m", "bold"), " more", (f" ({others} changed)" if others else "", "bold"))])

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
