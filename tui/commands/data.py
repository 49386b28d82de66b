"""`vislab data NAME_OR_PATH`: what is in a data set."""

import json as json_
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from vislab.tui.commands.arguments import AsJson

SHOWN = 20
"""Classes, groups of duplicates and file names that are listed, unless all are asked for."""

ROLES = ("all", "train", "validation", "test")


def command(
    data: Annotated[str, typer.Argument(metavar="NAME_OR_PATH", show_default=False)],
    set: Annotated[
        list[str] | None,
        typer.Option("--set", "-s", metavar="KEY=VALUE", help="Such as strategy.split=80/10/10 or seed=3."),
    ] = None,
    path: Annotated[str, typer.Option("--data", metavar="PATH", help="Where the images of a preset lie.")] = "",
    all: Annotated[bool, typer.Option("--all", help="Every class, duplicate and unreadable file.")] = False,
    json: AsJson = False,
) -> None:
    """Look at every image of a data set.

    Classes, counts, imbalance, sizes, duplicates within and across the split, unreadable files. The data set is a
    preset, a folder, a CSV file, hf:NAME or mine.py:source.
    """
    import msgspec

    from vislab.presets.library import resolve
    from vislab.presets.settings import load_settings
    from vislab.tui.asking import asked

    settings = load_settings()
    # A spec has an architecture; which one makes no difference to the images.
    spec = resolve(dataset=data, architecture="lenet5", data=path, sets=tuple(set or ()), settings=settings)
    request = {
        "dataset": msgspec.to_builtins(spec.dataset),
        "strategy": msgspec.to_builtins(spec.strategy),
        "seed": spec.seed,
        "data_dir": str(settings.data_dir),
    }
    found = asked("data", request)
    if json:
        typer.echo(json_.dumps(found, indent=2))
        return
    for line in page(found, len(found["classes"]) if all else SHOWN, None if all else SHOWN):
        typer.echo(line)


def page(found: dict[str, Any], classes: int, files: int | None) -> list[str]:
    """The lines that are shown.

    Args:
        found: the answer of the data job.
        classes: so many of the largest and of the smallest classes.
        files: so many groups of duplicates and file names; None: all.
    """
    from vislab.tui.views.text import count, counted, plain

    images, labels = counted(found["images"], "image"), counted(len(found["classes"]), "class", "classes")
    lines = [f"{plain(found['name'])} · {images} · {labels}"]
    if found["unlabelled"]:
        lines.append(f"{counted(found['unlabelled'], 'image')} without a label")
    if found["split"] is not None:
        lines.append(f"split: {plain(found['split'])}")
    if found["selected_on_test"]:
        lines.append("The best epoch would be selected on the test set.")
    if found["split_error"] is not None:
        lines.append(f"cannot be divided: {plain(found['split_error'], 1000)}")
    lines += ["", *_class_table(found, classes), ""]
    largest, smallest = plain(found["largest"]), plain(found["smallest"])
    if found["imbalance"] is None:
        lines.append(f"imbalance: {smallest} has no images")
    elif found["imbalance"] == 1:
        lines.append("imbalance: none, every class has as many images")
    else:
        lines.append(f"imbalance: {found['imbalance']:.2f} times as many images of {largest} as of {smallest}")
    if (sizes := found["sizes"]) is not None:
        named = ", ".join(f"{word} {sizes[word][0]} × {sizes[word][1]}" for word in ("smallest", "median", "largest"))
        lines.append(f"sizes: {named}; {count(sizes['distinct'])} different")
    for word in ("formats", "modes"):
        lines.append(f"{word}: " + ", ".join(f"{plain(name)} {count(n)}" for name, n in found[word].items()))
    lines += _duplicates(found["duplicates"], files)
    unreadable = [f"{file['name']}: {file['reason']}" for file in found["unreadable"]]
    lines += _listed("unreadable", unreadable, files) + _listed("ignored, not images", found["ignored"], files)
    return lines


def _class_table(found: dict[str, Any], shown: int) -> list[str]:
    from vislab.tui import tables
    from vislab.tui.views.text import count, plain

    counts = {role: found["counts"][role] for role in ROLES if sum(found["counts"].get(role, ()))}
    order: Sequence[int] = range(len(found["classes"]))
    left_out = len(order) - 2 * shown
    if left_out > 0:
        by_size = sorted(order, key=lambda i: -found["counts"]["all"][i])
        order = [*by_size[:shown], *by_size[-shown:]]
    rows = [[plain(found["classes"][i]), *(count(column[i]) for column in counts.values())] for i in order]
    lines = tables.lines(["class", *counts], rows, tables.width(), right=ROLES, whole=ROLES)
    if left_out > 0:
        lines.append(f"The {shown} largest and the {shown} smallest classes; {count(left_out)} more: --all")
    return lines


def _duplicates(found: dict[str, Any], shown: int | None) -> list[str]:
    from vislab.tui.views.text import count, counted

    if not found["groups"]:
        return ["duplicates: none"]
    lines = [
        f"duplicates: {counted(found['superfluous'], 'image')} could go; of "
        f"{counted(len(found['groups']), 'group')} of equal images {count(found['across'])} reach across the split, "
        f"{count(found['contradictory'])} have more than one class"
    ]
    groups = [
        ", ".join(
            f"{name} ({', '.join(part for part in (label, role) if part)})"
            for name, label, role in zip(group["names"], group["classes"], group["roles"], strict=True)
        )
        for group in found["groups"]
    ]
    return lines + _listed("", groups, shown)


def _listed(title: str, items: Sequence[str], shown: int | None) -> list[str]:
    from vislab.tui.views.text import count, plain

    lines = [f"{title}: {count(len(items)) if items else 'none'}"] if title else []
    lines += [f"  {plain(item, 1000)}" for item in items[:shown]]
    if shown is not None and len(items) > shown:
        lines.append(f"  … {count(len(items) - shown)} more: --all")
    return lines
