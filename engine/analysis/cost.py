"""What a run cost: its epochs, and the one pass of a frozen network over the images that stands before them."""

from typing import NamedTuple

from vislab.engine.runs.state import RunState

DECISION = "features"
"""What a run tells of its features by."""


class FeaturePass(NamedTuple):
    """The frozen part of a network over every image, once."""

    seconds: float
    """That it takes; of features from the cache, that it took when they were computed, as far as that is known."""
    spent: float
    """Seconds of this run that went into it."""
    source: str
    """`computed`, `partly from the cache` or `from the cache`."""
    known: bool
    """Whether `seconds` holds all of the pass; the cache does not know it of features of older versions."""
    images: int
    """That it goes over; an image counts once for each of its views."""
    until: int
    """Updates that were made on the features before the whole network ran in every epoch; 0: it never came to that."""


def feature_pass(state: RunState) -> FeaturePass | None:
    """What a run says of its features; None where it never took them, and the whole network ran in every epoch."""
    made = next((made for made in state.decisions if made.what == DECISION and "images" in made.details), None)
    if made is None:
        return None
    images, computed, spent, whole = (
        float(made.details.get(key, 0)) for key in ("images", "computed", "seconds", "computing")
    )
    source = "computed" if computed >= images else "partly from the cache" if computed else "from the cache"
    return FeaturePass(
        seconds=spent if source == "computed" else max(whole, spent),
        spent=spent,
        source=source,
        known=source == "computed" or "computing" in made.details,
        images=int(images),
        until=int(made.details.get("until", 0)),
    )


def seconds_in_all(state: RunState) -> float:
    """Seconds of work of a run with its features, wherever they came from: what it costs where the cache is empty."""
    taken = feature_pass(state)
    return state.elapsed + (taken.seconds if taken is not None else 0.0)
