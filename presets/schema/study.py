"""A study: recipes that answer one question together."""

from typing import Annotated

import msgspec

from vislab.presets.schema.fields import field


class Study(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Recipes to be compared on the same data."""

    help: Annotated[str, field("one line: what is compared")] = ""
    question: Annotated[str, field("the question the comparison answers")] = ""
    recipes: Annotated[tuple[str, ...], field("names of recipes, in the order of the report")] = ()
