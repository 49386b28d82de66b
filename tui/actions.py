"""Everything that a key does in the console, in one table: key bindings, footer, palette and help come from it alone.

A screen does an action in its method `action_<id>` and says in `check_action` whether it is possible now.
"""

from dataclasses import dataclass

SCREENS = ("launch", "live", "history", "compare", "results", "settings")

FIELD = "field"
"""In place of a screen's name: what the keys do while a text field has the focus, where letters are text."""


@dataclass(frozen=True)
class Action:
    """One thing that a person can do.

    Attributes:
        id: name of the screen's method, without `action_`.
        keys: each a character, or one of esc, enter, space, tab, up, down, left, right; the first is the one shown,
            and one of them is on every keyboard: no sign that some have on a third level.
        label: a word or two for the footer.
        help: one sentence.
        screens: names of the screens that have it.
        footer: shown in the footer; else in palette and help only.
        back: in place of the label while the action would take back what it did; empty: it is called the same.
    """

    id: str
    keys: tuple[str, ...]
    label: str
    help: str
    screens: tuple[str, ...] = SCREENS
    footer: bool = True
    back: str = ""


_LAUNCH = ("launch",)
_LIVE = ("live",)
_SETTINGS = ("settings",)
_HISTORY = ("history",)
_COMPARE = ("compare",)
_RESULTS = ("results",)
_OF_RUNS = ("live", "history", "compare", "results")

ACTIONS: tuple[Action, ...] = (
    # launch
    Action("start", ("g",), "start", "Start the run, and watch it.", _LAUNCH),
    Action("start_background", ("b",), "in background", "Start the run, and stay here.", _LAUNCH),
    Action(
        "queue", ("a",), "queue", "Let the run wait until a device is free, after those that wait already.", _LAUNCH
    ),
    Action("save_preset", ("w",), "save…", "Save the selection as a recipe, a preset of your own.", _LAUNCH),
    Action("filter", ("/", "i"), "filter", "Find a data set, an architecture or a strategy by typing.", _LAUNCH),
    Action("recipe", ("r",), "recipe…", "Begin from a recipe, or queue all runs of a study.", _LAUNCH),
    Action("own", ("f",), "folder…", "A folder of images of your own; an architecture of your own.", _LAUNCH),
    Action("more", ("m",), "more…", "Every setting, with its help and where it came from.", _LAUNCH),
    Action("device", ("d",), "device", "Take the next device.", _LAUNCH),
    Action(
        "summary", ("s",), "what runs", "All that is known of what will run, with all warnings.", _LAUNCH, footer=False
    ),
    Action("name_run", ("n",), "name…", "Name the run.", _LAUNCH, footer=False),
    Action("reset", ("x",), "take back", "Take every changed setting back.", _LAUNCH, footer=False),
    Action(
        "look_again",
        ("R",),
        "look again",
        "Read settings, presets and data again: they may have changed.",
        _LAUNCH,
        footer=False,
    ),
    # live
    Action("pause", ("p",), "pause", "Pause after the present step, or go on.", _LIVE, back="go on"),
    Action("stop", ("s",), "stop…", "Stop the run with a checkpoint, after this step or after this epoch.", _LIVE),
    Action("checkpoint", ("c",), "save", "Save a checkpoint now.", _LIVE),
    Action("learning_rate", ("r",), "rate…", "Change the learning rate of the run.", _LIVE),
    Action("resume", ("u",), "resume", "Go on with this run, which ended early.", _LIVE),
    Action("next_run", ("n", "]"), "next run", "Go to the next live run.", _LIVE),
    Action("previous_run", ("b", "["), "run before", "Go to the live run before this one.", _LIVE, footer=False),
    Action("along", ("e",), "step/epoch", "Draw the training curve inside epochs, or a point an epoch.", _LIVE),
    Action("detach", ("d",), "detach", "Leave this view; a run that trains goes on.", _LIVE),
    Action("export", ("x",), "html", "Write the run as one HTML file.", _LIVE),
    Action("open_results", ("R",), "results", "Figures by class, confusions and mistakes of this run.", _LIVE),
    Action("findings", ("f",), "findings", "Show what the history means and what to do about it.", _LIVE, back="table"),
    Action("worker_log", ("o",), "log", "Show what the worker and its libraries wrote.", _LIVE, back="table"),
    Action("table", ("t",), "table", "Show the table of epochs.", _LIVE, footer=False),
    Action("log_axis", ("y",), "log axis", "Draw the loss on a logarithmic or on a linear axis.", _LIVE, footer=False),
    Action("smooth", ("m",), "smooth", "Smooth the curves, the raw ones dim behind them.", _LIVE, footer=False),
    Action(
        "zoom",
        ("z",),
        "zoom",
        "Show the epochs so far, all that are planned, or the last 100, 30, 10 or 3.",
        _LIVE,
        footer=False,
    ),
    Action("charts", ("v",), "charts", "Show loss and accuracy, or one of them larger.", _LIVE, footer=False),
    Action("words", ("w",), "words", "Say the curves in words.", _LIVE, footer=False),
    Action("back", ("esc",), "back", "Close findings or log; else go back to the screen before.", _LIVE, back="table"),
    # history
    Action(
        "show_run", ("enter",), "open", "Open the run: live while it trains, its results when it is done.", _HISTORY
    ),
    Action(
        "unqueue", ("x",), "take out", "Take the run or the marked ones out of the queue, after a question.", _HISTORY
    ),
    Action("mark", ("space", "m"), "mark", "Mark the run, for what is done to several.", _HISTORY),
    Action(
        "compare",
        ("=", "c"),
        "compare",
        "Compare the marked runs, two or more, those that the filter hides as well.",
        _HISTORY,
    ),
    Action("tag", ("t",), "tag", 'Change the tags; for several runs: "a, -b" adds a and removes b.', _HISTORY),
    Action(
        "delete",
        ("D",),
        "delete…",
        "Delete the run, or the marked ones that the filter shows, for good, after a question.",
        _HISTORY,
    ),
    Action("resume", ("u",), "resume", "Go on with a run that ended early.", _HISTORY),
    Action("again", ("n",), "again, but…", "Put a new run together from the settings of this one.", _HISTORY),
    Action("filter", ("/", "i"), "filter", "Show only some: words, status:done arch:deit val>0.9 age<7d.", _HISTORY),
    Action("sort", ("s",), "sort…", "Sort by any column, figure or setting: val, size, strategy.epochs.", _HISTORY),
    Action("rename", ("r",), "rename", "Give the run a name of your own.", _HISTORY, footer=False),
    Action("note", ("e",), "note", "Write a note on the run.", _HISTORY, footer=False),
    Action("compare_study", ("C",), "study…", "Compare all runs of a study.", _HISTORY, footer=False),
    Action("mark_all", ("a",), "mark all", "Mark all runs that are shown, or none.", _HISTORY, footer=False),
    Action("sort_next", ("right",), "next column", "Sort by the next column.", _HISTORY, footer=False),
    Action("sort_previous", ("left",), "column before", "Sort by the column before.", _HISTORY, footer=False),
    Action("reverse", ("v",), "reverse", "Turn the order round.", _HISTORY, footer=False),
    Action(
        "back",
        ("esc",),
        "back",
        "Take all marks away; without any, go back to the screen before.",
        _HISTORY,
        back="unmark",
    ),
    # compare
    Action("show_run", ("enter",), "open", "Open the run under the cursor.", _COMPARE),
    Action("per_class", ("c",), "classes", "Show F1 by class, or the runs again.", _COMPARE),
    Action("differences", ("v",), "differences", "Show all settings that differ, and figures without room.", _COMPARE),
    Action("report", ("x",), "export", "Write the comparison as Markdown, CSV or HTML.", _COMPARE),
    Action("notes", ("n",), "notes", "Scroll the notes below the table; from their end back to the first.", _COMPARE),
    Action("back", ("esc",), "back", "Go back to the runs, or to the screen before.", _COMPARE),
    Action("by_time", ("t",), "time/epoch", "Draw the curves by wall time, or by epoch.", _COMPARE),
    Action("quantity", ("l",), "loss/acc", "Draw the loss, or the accuracy.", _COMPARE),
    Action(
        "log_axis", ("y",), "log axis", "Draw the loss on a logarithmic or on a linear axis.", _COMPARE, footer=False
    ),
    Action(
        "zoom",
        ("z",),
        "zoom",
        "Show the epochs so far, all that are planned, or the last 100, 30, 10 or 3.",
        _COMPARE,
        footer=False,
    ),
    Action("words", ("w",), "words", "Say the curves in words.", _COMPARE, footer=False),
    # results
    Action("next_pictures", ("right",), "next", "The next pictures.", _RESULTS),
    Action("previous_pictures", ("left",), "before", "The pictures before.", _RESULTS),
    Action("only_wrong", ("o",), "mistakes/all", "Show pictures of mistakes only, or of all images.", _RESULTS),
    Action("classes", ("c",), "classes", "Precision, recall and F1 of each class.", _RESULTS),
    Action("matrix", ("m",), "matrix", "The confusion matrix, or the pairs that are confused most.", _RESULTS),
    Action("worst", ("w",), "worst", "The wrong answers that the model was surest of.", _RESULTS),
    Action("pictures", ("p",), "pictures", "The images with true and predicted names.", _RESULTS),
    Action("saliency", ("s",), "saliency", "Where the model looks, on mistakes and on right answers.", _RESULTS),
    Action("curves", ("v",), "curves", "Curves, epochs and log of the run.", _RESULTS),
    Action("training", ("a",), "training", "Training images as the model saw them: augmented, mixed.", _RESULTS),
    Action("evaluations", ("e",), "evaluations", "Evaluations of this run: at its end, and later ones.", _RESULTS),
    Action("export", ("x",), "html", "Write the run as one HTML file.", _RESULTS),
    # settings
    Action("theme", ("t",), "light/dark", "Light or dark background.", _SETTINGS),
    Action(
        "colours",
        ("p",),
        "colours",
        "Colours that colour-blind eyes tell apart, or the usual red and green.",
        _SETTINGS,
    ),
    Action("runs_folder", ("r",), "runs…", "The folder where runs are made, from the next start on.", _SETTINGS),
    Action("data_folder", ("d",), "data…", "The folder where data sets lie, from the next start on.", _SETTINGS),
    Action("cache_folder", ("c",), "cache…", "The folder where caches lie, from the next start on.", _SETTINGS),
    # of runs
    Action(
        "copy",
        ("Y",),
        "copy…",
        "Copy id, folder, figures or table to the clipboard and a file.",
        _OF_RUNS,
        footer=False,
    ),
    # everywhere
    Action("open_launch", ("L",), "launch", "Choose what to train.", footer=False),
    Action("open_live", ("V",), "live runs", "Choose among the runs that train now.", footer=False),
    Action("open_history", ("H",), "history", "All runs.", footer=False),
    Action("open_settings", ("S",), "settings", "Theme, colours and folders.", footer=False),
    Action("back", ("esc",), "back", "Go back to the screen before.", ("launch", "results", "settings")),
    Action("hide_notices", ("N",), "hide notices", "Take the notices away that stand above the keys.", footer=False),
    Action("leave", ("q",), "quit", "Leave the console; runs go on unless you choose otherwise."),
    Action("palette", (":", "F"), "find", "Find an action by its name."),
    Action("help", ("?", "h"), "help", "What the keys do here."),
    # in a text field
    Action("accept", ("enter",), "accept", "Take what is written in the field.", (FIELD,)),
    Action("leave_field", ("esc",), "leave the field", "Leave the field, so that letters are keys again.", (FIELD,)),
)


def for_screen(name: str) -> tuple[Action, ...]:
    """The actions of a screen (or of FIELD), in the order of footer and help: what matters most comes first."""
    return tuple(action for action in ACTIONS if name in action.screens)


SIGNS = {"enter": "↵", "up": "↑", "down": "↓", "left": "←", "right": "→", "pageup": "pgup", "pagedown": "pgdn"}


def key_sign(key: str) -> str:
    """How a key is written on the screen: `↵`, `esc`, `p`."""
    return SIGNS.get(key, key)
