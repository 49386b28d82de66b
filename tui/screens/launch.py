"""The launch screen: choose data set, architecture and strategy, see what will run, start it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.events import DescendantFocus
from textual.message import Message
from textual.timer import Timer

from vislab.engine.runs.ask import Answer
from vislab.engine.runs.store import Run
from vislab.presets import keys
from vislab.presets.errors import InputError
from vislab.presets.explain import list_presets
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings
from vislab.tui import facts as facts_of
from vislab.tui.advice import warnings
from vislab.tui.draft import FIRST, SECTIONS, Draft, Resolved, Section, like_run, problem_with, resolve, value_of
from vislab.tui.facts import Facts, Weights
from vislab.tui.screens.launching import How, Launched, Looked, launch, look_around
from vislab.tui.screens.screen import ConsoleScreen
from vislab.tui.views import text
from vislab.tui.views.selection import architecture_help, device_line, picker_note
from vislab.tui.views.spec import value_text
from vislab.tui.views.text import plain
from vislab.tui.widgets.field import Field
from vislab.tui.widgets.hint_line import HintLine
from vislab.tui.widgets.lines import Lines
from vislab.tui.widgets.picker import Choices, Item, Picker
from vislab.tui.widgets.selection_panel import SelectionPanel

OWN = "\0own"
"""Value of the item that asks for something of one's own."""

FIELDS = (
    ("strategy.epochs", "epochs"),
    ("strategy.batch_size", "batch"),
    ("strategy.learning_rate", "learning rate"),
    ("seed", "seed"),
)
LOOK_EVERY = 5.0  # seconds between two looks at devices and queue
_SOON, _LATER = 0.04, 0.25  # seconds of no change after which the selection is resolved, and jobs are asked

_TITLES: dict[Section, str] = {"dataset": "Data set", "architecture": "Architecture", "strategy": "Strategy"}
_OWN_LABELS: dict[Section, str] = {"dataset": "your own folder…", "architecture": "your own file…"}
_OWN_QUESTIONS = {
    "dataset": "A folder with a folder of images for each class, a table of path,label, hf:NAME, or mine.py:source",
    "architecture": "A file and its function that builds the network, such as mine.py:build",
}


@dataclass
class Answered(Message):
    """A job has answered."""

    answer: Answer


@dataclass
class LookedAround(Message):
    """Devices, queue and earlier runs were looked at."""

    looked: Looked


@dataclass
class HasLaunched(Message):
    """Runs were started or queued, or could not be."""

    launched: Launched
    how: How


class LaunchScreen(ConsoleScreen):
    """Put a run together and start it."""

    NAME: ClassVar[str] = "launch"
    DEFAULT_CSS = """
    LaunchScreen #recipe { height: 1; padding: 0 1; }
    LaunchScreen #pickers { height: 1fr; min-height: 4; }
    LaunchScreen #fields { height: 1; padding: 0 1; }
    LaunchScreen #device { height: 1; padding: 0 1; }
    """

    def __init__(self, like: Run | None = None) -> None:
        """The screen.

        Args:
            like: an earlier run to begin from: "again, but …".
        """
        super().__init__()
        self.draft: Draft = FIRST
        self._like = like
        self.resolved = Resolved(None, ())
        self.facts = Facts()
        self._weights: Weights | None = None
        self._presets: dict[Section, list[Item]] = {section: [] for section in SECTIONS}
        self._helps: dict[tuple[Section, str], str] = {}
        self._resolving: Timer | None = None
        self._asking: Timer | None = None
        self._looking: Timer | None = None
        self._looked: Looked | None = None
        self._busy = False

    def body(self) -> ComposeResult:
        """Recipe, pickers, summary, fields, device, a line of help."""
        yield Lines(id="recipe")
        with Horizontal(id="pickers"):
            for section in SECTIONS:
                yield Picker(_TITLES[section], id=section)
        yield SelectionPanel()
        with Horizontal(id="fields"):
            for key, label in FIELDS:
                yield Field(key, label)
            yield Lines(id="more")
        yield Lines(id="device")
        yield HintLine()

    def on_mount(self) -> None:
        """Fill the pickers, then look around beside the screen."""
        super().on_mount()
        if self._like is not None:
            try:
                self.draft = like_run(self._like.spec())
            except InputError as error:
                self.say(str(error), error=True)
        self._load_presets()
        self._resolve()
        self.picker("dataset").choices.focus()
        self.call_after_refresh(self._load_timm)
        self._look()

    def picker(self, section: str) -> Picker:
        """The picker of a section."""
        return self.query_one(f"#{section}", Picker)

    @property
    def settings(self) -> Settings:
        """Folders."""
        return self.console.settings

    # What is offered

    def _load_presets(self) -> None:
        for section, kind in zip(SECTIONS, ("datasets", "architectures", "strategies"), strict=True):
            infos = list_presets(kind, self.settings)  # type: ignore[arg-type]
            for info in infos:
                self._helps[section, info.name] = info.problem or info.help
            own = [Item(OWN, _OWN_LABELS[section])] if section in _OWN_LABELS else []
            self._presets[section] = own + [
                Item(info.name, plain(info.name, 80), "broken" if info.problem else picker_note(info.facts), info.help)
                for info in infos
            ]

    def _load_timm(self) -> None:
        from vislab.presets import timm_index

        known = {item.value for item in self._presets["architecture"]}
        models = [Item(name, name, words="timm") for name in timm_index.names() if name not in known]
        heading = Item("", f"{text.count(len(models))} from timm", heading=True)
        self._presets["architecture"] += [heading, *models]
        self._show_pickers()

    def _show_pickers(self) -> None:
        """Offer the presets and what was chosen besides, with the cursor on what is chosen."""
        spec = self.resolved.spec
        for section in SECTIONS:
            items, value = self._presets[section], getattr(self.draft, section)
            name = value or (getattr(spec, section).name if spec is not None else "")
            if name and all(item.value != name for item in items):
                label = name.rstrip("/").rpartition("/")[2] if not name.startswith("hf:") else name
                own = Item(value, plain(label, 200), "yours" if value else "as before")
                items, name = [own, *items], value
            self.picker(section).choices.offer(items, name or None)

    # What is chosen

    def change(self, draft: Draft) -> None:
        """Take another selection; it is resolved a moment later, so that a key that is held costs nothing."""
        if draft != self.draft:
            self.draft = draft
            if self._resolving is not None:
                self._resolving.stop()
            self._resolving = self.set_timer(_SOON, self._resolve)

    def _resolve(self) -> None:
        before = self.resolved.spec
        self.resolved = resolve(self.draft, self.settings)
        spec = self.resolved.spec
        if spec is not None:
            self._weights = facts_of.pretrained_weights(
                spec, hub_cache=facts_of.hub_cache(), package=facts_of.has_weights_package()
            )
            same_data = before is not None and before.dataset == spec.dataset
            self.facts = replace(
                self.facts if same_data else Facts(memory_free=self.facts.memory_free),
                model=None,
                model_error="",
                seconds_per_epoch=None,
            )
            if self._asking is not None:
                self._asking.stop()
            self._asking = self.set_timer(_LATER, self._ask)
        self._show_pickers()
        self._show()
        if not self.in_field:
            self._hint()

    def _show(self) -> None:
        """Show the selection and what is known of it."""
        spec = self.resolved.spec
        advice = [] if spec is None else warnings(spec, self.facts, self._weights)
        self.query_one(SelectionPanel).follow(spec, self.facts, self.resolved.problems, advice)
        for field in self.query(Field):
            value = self.draft.changed(field.key)
            if value is None:
                value = value_text(value_of(spec, field.key)) if spec is not None else text.MISSING
            field.show(value, changed=self.draft.changed(field.key) is not None)
        others = [key for key, _ in self.draft.values if key not in dict(FIELDS)]
        more = Text.assemble(("m", "bold"), " more", (f" ({len(others)} changed)" if others else "", "bold"))
        self.query_one("#more", Lines).show([more])
        self._show_recipe()
        self.refresh_bindings()

    def _show_recipe(self) -> None:
        spec, draft = self.resolved.spec, self.draft
        if draft.recipe:
            words = self._recipe_help(draft.recipe)
            line = Text.assemble("Recipe ▸ ", (plain(draft.recipe, 60), "bold"), ("  " + plain(words), "dim"))
        elif draft.like is not None:
            line = Text.assemble("Again ▸ ", (plain(draft.like.name, 60), "bold"), ("  like an earlier run", "dim"))
        else:
            line = Text.assemble("Recipe ▸ none", ("  r chooses one, or a study", "dim"))
        if spec is not None and draft.name:
            line.append(f"  name {plain(draft.name, 40)}", "bold")
        self.query_one("#recipe", Lines).show([line])

    def _recipe_help(self, name: str) -> str:
        return next((info.help for info in list_presets("recipes", self.settings) if info.name == name), "")

    # What is asked

    def _ask(self) -> None:
        spec = self.resolved.spec
        if spec is None:
            return
        request = facts_of.data_request(spec, self.settings)
        if request is None:
            self.console.asker.cancel("data")
        else:
            self._question("data", request)
        self._ask_model(spec)
        self._look()

    def _ask_model(self, spec: Spec) -> None:
        request = facts_of.model_request(spec, facts_of.classes_known(spec, self.facts))
        if request is None or self.resolved.problems:
            self.console.asker.cancel("models")
        else:
            self._question("models", request)

    def _question(self, job: str, request: dict[str, Any]) -> None:
        def answered(answer: Answer) -> None:
            self.post_message(Answered(answer))

        known = self.console.asker.ask(job, job, request, answered)
        if known is not None:
            self.on_answered(Answered(known))

    def on_answered(self, event: Answered) -> None:
        """Show what a job found, when it is still about what is chosen."""
        answer, spec = event.answer, self.resolved.spec
        if spec is None:
            return
        if answer.topic == "data" and answer.request == facts_of.data_request(spec, self.settings):
            found = facts_of.data_facts(answer.result) if answer.result is not None else None
            changed = found is not None and len(found.classes) != facts_of.classes_known(spec, self.facts)
            self.facts = replace(self.facts, data=found, data_error=answer.error)
            if changed:
                self._ask_model(spec)
            self._look()
        elif answer.topic == "models":
            wanted = facts_of.model_request(spec, facts_of.classes_known(spec, self.facts))
            if answer.request != wanted:
                return
            model = facts_of.model_facts(answer.result) if answer.result is not None else None
            self.facts = replace(self.facts, model=model, model_error=answer.error)
        self._show()

    def _look(self) -> None:
        """Look at devices, queue and earlier runs, beside the screen; again after a while."""
        spec, settings = self.resolved.spec, self.settings
        train = self.facts.data.images("train") if self.facts.data is not None else 0

        def work() -> None:
            self.post_message(LookedAround(look_around(spec, settings, train)))

        self.run_worker(work, thread=True, exit_on_error=False, group="look", exclusive=True)

    def on_looked_around(self, event: LookedAround) -> None:
        """Show what has changed."""
        looked = event.looked
        if looked.spec is not None and looked.spec == self.resolved.spec:
            facts = replace(self.facts, memory_free=looked.memory_free, seconds_per_epoch=looked.seconds_per_epoch)
            if facts != self.facts:
                self.facts = facts
                self._show()
        self._looked = looked
        line = device_line(looked.device, looked.devices, looked.chosen, looked.trouble)
        self.query_one("#device", Lines).show([Text(line)])
        self.live_runs_changed()
        if self._looking is not None:
            self._looking.stop()
        self._looking = self.set_timer(LOOK_EVERY, self._look_again_later)

    def _look_again_later(self) -> None:
        if self.is_current:
            self._look()

    def on_screen_resume(self) -> None:
        """Look around when one comes back."""
        if self._looked is not None:
            self._look()

    def live_runs_changed(self) -> None:
        """Say in the top line how many runs train and wait."""
        queued = self._looked.queued if self._looked is not None else 0
        parts = [f"{text.counted(len(self.console.live), 'run')} training"] if self.console.live else []
        parts += [f"{text.count(queued)} queued"] if queued else []
        self.heading("vislab", Text(" · ".join(parts)))

    # Messages of the widgets

    def on_choices_moved(self, event: Choices.Moved) -> None:
        """Choose what the cursor stands on."""
        section = self._section_of(event.choices)
        if event.item.value != OWN:
            base = self.resolved.spec
            same = self.draft.based and base is not None and event.item.value == getattr(base, section).name
            if not (same and not getattr(self.draft, section)):
                self.change(self.draft.choose(section, event.item.value))
        self._hint()

    def on_choices_taken(self, event: Choices.Taken) -> None:
        """Enter goes on to the next part, or asks for something of one's own."""
        if event.item.value == OWN:
            self.action_own()
        else:
            self.focus_next()

    def _section_of(self, choices: Choices) -> Section:
        return next(section for section in SECTIONS if self.picker(section).choices is choices)

    def on_field_written(self, event: Field.Written) -> None:
        """Judge a value while it is written; take it when it is done, and take the change back when it is empty."""
        field, value = event.field, event.text.strip()
        trouble = problem_with(self.draft, field.key, value, self.settings) if value else ""
        self._hint(field.key, trouble)
        if event.done and not trouble:
            field.leave()
            self.change(self.draft.with_value(field.key, value) if value else self.draft.without_value(field.key))

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Explain what has the focus."""
        self._hint()

    def _hint(self, key: str = "", trouble: str = "") -> None:
        """One line of help on what has the focus, or what is wrong with what is written there."""
        focused, words = self.focused, ""
        field = next((field for field in self.query(Field) if field.has_focus or field.writing), None)
        if trouble:
            self.query_one(HintLine).tell(f"✖ {plain(trouble, 300)}", wrong=True)
            return
        if field is not None:
            entry = keys.KEYS[key or field.key]
            spec = self.resolved.spec
            origin = plain(spec.origins.get(entry.key, ""), 60) if spec is not None else ""
            words = f"{entry.help}: {keys.allowed(entry.type)}; from {origin}"
        elif any(self.picker(section).filtering for section in SECTIONS):
            words = "type to find · ↑↓ choose · ↵ take · esc show all again"
        elif isinstance(focused, Choices) and focused.current is not None:
            section, value = self._section_of(focused), focused.current.value
            words = _OWN_QUESTIONS[section] if value == OWN else self._helps.get((section, value), "")
            words = words or (architecture_help(value) if section == "architecture" else "") or value
        self.query_one(HintLine).tell(plain(words, 300))

    # Actions

    def possible(self, action: str) -> bool:
        """A run can be started when nothing stands in the way."""
        if action in ("start", "start_background", "queue"):
            return self.resolved.ready is not None and not self._busy
        if action == "save_preset":
            return self.resolved.ready is not None
        return action != "reset" or bool(self.draft.values or self.draft.name)

    def action_filter(self) -> None:
        """Find in the picker that has the focus, or in the architectures."""
        pickers = [self.picker(section) for section in SECTIONS]
        (next((one for one in pickers if one.choices.has_focus), None) or self.picker("architecture")).open_filter()

    def action_leave_field(self) -> None:
        """Leave a filter or a field for what it belongs to."""
        owner = self.focused.parent if self.focused is not None else None
        if isinstance(owner, Picker):
            owner.close_filter()
        elif isinstance(owner, Field):
            owner.leave()
            self._hint()

    def action_own(self) -> None:
        """Ask for a folder, or for a file with an architecture where the architectures have the focus."""
        from vislab.tui.screens.path_prompt import PathPrompt

        section: Section = "architecture" if self.picker("architecture").choices.has_focus else "dataset"
        current = getattr(self.draft, section)
        value = current if any(sign in current for sign in "/.:~") else ""
        self._prompt(
            PathPrompt(_OWN_QUESTIONS[section], value), lambda text: self.change(self.draft.choose(section, text))
        )

    def action_recipe(self) -> None:
        """Choose a recipe or a study."""
        from vislab.tui.screens.recipes import Recipes

        self.app.push_screen(Recipes(self.settings, self.draft.recipe), self._take_recipe)

    def _take_recipe(self, choice: tuple[str, tuple[str, ...]] | None) -> None:
        if choice is None:
            return
        name, recipes = choice
        if recipes:
            self._ask_about_study(recipes)
        else:
            self.change(self._with_images(name) if name else FIRST)

    def _ask_about_study(self, recipes: tuple[str, ...]) -> None:
        from vislab.tui.screens.dialog import Answer as Choice
        from vislab.tui.screens.dialog import Question

        drafts = [self._with_images(recipe) for recipe in recipes]
        count = text.counted(len(drafts), "run")
        question = Question(
            f"Queue {count}, one after the other? {', '.join(recipes)}",
            (Choice("queue", "y", f"queue {count}"), Choice("", "n", "go back")),
        )
        self.app.push_screen(question, lambda answer: self._launch(drafts, "queue") if answer else None)

    def _with_images(self, recipe: str) -> Draft:
        """The recipe; one that names no data set gets the one that is chosen now."""
        draft, spec = FIRST.from_recipe(recipe), self.resolved.spec
        recipes = resolve(draft, self.settings).spec
        if recipes is not None and not recipes.dataset.source and spec is not None:
            draft = draft.choose("dataset", self.draft.dataset or spec.dataset.path or spec.dataset.name)
        return draft

    def action_more(self) -> None:
        """Show and change every setting."""
        from vislab.tui.screens.all_settings import AllSettings

        self.app.push_screen(AllSettings(self.draft, self.settings), lambda draft: self.change(draft or self.draft))

    def action_device(self) -> None:
        """Take the next device."""
        devices = self._looked.devices if self._looked is not None else ()
        cards = [device for device in devices if device.kind == "cuda"]
        names = ["auto", *(f"cuda:{index}" for index in range(len(cards)))]
        names += [device.kind for device in devices if device.kind != "cuda"]
        spec = self.resolved.spec
        now = self.draft.changed("device") or (spec.device if spec is not None else "auto")
        following = names[(names.index(now) + 1) % len(names)] if now in names else names[0]
        self.change(self.draft.with_value("device", following))

    def action_name_run(self) -> None:
        """Name the run."""
        from vislab.tui.screens.dialog import Prompt

        self._prompt(
            Prompt("What is the run called?", self.draft.name),
            lambda name: self.change(self.draft.named(name)),
            empty=True,
        )

    def action_save_preset(self) -> None:
        """Keep the selection as a recipe."""
        from vislab.tui.screens.dialog import Prompt

        self._prompt(Prompt("Name of the new recipe: letters, digits, dashes", ""), self._save)

    def _save(self, name: str) -> None:
        from vislab.tui.draft import save_as_recipe

        try:
            file = save_as_recipe(self.draft, name.strip(), self.settings)
        except (InputError, OSError) as error:
            self.say(str(error), error=True)
        else:
            self.say(f"Saved as recipe {name.strip()}: {file}")

    def _prompt(self, prompt: Any, take: Callable[[str], None], *, empty: bool = False) -> None:
        def answered(value: str | None) -> None:
            if value is not None and (value.strip() or empty):
                take(value.strip())

        self.app.push_screen(prompt, answered)

    def action_reset(self) -> None:
        """Take all changed settings back."""
        self.change(replace(self.draft, values=(), name=""))

    def action_look_again(self) -> None:
        """Forget what was counted, and count again."""
        self.console.asker.forget()
        self.facts = Facts()
        self._load_presets()
        self._load_timm()
        self._resolve()

    def action_start(self) -> None:
        """Start the run and watch it."""
        self._launch([self.draft], "watch")

    def action_start_background(self) -> None:
        """Start the run and stay here."""
        self._launch([self.draft], "background")

    def action_queue(self) -> None:
        """Let the run wait for its turn."""
        self._launch([self.draft], "queue")

    def _launch(self, drafts: list[Draft], how: How) -> None:
        settings = self.settings
        self._busy = True
        self.refresh_bindings()

        def work() -> None:
            self.post_message(HasLaunched(launch(drafts, settings, how), how))

        self.run_worker(work, thread=True, exit_on_error=False, group="launch")

    def on_has_launched(self, event: HasLaunched) -> None:
        """Say what became of it, and watch a run that is to be watched."""
        self._busy = False
        self.refresh_bindings()
        runs, problems = event.launched.runs, event.launched.problems
        for problem in problems:
            self.say(problem, error=True)
        self.console.started_here.update(run.id for run in runs)
        self.console.look_for_live_runs()
        if event.how == "watch" and runs and self.console.offers("live"):
            self.console.open("live", run=runs[0])
        elif runs:
            did = "Waits for its turn" if event.how == "queue" else "Started"
            self.say(f"{did}: {', '.join(run.id for run in runs)}")
        self._look()

    def say(self, words: str, *, error: bool = False) -> None:
        """A notice in the corner."""
        self.notify(plain(words, 500), severity="error" if error else "information", markup=False)
