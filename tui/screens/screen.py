"""What all screens of the console share: header, footer, and keys from the table of actions."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, cast

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widget import Widget

from vislab.tui.actions import ACTIONS, FIELD, Action, for_screen
from vislab.tui.allocator import give_back
from vislab.tui.screens.layer import Layer
from vislab.tui.widgets.header_line import HeaderLine
from vislab.tui.widgets.key_footer import KeyFooter
from vislab.tui.widgets.key_words import NAMES
from vislab.tui.widgets.lines import Lines

if TYPE_CHECKING:
    from vislab.tui.app import Console

_IDS = frozenset(action.id for action in ACTIONS)
_ALWAYS = frozenset(("leave", "palette", "help"))


def bindings(name: str) -> list[BindingType]:
    """Key bindings of a screen."""
    return [
        Binding(",".join(NAMES.get(key, key) for key in action.keys), action.id, action.label, show=False)
        for action in for_screen(name)
    ]


class ConsoleScreen(Layer[None]):
    """A screen with a header line, a body and a footer.

    A subclass sets NAME, composes its `body`, and has a method `action_<id>` for each of its rows in the table of
    actions. It overrides `possible` for actions that are not always possible, and calls `refresh_bindings()` when that
    has changed.
    """

    NAME: ClassVar[str]
    SIGNS: ClassVar[Sequence[tuple[str, str]]] = ()
    """Signs on the screen that no words there explain, and what they mean; safe text."""
    AUTO_FOCUS = None  # letters are keys, until a field is entered

    def __init_subclass__(cls, **words: Any) -> None:
        if "NAME" in cls.__dict__:
            cls.BINDINGS = bindings(cls.NAME)
        super().__init_subclass__(**words)

    @property
    def console(self) -> "Console":
        """The application, with its type."""
        return cast("Console", self.app)

    def body(self) -> ComposeResult:
        """What stands between header and footer."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """Header, body, footer."""
        yield HeaderLine()
        yield from self.body()
        yield KeyFooter()

    def on_mount(self) -> None:
        """Keep the footer true."""
        self.bindings_updated_signal.subscribe(self, lambda _: self.show_keys())
        self.console.theme_changed_signal.subscribe(self, lambda _: self.recolour())
        self.show_keys()

    def on_unmount(self) -> None:
        """Follow the colours no more: the subscription would keep the screen in memory."""
        self.console.theme_changed_signal.unsubscribe(self)

    def on_screen_suspend(self) -> None:
        """Let go what was painted, unless it is seen below a window: a thousand lines, each with caches of its own."""
        if isinstance(self.app.screen, ConsoleScreen):
            for widget in self.walk_children(Widget):
                widget._styles_cache.clear()
                if isinstance(widget, Lines):
                    widget.forget_lines()

    def recolour(self) -> None:
        """Show everything in the colours of another theme; a screen that colours lines itself shows them again."""
        for widget in self.query("*"):
            widget.refresh()

    def heading(self, left: str, right: Text | None = None) -> None:
        """Say in the top line where one is and how it goes; safe text."""
        self.query_one(HeaderLine).tell(left, right or Text())

    def warn(self, words: str) -> None:
        """Say for a while, beside what is shown, what the person should know; safe text."""
        self.notify(words, severity="warning", markup=False, timeout=12.0)

    def say(self, words: str) -> None:
        """Tell the person something; safe text."""
        self.notify(words, markup=False)

    def tell(self, words: str) -> None:
        """Say what became of something, in the corner where this screen was left or is covered by now; safe text."""
        if self.is_current:
            self.say(words)
        else:
            self.console.notify(words, markup=False)

    def act(self, work: Callable[[], None], group: str) -> None:
        """Do work beside the screen, in a thread. It goes on, and leaving waits for it, when the screen is closed.

        Args:
            group: one of `vislab.tui.beside.DOING`, which says what the work is.
        """

        def act() -> None:
            try:
                work()
            finally:
                give_back()

        self.console.run_worker(act, thread=True, exit_on_error=False, group=group)

    def possible(self, action: str) -> bool:
        """Whether one of this screen's own actions is possible now."""
        return True

    def why_not(self, action: str) -> str:
        """Why an action is not possible now, where its key should say so; safe text. The action says it."""
        return ""

    def takes_back(self, action: str) -> bool:
        """Whether one of this screen's own actions would take back now what it did."""
        return False

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether an action is possible now: keys, footer, palette and help leave out what is not."""
        if action not in _IDS:
            return super().check_action(action, parameters)
        if action in _ALWAYS:
            return True
        if action == "back":
            return self.in_field or self in self.console.screen_stack[1:]  # not once it was left
        if action == "open_live":
            return bool(self.console.live)
        if action == "hide_notices":
            return len(self.console._notifications) > 0
        if action.startswith("open_"):
            name = action.removeprefix("open_")
            return name != self.NAME and self.console.offers(name)
        return self.possible(action) or bool(self.why_not(action))

    def live_runs_changed(self) -> None:
        """Other runs live now than before: `console.live`."""

    @property
    def in_field(self) -> bool:
        """Whether a text field has the focus, so that letters are text."""
        return self.focused is not None and self.focused.check_consume_key("a", "a")

    def actions_told(self) -> tuple[Action, ...]:
        """The actions that are possible now, or say why they are not; in a text field those of the field."""
        if self.in_field:
            return for_screen(FIELD)
        possible = (action for action in for_screen(self.NAME) if self.check_action(action.id, ()))
        return tuple(
            replace(action, label=action.back) if action.back and self.takes_back(action.id) else action
            for action in possible
        )

    def actions_now(self) -> tuple[Action, ...]:
        """The actions that are possible now."""
        return tuple(action for action in self.actions_told() if not self.why_not(action.id))

    def show_keys(self) -> None:
        """Bring the footer up to date."""
        shown = [action for action in self.actions_now() if action.footer]
        shown.sort(key=lambda action: not (action.id == "back" and self.takes_back("back")))  # else of all the last
        for footer in self.query(KeyFooter):
            footer.offer(shown)

    def action_help(self) -> None:
        """Explain the keys."""
        from vislab.tui.screens.help import open_help, rows

        open_help(self.app, rows(self))

    def action_palette(self) -> None:
        """Open the command palette on what is possible now."""
        from vislab.tui.screens.palette import open_palette

        open_palette(self)

    def action_leave(self) -> None:
        """Leave the console."""
        self.console.action_leave()

    def action_back(self) -> None:
        """Leave a text field, else the screen."""
        if self.in_field:
            self.action_leave_field()
        else:
            self.console.pop_screen()

    def action_leave_field(self) -> None:
        """Take the focus from a text field."""
        self.set_focus(None)

    async def action_accept(self) -> None:
        """Take what is written in the field that has the focus."""
        from textual.widgets import Input

        if isinstance(self.focused, Input):
            await self.focused.action_submit()

    def action_hide_notices(self) -> None:
        """Take all notices away."""
        self.console.clear_notifications()

    def action_open_launch(self) -> None:
        """Go to the launch screen."""
        self.console.open("launch")

    def action_open_history(self) -> None:
        """Go to the list of runs."""
        self.console.open("history")

    def action_open_settings(self) -> None:
        """Go to the settings."""
        self.console.open("settings")

    def action_open_live(self) -> None:
        """Choose among the runs that train now."""
        self.console.choose_live_run()
