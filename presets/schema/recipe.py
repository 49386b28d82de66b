"""A recipe: a data set, an architecture and a strategy by name, and the values that differ from their presets."""

from typing import Annotated, Any, Literal

import msgspec

from vislab.presets.schema.fields import field

Mark = Literal["report", "inferred", "ours"]


class Recipe(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Values of a spec, by dotted key, under the mark that says where each came from.

    `dataset.name`, `architecture.name` and `strategy.name` choose presets; every other key of a spec may follow. A
    value is either printed in a published report, inferred from what that report prints, or our own choice.
    """

    help: Annotated[str, field("one line: what this run is")] = ""
    study: Annotated[str, field("the study this recipe belongs to")] = ""
    printed: Annotated[str, field("what the report printed, on its own data and hardware")] = ""
    report: Annotated[dict[str, Any], field("values as printed in the report")] = {}
    inferred: Annotated[dict[str, Any], field("values inferred from what the report prints")] = {}
    ours: Annotated[dict[str, Any], field("values we chose")] = {}
