"""The console: a Textual application that watches runs and starts them, and trains nothing itself."""

import asyncio
import importlib
import importlib.util
import time
import traceback
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Self

from rich.console import RenderableType
from rich.text import Text
from textual.app import App
from textual.binding import Binding, BindingType
from textual.color import Color
from textual.events import Event, Key, Paste
from textual.filter import Monochrome
from textual.notifications import Notification, Notify, SeverityLevel
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets._toast import ToastHolder, ToastRack

from vislab.engine.runs import detaching, store
from vislab.engine.runs.ask import Asker
from vislab.engine.runs.store import Run
from vislab.presets.errors import InputError
from vislab.presets.settings import Settings
from vislab.tui import garbage
from vislab.tui.beside import acting, waiting_for
from vislab.tui.endings import Awaited, Ending, told_together
from vislab.tui.key_order import KeyOrder
from vislab.tui.leaving import Leaving
from vislab.tui.living import is_own, is_paused
from vislab.tui.preferences import Preferences, load_preferences, save_preferences
from vislab.tui.screens.leave_question import LeaveQuestion
from vislab.tui.screens.screen import ConsoleScreen
from vislab.tui.terminal_driver import TerminalDriver
from vislab.tui.views import text
from vislab.tui.widgets.no_colour import NoColour
from vislab.tui.widgets.sixteen_colours import SixteenColours
from vislab.tui.widgets.themes import THEMES, theme_name

if TYPE_CHECKING:
    from vislab.tui.screens.live_runs import LiveRuns

LOOK_EVERY, LATE, SHARE = 2.0, 30.0, 0.0025
"""Seconds between two looks for live runs, at least and at most; within these, the share of a core that they take."""


class Console(App[int]):
    """The application. Screens are opened by name, so that each is imported only when it is needed.

    Attributes:
        settings: folders.
        live: runs whose worker lives, newest first; `looked` once they were looked up, which is done every few seconds.
        paused: ids of those of them that wait until somebody lets them go on.
        started_here: ids of runs that were started from this console, see `has_started`.
        followed, stopped: runs that were started from this console or watched in it; that it has asked to stop; by id.
        detached_ends: what would end the runs that were started here although they are detached; mostly empty.
        kept: what a screen begins with when it is opened again, by its name.
        preferences: theme and colours.
        asker: answers what needs torch or a walk through data, by one resident process.
        key_order: gives keys on.
        leavings: what screens leave, which is collected while nobody types.
    """

    TITLE = "vislab"
    CSS_PATH = "vislab.tcss"
    ENABLE_COMMAND_PALETTE = False
    ALLOW_SELECT = False  # Textual's ends the console where the mouse meets a part that has just gone; `Y` copies
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c,ctrl+q", "leave", show=False, priority=True, system=True),
        Binding("ctrl+z", "suspend_process", show=False, system=True),
    ]

    def __init__(
        self,
        settings: Settings,
        *,
        first: Callable[["Console"], ConsoleScreen] | None = None,
        leaving: Leaving | None = None,
    ) -> None:
        """The console over a runs folder.

        Args:
            first: makes the first screen; None: the launch screen, and an offer of live runs over it.
            leaving: sees to it that the end comes.
        """
        super().__init__(driver_class=TerminalDriver)
        self.settings = settings
        self.live: tuple[Run, ...] = ()
        self.paused: frozenset[str] = frozenset()
        self.started_here: set[str] = set()
        self.followed: dict[str, Run] = {}
        self.stopped: dict[str, Run] = {}
        self.kept: dict[str, Any] = {}
        self.asker = Asker()
        self._awaited = Awaited()
        self._endings_told: tuple[Notification | None, list[Ending]] = None, []
        self._first = first
        self._leaving = leaving
        self.looked = False
        self._timer: Timer | None = None
        self._next_look = 0.0
        self._ending: asyncio.Task[None] | None = None
        self._offer: LiveRuns | None = None  # the window, while it is open
        self.detached_ends = ""
        self.key_order = KeyOrder(self, super().on_event)
        self.leavings = garbage.Leavings(garbage.later, lambda: self.key_order.quiet)
        self.preferences, self._trouble = load_preferences(settings)
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = theme_name(self.preferences)
        self.animation_level = "none"  # every step of it is sent, and over a slow link arrives long after the key
        if self.no_color:  # Textual's own filter paints shades of grey, on a background of its own
            others = [one for one in self._filters if not isinstance(one, Monochrome)]
            self._filters = [NoColour(lambda: Color.parse(self.current_theme.background or "black")), *others]
        elif self.console.color_system == "standard":
            self._filters.append(SixteenColours())

    def get_default_screen(self) -> ConsoleScreen:
        """The first screen: nothing lies under it."""
        screen = self._first(self) if self._first is not None else screen_class("launch")()
        screen._push_result_callback(self, None)  # as for screens that are pushed: else it could not be replaced
        return screen

    def on_mount(self) -> None:
        """Begin to look for live runs."""
        self.app_resume_signal.subscribe(self, lambda _: self.screen.refresh())  # back from Ctrl+Z
        self.look_for_live_runs()
        for trouble in (*self.settings.problems, self._trouble):
            if trouble:
                self.notify(text.plain(trouble, 400), severity="warning", markup=False, timeout=15)

    def prefer(self, preferences: Preferences) -> None:
        """Take other preferences, now and for the next time."""
        self.preferences = preferences
        self.theme = theme_name(preferences)
        try:
            told = save_preferences(preferences, self.settings)
        except InputError as error:
            told = f"The choice holds until the console is left: {error}"
        if told:
            self.notify(text.plain(told, 400), severity="warning", markup=False)

    @property
    def at_home(self) -> bool:
        """Whether the first screen is on top, so that there is no way back from here."""
        return len(self.screen_stack) <= 1

    @property
    def _background_screens(self) -> list[Screen[Any]]:
        # Textual's list holds the screen below even where the one on top hides it, and repaints what changes there.
        return super()._background_screens if self.screen.styles.background.a < 1 else []

    def refresh(self, *, repaint: bool = True, layout: bool = False, recompose: bool = False) -> Self:
        """Paint the screen anew, unless it lays itself out: Textual asks for both whenever a screen comes or goes."""
        return self if layout else super().refresh(repaint=repaint, recompose=recompose)

    async def on_event(self, event: Event) -> None:
        """Give keys and pasted text on in their order; everything else at once."""
        if isinstance(event, Key | Paste) and not event.is_forwarded:
            await self.key_order.take(event)
        else:
            await super().on_event(event)

    @property
    def idle(self) -> float:
        """Seconds since a key was pressed; 0.0 while a screen lies over the first one."""
        return self.key_order.quiet if self.at_home else 0.0

    def on_unmount(self) -> None:
        """End what was started for this console."""
        self.key_order.close()
        self.asker.close()

    def offers(self, name: str) -> bool:
        """Whether there is such a screen."""
        return importlib.util.find_spec(_module(name)) is not None

    def open(self, name: str, **arguments: Any) -> None:
        """Go to a screen. One of that name that is open already is gone back to, or replaced when arguments are given.

        Args:
            name: launch, live, history, compare, results or settings.
            arguments: what the screen's class takes.

        A run that cannot be read is told of, and nothing is opened.
        """
        opened = [screen for screen in self.screen_stack if isinstance(screen, ConsoleScreen)]
        same = next((screen for screen in opened if name == screen.NAME), None)
        made = None
        if arguments or same is None:
            try:
                made = screen_class(name)(**arguments)
            except InputError as error:
                self.notify(text.plain(str(error), 1000), severity="error", markup=False)
                return
        if same is None:
            assert made is not None
            self.push_screen(made)
            return
        while self.screen is not same:
            self.pop_screen()
        if made is not None:
            self.switch_screen(made)

    def _refresh_notifications(self) -> None:
        """Textual's, but what held a notice goes with it, on all screens: its rows would stay."""
        wanted = {ToastRack._toast_id(notification) for notification in self._notifications}
        for holder in [holder for screen in self.screen_stack for holder in screen.query(ToastHolder)]:
            if holder.id not in wanted:
                holder.remove()
        super()._refresh_notifications()

    def look_for_live_runs(self) -> None:
        """Ask at once, beside the screen, which runs live."""
        self._next_look = 0.0
        self._look()

    def _look(self) -> None:
        self.run_worker(self._find_live_runs, thread=True, exit_on_error=False, group="live runs", exclusive=True)

    def _find_live_runs(self) -> None:
        ended = self._awaited.ended()
        if ended or time.monotonic() >= self._next_look:
            begun = time.thread_time()
            found = self._live_now()
            paused = frozenset(run.id for run in found if is_paused(run))
            self._next_look = time.monotonic() + min((time.thread_time() - begun) / SHARE, LATE)
            self.call_later(self._know_live_runs, found, paused)
        if ended:
            self.call_later(self._tell, ended)
        self.call_later(self._look_again_later)

    def _look_again_later(self) -> None:
        if self._timer is not None:  # of a look that was asked for meanwhile
            self._timer.stop()
        self._timer = self.set_timer(LOOK_EVERY, self._look)

    def _tell(self, ended: Iterable[Ending]) -> None:
        """Say how runs ended that nobody watches now, in one notice with those that one on the screen tells already."""
        seen = {getattr(screen, "watched", None) for screen in (self.screen, *self._background_screens)}
        ids = {run.id for run in seen if run is not None}
        news = [ending for ending in ended if ending.run.id not in ids]
        if not news:
            return
        notice, before = self._endings_told
        if notice is not None and notice in self._notifications and not notice.has_expired:
            self._unnotify(notice)
            news = [*before, *news]
        failed = any(ending.failed for ending in news)
        severity: SeverityLevel = "error" if failed else "information"
        notice = Notification(told_together(news), severity=severity, timeout=30 if failed else 10, markup=False)
        self._endings_told = notice, news
        self.post_message(Notify(notice))

    def _live_now(self) -> tuple[Run, ...]:
        try:
            folder = self.settings.runs_dir
            return tuple(run for name in store.ids(folder) if (run := Run(folder / name)).worker())
        except (InputError, OSError):  # the folder cannot be read now, as History says: nothing new is known
            return self.live

    def _know_live_runs(self, found: tuple[Run, ...], paused: frozenset[str]) -> None:
        changed = ([run.id for run in found], paused) != ([run.id for run in self.live], self.paused)
        self.live, self.paused = found, paused
        if changed:
            self.screen.refresh_bindings()
            for screen in self.screen_stack:
                if isinstance(screen, ConsoleScreen):
                    screen.live_runs_changed()
            if self._offer is not None and self._offer.is_active:
                self._offer.live_runs_changed(found)
        if self._offer not in self.screen_stack:
            self._offer = None
        if not self.looked:
            self.looked = True
            if found and self._first is None and self.at_home:
                self._offer_live_runs()

    def _offer_live_runs(self) -> None:
        """Offer the runs that the console finds when it starts; who types already is told of them only."""
        if self.key_order.last or (isinstance(self.screen, ConsoleScreen) and self.screen.in_field):
            doing = text.activity(len(self.live) - len(self.paused), len(self.paused))
            it = "it" if len(self.live) == 1 else "one"
            self.notify(f"{doing} now: V watches {it}", markup=False, timeout=10)
        else:
            self.choose_live_run()

    def has_started(self, runs: Iterable[Run]) -> None:
        """Runs were started from this console: it tells how they end, and at the first what would end it unasked."""
        first = not self.started_here
        runs = tuple(runs)
        self.started_here.update(run.id for run in runs)
        self.follow(runs)
        self._awaited.add(runs)
        if first and self.started_here:
            self.run_worker(self._look_around, thread=True, exit_on_error=False, group="look around")

    def follow(self, runs: Iterable[Run]) -> None:
        """The person cares for these runs: who leaves while they train is asked what becomes of them."""
        self.followed.update((run.id, run) for run in runs)

    def _look_around(self) -> None:
        self.detached_ends = detaching.here().warning
        if self.detached_ends:
            self.call_later(self._warn, text.plain(self.detached_ends, 400))

    def _warn(self, words: str) -> None:
        screen = next(screen for screen in reversed(self.screen_stack) if isinstance(screen, ConsoleScreen))
        screen.call_after_refresh(screen.warn, words)

    def exit(self, result: int | None = None, return_code: int = 0, message: RenderableType | None = None) -> None:
        """End the console, once what is being written or started is done; who asks again does not wait.

        A signal does not wait longer than `Leaving` allows.
        """
        signalled = self._leaving is not None and self._leaving.code is not None
        going = acting(self.workers)
        if going and self._ending is None:
            if not signalled:
                self.notify(waiting_for(going), severity="warning", markup=False, timeout=3600)
            self._ending = asyncio.create_task(self._exit_after(result, return_code, message))
        elif self._ending is None or not signalled:
            self._exit_now(result, return_code, message)

    async def _exit_after(self, result: int | None, return_code: int, message: RenderableType | None) -> None:
        while going := acting(self.workers):
            await asyncio.gather(*(worker.wait() for worker in going), return_exceptions=True)
        self._exit_now(result, return_code, message)

    def _exit_now(self, result: int | None, return_code: int, message: RenderableType | None) -> None:
        if self._leaving is not None:
            self._leaving.watch(return_code)
        super().exit(result, return_code, message)

    def _handle_exception(self, error: Exception) -> None:
        # Keys pressed before the end find screens gone; screens opened then get no widgets. No reason for a traceback.
        # Before it runs it has no driver yet.
        if (self._running or self._driver is None) and not self._exit:
            super()._handle_exception(error)

    def _fatal_error(self) -> None:
        # In place of Textual's page of all local variables, which takes seconds and may hold anything.
        lines = [text.plain(line, 400) for line in traceback.format_exc().splitlines()]
        begin = "The console met an error of its own. Runs go on without it: vislab attach"
        if self._leaving is not None:
            self._leaving.watch(1)
        self.panic(Text("\n".join([*lines, "", begin])))

    def choose_live_run(self) -> None:
        """Offer the live runs; one that is chosen is opened."""
        from vislab.tui.screens.live_runs import LiveRuns

        def chosen(run: Run | None) -> None:
            if run is not None:
                self.open("live", run=run)

        self._offer = LiveRuns(self.live)
        self.push_screen(self._offer, chosen)

    def action_leave(self) -> None:
        """End the console. Asks what becomes of this user's runs that train here; asked again, they go on."""
        if self._ending is not None:
            self.exit()
            return
        known = {run.id: run for run in (self.live if self.looked else self._live_now())} | self.followed
        own = [run for run in known.values() if run.worker() and (run.id in self.followed or is_own(run))]
        if not own or isinstance(self.screen, LeaveQuestion):
            self.exit()
        else:
            from vislab.engine.runs.queue import queued

            question = LeaveQuestion(own, waiting=len(queued(self.settings.runs_dir)))
            self.push_screen(question, lambda answer: self._leave(answer or "", own))

    def _leave(self, answer: str, runs: list[Run]) -> None:
        if answer == "stop":
            from vislab.tui.headless import ask_to_stop

            for run in runs:
                try:
                    ask_to_stop(run)
                except InputError as error:  # its disk is full, or it is another user's, and was watched here
                    self.notify(text.plain(str(error), 1000), severity="error", markup=False, timeout=30)
                    return
                self.stopped[run.id] = self.followed.pop(run.id, run)
        if answer:
            self.exit()


def screen_class(name: str) -> type[ConsoleScreen]:
    """The class of a screen, imported now."""
    found: type[ConsoleScreen] = getattr(importlib.import_module(_module(name)), f"{name.title()}Screen")
    return found


def _module(name: str) -> str:
    return f"vislab.tui.screens.{name}"
