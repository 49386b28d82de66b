"""A study: its runs planned, made, and followed one after another."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vislab.engine.runs import queue, store, studies
from vislab.engine.runs.store import Run
from vislab.engine.trackers.tracker import check as check_tracker
from vislab.engine.trackers.tracker import targets
from vislab.presets.errors import InputError
from vislab.presets.layers import ResolveError, absolute, exists
from vislab.presets.library import resolve, show
from vislab.presets.schema.spec import Spec
from vislab.presets.settings import Settings
from vislab.tui import headless
from vislab.tui.commands.run import own_files
from vislab.tui.living import is_alive
from vislab.tui.views.text import plain

STOPPED = (headless.INTERRUPTED, headless.TERMINATED, headless.HUNG_UP)
"""Exit codes of a run after which a study does not go on to the next."""

MOST = 1000
"""Seeds or folds that are plausible; more is a mistake in the command."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a study is asked to do.

    Attributes:
        dataset, data, sets: for all its runs, as for `vislab run`.
        seeds: runs of each recipe with seeds one apart.
        folds: folds of a cross-validation, each validated once; 0: the recipe's own split.
    """

    dataset: str = ""
    data: str = ""
    sets: tuple[str, ...] = ()
    seeds: int = 1
    folds: int = 0

    def command(self, name: str) -> tuple[str, ...]:
        """The words that ask for the same of a study, from any folder."""
        words = ["vislab", "study", name]
        # A path means the same from everywhere; a name is no path, and files of code are looked for as they are named.
        path = absolute(self.dataset, Path.cwd())
        dataset = path if "/" in self.dataset and exists(path) else self.dataset
        data = absolute(self.data, Path.cwd()) if self.data else ""
        for option, value in (("--dataset", dataset), ("--data", data)):
            words += [option, value] if value else []
        for text in self.sets:
            words += ["--set", text]
        words += ["--seeds", str(self.seeds)] if self.seeds > 1 else []
        words += ["--folds", str(self.folds)] if self.folds else []
        # A command line's bytes that are not UTF-8 are surrogates, which no file can hold.
        return tuple(word.encode(errors="replace").decode() for word in words)


@dataclass(frozen=True)
class Planned:
    """One run of a study, made or not."""

    spec: Spec
    run: Run

    @property
    def exists(self) -> bool:
        """Whether it was made."""
        return (self.run.path / "spec.toml").is_file()

    @property
    def words(self) -> str:
        """What it is called while it goes: `study-b-cnn, seed 1, fold 2`; safe text."""
        fold = f", fold {self.spec.strategy.fold} of {self.spec.strategy.folds}" if self.spec.strategy.folds else ""
        return f"{plain(self.spec.name, 60)}, seed {self.spec.seed}{fold}"


def study(name: str, settings: Settings) -> tuple[str, tuple[str, ...]]:
    """The question of a study preset, and its recipes.

    Raises:
        InputError: there is no such study, it is wrong, or it has no recipes.
    """
    info, _ = show(name, "studies", settings)
    recipes = tuple(info.facts.get("recipes", ()))
    if not recipes:
        raise InputError(f'study {name} has no recipes ({info.origin}): recipes = ["…", "…"]')
    return str(info.facts.get("question", "") or info.help), recipes


def plan(recipes: Sequence[str], asked: Asked, settings: Settings) -> list[Planned]:
    """The runs of a study: each recipe with each seed on each fold, recipe by recipe.

    All recipes have the same seeds, and with them the same division of the same data.

    Raises:
        ResolveError: whatever is wrong with any of them, each told once with the recipes that it concerns.
        InputError: no plausible number of seeds or folds.
    """
    planned: list[Planned] = []
    problems: dict[str, list[str]] = {}
    for recipe in recipes:

        def resolved(sets: Sequence[str], recipe: str = recipe) -> Spec:
            return resolve(recipe=recipe, dataset=asked.dataset, data=asked.data, sets=sets, settings=settings)

        try:
            planned += repeats(resolved, asked, settings)
        except ResolveError as error:
            for problem in error.problems:
                problems.setdefault(problem.replace(f"recipe {recipe} needs", "this study needs"), []).append(recipe)
    if problems:
        every = len(set(recipes))
        raise ResolveError(
            [problem if len(of) == every else f"{', '.join(of)}: {problem}" for problem, of in problems.items()]
        )
    return planned


def repeats(resolved: Callable[[Sequence[str]], Spec], asked: Asked, settings: Settings) -> list[Planned]:
    """The runs of one spec: with each seed on each fold.

    Args:
        resolved: makes the spec with `KEY=VALUE` words.

    Raises:
        InputError: no plausible number of seeds or folds, or whatever is wrong with the spec.
    """
    if not 1 <= asked.seeds <= MOST or (asked.folds and not 2 <= asked.folds <= MOST):
        raise InputError(f"--seeds goes from 1, --folds from 2, both to {MOST}.")

    def spec(*more: str) -> Spec:
        replaced = {text.partition("=")[0] for text in more}
        return resolved((*(text for text in asked.sets if text.partition("=")[0].strip() not in replaced), *more))

    folds: list[tuple[str, ...]] = [
        (f"strategy.folds={asked.folds}", f"strategy.fold={fold}") for fold in range(1, asked.folds + 1)
    ] or [()]
    first = spec(*folds[0]).seed
    specs = [
        spec(f"seed={seed}", *fold) if asked.seeds > 1 else spec(*fold)
        for seed in range(first, first + asked.seeds)
        for fold in folds
    ]
    for kind in {kind for one in specs for kind in targets(one)}:
        check_tracker(kind)
    return [Planned(one, Run(settings.runs_dir / studies.identity(one, own_files(one)))) for one in specs]


def make(planned: Sequence[Planned], settings: Settings, *, tags: Sequence[str] = (), note: str = "") -> None:
    """Make the runs that are not there.

    Args:
        tags, note: the person's own words about them.
    """
    for one in planned:
        if not one.exists:
            labels = store.Labels(name=one.spec.name, tags=tuple(tags), note=note)
            code = own_files(one.spec)
            store.create(settings.runs_dir, one.spec, code=code, labels=labels, identity=one.run.id)


def follow(planned: Sequence[Planned], settings: Settings, output: headless.Output, say: Callable[[str], None]) -> int:
    """Train the runs one after another, those that are done left out; one that fails does not stop the others.

    Returns:
        0: all are done; 1 or 2: the worst of their own codes; 129, 130 or 143: it was stopped, and the rest waits.
    """
    codes = []
    for number, one in enumerate(planned, 1):
        place = f"{number} of {len(planned)}: {one.words}"
        status = one.run.status()
        if status == "done":
            say(f"{place}: done before; to train it anew, on changed images too: vislab delete {one.run.id}")
            continue
        say(f"{place}: {'goes on' if status not in ('new', 'queued') else 'begins'}")
        try:
            code = _train(one.run, settings, output)
        except InputError as error:  # its worker did not start; the others may
            print("error:", plain(str(error), 2000), file=sys.stderr, flush=True)
            code = headless.BAD_INPUT
        if code in STOPPED:
            return code
        codes.append(code)
        if code:
            say(f"{place}: {one.run.status()}; the others go on")
    return max(codes, key=lambda code: (code == headless.FAILED, code), default=0)


def enqueue(planned: Sequence[Planned], settings: Settings) -> list[Run]:
    """Put the runs that are not done into the queue; returns those that were put there."""
    put = []
    for one in planned:
        if one.run.status() != "done" and not is_alive(one.run):
            queue.enqueue(one.run, settings)
            put.append(one.run)
    return put


def _train(run: Run, settings: Settings, output: headless.Output) -> int:
    if not is_alive(run):
        return headless.train(run, settings, output)
    code = headless.attach(run, output)  # in the queue, or left behind by a terminal that has gone
    return headless.INTERRUPTED if is_alive(run) and code == 0 else code
