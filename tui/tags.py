"""Tags as a person writes them on one line."""

from collections.abc import Sequence


def tags_of(words: str) -> tuple[str, ...]:
    """Tags as they were written, divided by commas, each once. A tag may hold spaces."""
    written = (" ".join(tag.split()) for tag in words.split(","))
    return tuple(dict.fromkeys(tag for tag in written if tag))


def changed_tags(tags: Sequence[str], words: Sequence[str]) -> tuple[str, ...]:
    """Tags with words added, and with those removed that stand behind a minus sign."""
    removed = {word[1:] for word in words if word.startswith("-")}
    added = [word for word in words if not word.startswith("-")]
    return tuple(dict.fromkeys(tag for tag in (*tags, *added) if tag not in removed))
