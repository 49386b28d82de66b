"""A data set: which source reads it, where it lies and what is known of it without reading it."""

from typing import Annotated

import msgspec

from vislab.presets.schema.fields import field

Option = str | int | float | bool | list[str | int | float]


class Dataset(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where labelled images come from."""

    name: Annotated[str, field("the preset's name, or the folder's or file's own name")] = ""
    help: Annotated[str, field("one line: what the images are")] = ""
    source: Annotated[str, field("module:function or ./file.py:function, called as source(root, **options)")] = ""
    path: Annotated[str, field("folder or file of the images; empty: <data folder>/<name>")] = ""
    options: Annotated[dict[str, Option], field("keyword options of the source function")] = {}
    skip_unreadable: Annotated[
        bool, field("leave images out that cannot be read, and list them; else the run refuses to start")
    ] = False
    images: Annotated[int, field("labelled images in all parts, as published; 0: not known before reading", ge=0)] = 0
    classes: Annotated[int, field("classes, as published; 0: not known before reading", ge=0)] = 0
    licence: Annotated[str, field("licence of the images, as published")] = ""
