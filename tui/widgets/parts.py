"""The three pickers of the launch screen: data set, architecture, strategy."""

from collections.abc import Sequence
from dataclasses import dataclass

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.message import Message

from vislab.presets.explain import list_presets
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings
from vislab.presets.shelves import Kind
from vislab.tui.draft import SECTIONS, Draft, Section
from vislab.tui.views import text
from vislab.tui.views.selection import architecture_help, own_labels, picker_note
from vislab.tui.views.text import plain
from vislab.tui.widgets.picker import Choices, Item, Picker

OWN = "\0own"
"""Value of the item that asks for something of one's own."""

OWN_QUESTIONS: dict[Section, str] = {
    "dataset": "A folder with a folder of images for each class, a table of path,label, hf:NAME, or mine.py:source",
    "architecture": "A file and its function that builds the network, such as mine.py:build",
}
_OWN_HINTS: dict[Section, str] = {
    "dataset": "↵ chooses a folder, a table, hf:NAME or mine.py:source",
    "architecture": "↵ chooses a file and its function, such as mine.py:build",
}
_TITLES: dict[Section, str] = {"dataset": "Data set", "architecture": "Architecture", "strategy": "Strategy"}
_OWN_LABELS: dict[Section, str] = {"dataset": "your own folder…", "architecture": "your own file…"}
_KINDS: dict[Section, Kind] = {"dataset": "datasets", "architecture": "architectures", "strategy": "strategies"}


class Parts(Horizontal):
    """What a run is made from."""

    DEFAULT_CSS = """
    Parts { height: 1fr; min-height: 4; }
    """

    @dataclass
    class Chosen(Message):
        """The cursor stands on another part; `value` is a preset, a timm model, or empty for that of the base."""

        section: Section
        value: str

    @dataclass
    class Own(Message):
        """Something of one's own is wanted."""

        section: Section

    def __init__(self) -> None:
        super().__init__()
        self._offered: dict[Section, list[Item]] = {section: [] for section in SECTIONS}
        self._helps: dict[tuple[Section, str], str] = {}

    def compose(self) -> ComposeResult:
        """A picker each."""
        for section in SECTIONS:
            yield Picker(_TITLES[section], id=section)

    def picker(self, section: Section) -> Picker:
        """The picker of a section."""
        return self.query_one(f"#{section}", Picker)

    @property
    def focused(self) -> Section | None:
        """The section whose list or filter has the focus."""
        return next((section for section in SECTIONS if self.picker(section).has_focus_within), None)

    @property
    def filtering(self) -> bool:
        """Whether one is writing in a filter."""
        return any(self.picker(section).filtering for section in SECTIONS)

    def load_presets(self, settings: Settings) -> None:
        """Read what is offered."""
        for section, kind in _KINDS.items():
            infos = list_presets(kind, settings)
            self._helps |= {(section, info.name): info.problem or info.help for info in infos}
            own = [Item(OWN, _OWN_LABELS[section], asks=True)] if section in _OWN_LABELS else []
            self._offered[section] = own + [
                Item(info.name, plain(info.name, 80), "broken" if info.problem else picker_note(info.facts), info.help)
                for info in infos
            ]

    def load_timm(self) -> None:
        """Add the models of timm, which take a moment to read."""
        from vislab.presets import timm_index

        known = {item.value for item in self._offered["architecture"]}
        models = [Item(name, name, words="timm") for name in timm_index.names() if name not in known]
        heading = Item("", f"{text.count(len(models))} from timm", heading=True, announced=True)
        self._offered["architecture"] += [heading, *models]

    def follow(self, draft: Draft, spec: Spec | None, own_data: Sequence[str] = ()) -> None:
        """Put the cursors on what is chosen, which is offered too where it is no preset.

        Args:
            own_data: data sets of one's own that are offered whether one of them is chosen or not.
        """
        for section in SECTIONS:
            items, value = self._offered[section], getattr(draft, section)
            name = value or (getattr(spec, section).name if spec is not None else "")
            known = {item.value for item in items}
            own = [one for one in own_data if one not in known] if section == "dataset" else []
            before = []
            if name and name not in known and name not in own:
                if value:
                    own.insert(0, value)
                else:
                    before, name = [Item("", plain(own_labels([name])[0], 200), "as before")], ""
            yours = [
                Item(one, plain(label, 200), "yours", one) for one, label in zip(own, own_labels(own), strict=True)
            ]
            self.picker(section).choices.offer([*before, *yours, *items], name or None)

    def help(self) -> str:
        """One sentence on what the focused cursor stands on; safe text."""
        if self.filtering:
            return "type to find · ↑↓ choose · ↵ take · esc show all again"
        section = self.focused
        current = self.picker(section).choices.current if section is not None else None
        if section is None or current is None:
            return ""
        if current.value == OWN:
            chosen = self.picker(section).choices.chosen
            now = f"{plain(chosen.label, 30)} is chosen · " if chosen is not None else ""
            return now + _OWN_HINTS[section]
        words = self._helps.get((section, current.value), "")
        return plain(words or (architecture_help(current.value) if section == "architecture" else "") or current.value)

    def on_picker_found(self, event: Picker.Found) -> None:
        """Where nothing fits in a part, say in which other there is something."""
        event.stop()
        if not event.picker.choices.shown:
            counts = {section: len(self.picker(section).choices.fitting(event.words)) for section in SECTIONS}
            found = [f"{_TITLES[section]} has {text.count(fitting)}" for section, fitting in counts.items() if fitting]
            event.picker.choices.tell_elsewhere(", ".join(found))

    def on_choices_moved(self, event: Choices.Moved) -> None:
        """Say what is chosen now."""
        event.stop()
        self.post_message(self.Chosen(self._section_of(event.choices), event.item.value))

    def on_choices_taken(self, event: Choices.Taken) -> None:
        """Enter goes on to the next part, or asks for something of one's own."""
        event.stop()
        if event.item.value == OWN:
            self.post_message(self.Own(self._section_of(event.choices)))
        else:
            self.screen.focus_next()

    def _section_of(self, choices: Choices) -> Section:
        return next(section for section in SECTIONS if self.picker(section).choices is choices)
