"""The launch screen: choose data set, architecture and strategy, see what will run, start it."""

from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.timer import Timer

from vislab.engine.runs.ask import Answer
from vislab.engine.runs.batch_size import settled_spec
from vislab.engine.runs.store import Run
from vislab.presets.errors import InputError
from vislab.presets.settings import read_again
from vislab.tui.actions import ACTIONS
from vislab.tui.advice import warnings
from vislab.tui.draft import FIRST, Draft, Resolved, Section, like_run, resolve
from vislab.tui.inquiry import Inquiry
from vislab.tui.screens.launch_fields import LaunchFields
from vislab.tui.screens.launch_messages import Answered, LookedAround
from vislab.tui.views import text
from vislab.tui.views.selection import with_own
from vislab.tui.views.text import plain
from vislab.tui.widgets.device_line import DeviceLine
from vislab.tui.widgets.field import Field
from vislab.tui.widgets.field_row import FieldRow
from vislab.tui.widgets.hint_line import HintLine
from vislab.tui.widgets.parts import OWN, OWN_QUESTIONS, Parts
from vislab.tui.widgets.picker import Picker
from vislab.tui.widgets.recipe_line import RecipeLine
from vislab.tui.widgets.selection_panel import SelectionPanel

if TYPE_CHECKING:
    from vislab.engine.runs.used import UsedDevices
    from vislab.tui.screens.launching import Looked
    from vislab.tui.screens.selection_window import SelectionWindow

LOOK_EVERY = 5.0  # seconds between two looks at devices and queue
_SOON, _LATER = 0.04, 0.25  # seconds of no change after which the selection is resolved, and jobs are asked

_AGAIN = next(action.keys[0] for action in ACTIONS if action.id == "look_again")


class LaunchScreen(LaunchFields):
    """Put a run together and start it."""

    NAME: ClassVar[str] = "launch"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (160, "-wide")]  # noqa: RUF012  (Textual types it as an instance's)
    DEFAULT_CSS = """
    LaunchScreen.-wide SelectionPanel { max-height: 16; }  /* warnings take a line each there */
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
        self._resolving: Timer | None = None
        self._asking: Timer | None = None
        self._looking: Timer | None = None
        self._looked: Looked | None = None
        self._window: SelectionWindow | None = None  # with all that is to be said, while it is open

    def body(self) -> ComposeResult:
        """Recipe, pickers, summary, fields, device, a line of help."""
        yield RecipeLine(self._like)
        yield Parts()
        yield SelectionPanel()
        yield FieldRow()
        yield DeviceLine()
        yield HintLine()

    def on_mount(self) -> None:
        """Paint first; then fill the pickers, and look around beside the screen."""
        self.inquiry = Inquiry(self.console.asker, self.settings, self._tell)
        self.parts.picker("dataset").choices.focus()
        self.call_after_refresh(self._begin)

    def _begin(self) -> None:
        if self._like is not None:
            try:
                self.draft = like_run(settled_spec(self._like))
            except (InputError, OSError) as error:
                self.say(str(error), error=True)
        self.parts.load_presets(self.settings)
        self._resolve()
        self.call_after_refresh(self._load_timm)
        self.look()

    @cached_property
    def _used(self) -> "UsedDevices":
        from vislab.engine.runs.used import UsedDevices  # it imports what asks the devices

        return UsedDevices()

    def _tell(self, answer: Answer) -> None:
        self.post_message(Answered(answer))

    @property
    def parts(self) -> Parts:
        """The pickers."""
        return self.query_one(Parts)

    def _load_timm(self) -> None:
        self.parts.load_timm()
        self._follow()

    def _follow(self) -> None:
        self.parts.follow(self.draft, self.resolved.spec, self.console.kept.get(self.NAME, ()))

    # What is chosen

    def change(self, draft: Draft) -> None:
        """Take another selection; it is resolved a moment later, so that a key that is held costs nothing."""
        if draft != self.draft:
            self.draft = draft
            if self._resolving is not None:
                self._resolving.stop()
            self._resolving = self.set_timer(_SOON, self._resolve)

    def settle(self) -> None:
        """Put the selection together at once, where that was to be done a moment later or files may be mended."""
        if self.settings.problems:
            self.action_look_again()
        elif self._resolving is not None:
            self._resolve()

    def _resolve(self) -> None:
        if self._resolving is not None:
            self._resolving.stop()
            self._resolving = None
        self.resolved = resolve(self.draft, self.settings)
        if self.resolved.spec is not None:
            self.inquiry.follow(self.resolved.spec)
            if self._asking is not None:
                self._asking.stop()
            self._asking = self.set_timer(_LATER, self._ask)
        self._follow()
        self.query_one(RecipeLine).follow(self.draft, self.settings)
        self._show()
        if not self.in_field:
            self.hint()

    @property
    def obstacles(self) -> tuple[str, ...]:
        """What stands in the way of a run, one sentence each: in the settings; else, once counted, in the images."""
        wrong = self.inquiry.facts.data_obstacle
        return self.resolved.problems or ((f"{text.message(wrong, 380)}; {_AGAIN} looks again",) if wrong else ())

    def _show(self) -> None:
        """Show the selection and what is known of it."""
        spec, facts = self.resolved.spec, self.inquiry.facts
        runs_folder = self._looked.runs_folder if self._looked is not None else ""
        advice = [] if spec is None else warnings(spec, facts, self.inquiry.weights, runs_folder)
        self.query_one(SelectionPanel).follow(spec, facts, self.obstacles, advice)
        if self._window not in self.app.screen_stack:
            self._window = None
        if self._window is not None:
            self._window.panel.device = self.query_one(DeviceLine).whole
            self._window.panel.follow(spec, facts, self.obstacles, advice)
        self.query_one(FieldRow).follow(self.draft, spec)
        self.refresh_bindings()

    # What is asked

    def _ask(self) -> None:
        if self.inquiry.ask(model=not self.resolved.problems):
            self._show()
        self.look()

    def on_answered(self, event: Answered) -> None:
        """Show what a job found, when it is still about what is chosen."""
        before = self.inquiry.train_images
        if self.inquiry.take(event.answer):
            self._show()
            if self.inquiry.train_images != before:
                self.look()

    def look(self) -> None:
        """Look at devices, queue, earlier runs and the weights' hub, beside the screen; again after a while."""
        self.inquiry.look_at_hub()
        spec, settings, train = self.resolved.spec, self.settings, self.inquiry.train_images
        live = self.console.live

        def work() -> None:
            from vislab.tui.screens.launching import look_around  # it imports what asks the devices

            self.post_message(LookedAround(look_around(spec, settings, train, live, self._used)))

        self.run_worker(work, thread=True, exit_on_error=False, group="look", exclusive=True)

    def on_looked_around(self, event: LookedAround) -> None:
        """Show what has changed."""
        looked = event.looked
        changed = self.query_one(DeviceLine).tell(looked)
        changed |= looked.runs_folder != (self._looked.runs_folder if self._looked is not None else "")
        if looked.spec == self.resolved.spec:
            changed |= self.inquiry.has_seen(looked.chosen, looked.users)
            changed |= looked.searched and self.inquiry.measured(looked.seconds_per_epoch)
        self._looked = looked
        if changed:
            self._show()
        self._head()
        if self._looking is not None:
            self._looking.stop()
        self._looking = self.set_timer(LOOK_EVERY, self._look_again_later)

    def _look_again_later(self) -> None:
        if self.is_current:
            self.look()

    def on_screen_resume(self) -> None:
        """Look around when one comes back."""
        if self._looked is not None:
            self.look()

    def live_runs_changed(self) -> None:
        """See who is on the device now."""
        self._head()
        if self.is_current and self.resolved.spec is not None:
            self.look()

    def _head(self) -> None:
        """Say in the top line how many runs train, are paused and wait."""
        queued = self._looked.queued if self._looked is not None else 0
        paused = len(self.console.paused)
        self.heading("vislab", Text(text.activity(len(self.console.live) - paused, paused, queued)))

    # Messages of the widgets

    def on_parts_chosen(self, event: Parts.Chosen) -> None:
        """Choose what a cursor stands on."""
        section, value, base = event.section, event.value, self.resolved.spec
        as_before = self.draft.based and base is not None and value == getattr(base, section).name
        if value != OWN and not (as_before and not getattr(self.draft, section)):
            self._choose(section, value)
        self.hint()

    def _choose(self, section: Section, value: str) -> None:
        now = getattr(self.resolved.spec, section).name if self.resolved.spec is not None else ""
        self.change(self.draft.choose(section, value, now=now))

    def on_parts_own(self, event: Parts.Own) -> None:
        """Ask for something of one's own, once."""
        if self.is_current:  # else a second click has come before the window
            self.action_own()

    # Actions

    def action_filter(self) -> None:
        """Find in the picker that has the focus, or in the architectures."""
        self.parts.picker(self.parts.focused or "architecture").open_filter()

    def action_leave_field(self) -> None:
        """Leave a filter or a field for what it belongs to."""
        owner = self.focused.parent if self.focused is not None else None
        if isinstance(owner, Picker):
            owner.close_filter()
        elif isinstance(owner, Field):
            owner.leave()
            self.hint()

    def action_own(self) -> None:
        """Ask for a folder, or for a file with an architecture where the architectures have the focus."""
        from vislab.tui.screens.path_prompt import PathPrompt

        section: Section = "architecture" if self.parts.focused == "architecture" else "dataset"
        current = getattr(self.draft, section)
        value = current if any(sign in current for sign in "/.:~") else ""

        def problem(line: str) -> str:
            return "" if line.strip() else "write one, or leave with esc"

        def answered(path: str | None) -> None:
            self.parts.picker(section).choices.go_back()
            self.hint()
            if path is not None:
                if section == "dataset":
                    self.console.kept[self.NAME] = with_own(self.console.kept.get(self.NAME, ()), path.strip())
                self._choose(section, path.strip())

        self.app.push_screen(PathPrompt(OWN_QUESTIONS[section], value, problem), answered)

    def action_recipe(self) -> None:
        """Choose a recipe or a study."""
        from vislab.tui.screens.recipes import Recipes

        self.app.push_screen(Recipes(self.settings, self.draft.recipe), self._take_recipe)

    def _take_recipe(self, choice: tuple[str, tuple[str, ...]] | None) -> None:
        if choice is None:
            return
        name, recipes = choice
        if recipes:
            self._ask_about_study(name, recipes)
        elif name:
            self.change(self._with_images(name))
        elif self.draft.based:  # else there is none already: what was changed stays
            self.change(FIRST)

    def _ask_about_study(self, name: str, recipes: tuple[str, ...]) -> None:
        from vislab.tui.screens.study_question import study_question

        drafts = [self._with_images(recipe) for recipe in recipes]
        question = study_question(drafts, self.settings, self.inquiry.known_of)
        self.app.push_screen(question, lambda answer: self.launch(drafts, "queue", name) if answer else None)

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

    def action_summary(self) -> None:
        """Show all that is to be said of what will run."""
        from vislab.tui.screens.selection_window import SelectionWindow

        self._window = SelectionWindow()
        self.app.push_screen(self._window)
        self._show()

    def action_device(self) -> None:
        """Take the next device."""
        from vislab.tui.screens.launching import next_device

        devices = self._looked.devices if self._looked is not None else ()
        spec = self.resolved.spec
        now = self.draft.changed("device") or (spec.device if spec is not None else "auto")
        self.change(self.draft.with_value("device", next_device(devices, now)))

    def action_name_run(self) -> None:
        """Name the run."""
        from vislab.tui.screens.dialog import Prompt

        def answered(name: str | None) -> None:
            if name is not None:
                self.change(self.draft.named(name))

        self.app.push_screen(Prompt("What is the run called?", self.draft.name), answered)

    def action_save_preset(self) -> None:
        """Keep the selection as a recipe, or say why it cannot be one."""
        if self.refuses("save_preset"):
            return
        from vislab.presets.authoring import name_trouble
        from vislab.tui.screens.dialog import Prompt

        def problem(line: str) -> str:
            return plain(name_trouble(line.strip())) if line.strip() else ""

        question = "Name of the new recipe: letters, digits, dots, dashes and underscores"
        self.app.push_screen(Prompt(question, "", problem, self._save))

    def _save(self, name: str) -> str:
        """Save; returns why not, empty where it is done."""
        from vislab.tui.draft import save_as_recipe
        from vislab.tui.screens.dialog import NO_NAME

        name = name.strip()
        if not name:
            return NO_NAME
        try:
            file = save_as_recipe(self.draft, name, self.settings)
        except (InputError, OSError) as error:
            return plain(str(error), 500)
        self.say(f"Saved as recipe {name}: {file}")
        return ""

    def action_reset(self) -> None:
        """Take all changed settings back."""
        self.change(self.draft.taken_back())

    def action_look_again(self) -> None:
        """Forget what was read and counted, and read and count again."""
        try:
            self.console.settings = read_again(self.settings)
        except InputError as error:
            self.say(str(error), error=True)
        self.inquiry.forget()
        self.parts.load_presets(self.settings)
        self.parts.load_timm()
        self._resolve()
