"""The settings screen: background, colours, and the folders with where each came from; all can be changed."""

from typing import ClassVar

import msgspec
from rich.console import Console
from rich.text import Text
from textual.app import ComposeResult

from vislab.presets.errors import InputError
from vislab.presets.settings import BUDGETS, FOLDERS, PROJECT_FILE, VARIABLES
from vislab.presets.settings_file import overriding, set_folder, unset_folder
from vislab.tui.preferences import preferences_file
from vislab.tui.screens.screen import ConsoleScreen
from vislab.tui.views.text import plain, size
from vislab.tui.widgets.lines import ScrolledLines

_SAMPLES = ("primary", "success", "warning", "error")


class SettingsLines(ScrolledLines):
    """What is set."""

    DEFAULT_CSS = """
    SettingsLines { height: 1fr; padding: 1 2; }
    """

    def lines_at(self, width: int, height: int) -> list[Text]:
        """Looks, then folders."""
        screen = self.screen
        assert isinstance(screen, SettingsScreen)
        lines = screen.lines()
        return [part for line in lines for part in _wrapped(line, max(10, width - 1), self.app.console)]


class SettingsScreen(ConsoleScreen):
    """Change how the console looks, and where things lie."""

    NAME: ClassVar[str] = "settings"

    def __init__(self) -> None:
        """Nothing changed yet."""
        super().__init__()
        self._next: dict[str, str] = {}
        """What was written here for the next start, by the folder's name."""

    def body(self) -> ComposeResult:
        """Lines that scroll."""
        yield SettingsLines()

    def on_mount(self) -> None:
        """Show what is set."""
        self.heading("vislab · settings")
        self._lines.repaint()
        self._lines.focus()

    @property
    def _lines(self) -> SettingsLines:
        return self.query_one(SettingsLines)

    def lines(self) -> list[Text]:
        """What is set, a line each."""
        settings, preferences = self.console.settings, self.console.preferences
        colours = "told apart by colour-blind eyes" if preferences.colour_blind_safe else "the usual red and green"
        samples = Text("  ")
        for name in _SAMPLES:
            samples.append(f"● {name}  ", self.app.theme_variables[name])
        lines = [
            Text("Looks", "bold"),
            Text.assemble(("  t  ", "bold"), f"background  {preferences.background}"),
            Text.assemble(("  p  ", "bold"), f"colours     {colours}"),
            samples,
            Text(f"  kept in {plain(str(preferences_file(settings)))}", "dim"),
            Text(),
            Text("Folders and budgets", "bold"),
        ]
        for name, help in FOLDERS.items():
            origin = plain(settings.origins.get(name, ""))
            key = ("  " + name[0] + "  ", "bold")
            lines.append(Text.assemble(key, (name, "bold"), f"  {plain(str(getattr(settings, name)))}"))
            if name in self._next:
                lines.append(Text(f"      {plain(self._next[name], 600)}"))
            lines.append(Text(f"      {help}; from: {origin}", "dim"))
        for name, help in BUDGETS.items():
            amount = getattr(settings, name)
            told = "automatic" if amount is None else size(amount)
            lines.append(Text.assemble(("  " + name, "bold"), f"  {told}"))
            lines.append(Text(f"      {help}; from: {plain(settings.origins.get(name, 'built-in'))}", "dim"))
        lines += [
            Text.assemble(("  config_dir", "bold"), f"  {plain(str(settings.config_dir))}"),
            Text("      settings and presets of yours", "dim"),
            Text(),
            Text(
                f"  r d c write into {plain(str(settings.config_dir / 'config.toml'))}. Set them for one project in "
                f"its {PROJECT_FILE}, for one shell by {', '.join(VARIABLES.values())}, or for one command by "
                "--runs-dir.",
                "dim",
            ),
        ]
        return lines

    def _ask_for_folder(self, name: str) -> None:
        from vislab.tui.screens.path_prompt import PathPrompt

        def set_it(line: str) -> str:
            settings, written = self.console.settings, line.strip()
            try:
                folder = set_folder(settings, name, written) if written else unset_folder(settings, name)
            except InputError as error:
                return plain(str(error), 600)
            wins = overriding(settings, name)
            held = f", but {wins} says otherwise here and wins" if wins else ""
            default = "the default, " * (not written)
            self._next[name] = f"{default}{folder} from the next start of vislab on{held}"
            self._lines.repaint()
            return ""

        now = str(getattr(self.console.settings, name))
        question = (
            f"{name}: {FOLDERS[name]}. Nothing is moved; it holds from the next start of vislab on. Empty: the default."
        )
        self.app.push_screen(PathPrompt(question, plain(now, 4096), do=set_it, folders=True))

    def action_runs_folder(self) -> None:
        """Where runs are made."""
        self._ask_for_folder("runs_dir")

    def action_data_folder(self) -> None:
        """Where data sets lie."""
        self._ask_for_folder("data_dir")

    def action_cache_folder(self) -> None:
        """Where caches lie."""
        self._ask_for_folder("cache_dir")

    def action_theme(self) -> None:
        """Dark or light."""
        preferences = self.console.preferences
        other = "light" if preferences.background == "dark" else "dark"
        self.console.prefer(msgspec.structs.replace(preferences, background=other))
        self._lines.repaint()

    def action_colours(self) -> None:
        """Safe colours or usual ones."""
        preferences = self.console.preferences
        safe = not preferences.colour_blind_safe
        self.console.prefer(msgspec.structs.replace(preferences, colour_blind_safe=safe))
        self._lines.repaint()


def _wrapped(line: Text, width: int, console: Console) -> list[Text]:
    """A line as several, each as far from the left as the first."""
    if line.cell_len <= width:
        return [line]
    indent = len(line.plain) - len(line.plain.lstrip())
    return [Text(" " * indent) + part for part in line[indent:].wrap(console, width - indent)]
