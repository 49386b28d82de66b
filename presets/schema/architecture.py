"""An architecture: the function that builds it, its options, its head and its pretrained weights."""

from typing import Annotated

import msgspec

from vislab.presets.schema.dataset import Option
from vislab.presets.schema.fields import field


class Architecture(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What maps an image to class logits."""

    name: Annotated[str, field("the preset's name, or a timm model's own name")] = ""
    help: Annotated[str, field("one sentence: when this is the right choice")] = ""
    build: Annotated[str, field("module:function or ./file.py:function, called as build(num_classes, **options)")] = ""
    options: Annotated[dict[str, Option], field("keyword options of the build function")] = {}
    head: Annotated[
        str,
        field("head put on the backbone: module:function or ./file.py:function; none keeps the architecture's own"),
    ] = "none"
    head_options: Annotated[dict[str, Option], field("keyword options of the head function")] = {}
    weights: Annotated[
        str,
        field(
            "pretrained weights when the strategy wants them: default (of the architecture), a .safetensors or .pth "
            "file, or RUN/best"
        ),
    ] = "default"
    parameters: Annotated[int, field("parameters with its published head; 0: not known before building", ge=0)] = 0
