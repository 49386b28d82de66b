"""Text and tables as Markdown, in which nothing from outside is markup."""

from collections.abc import Sequence

_MARKUP = frozenset("\\|`*_[]<>#&~")


def cell(words: str) -> str:
    """Safe text as data in Markdown: what would be markup there stands behind a backslash."""
    return "".join(f"\\{character}" if character in _MARKUP else character for character in words)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; its cells are escaped."""
    lines = [[cell(words) for words in heads], ["---"] * len(heads), *([cell(words) for words in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def items(lines: Sequence[str]) -> str:
    """A list, a line an item."""
    return "\n".join(f"* {cell(line)}" for line in lines)
