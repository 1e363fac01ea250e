"""What a value can be refused for, and how to point at the word that was probably meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ValueProblem(ValueError):
    """A value that PostgreSQL would refuse. The message says what was read and what is allowed."""


def near_misses(word: str, words: Iterable[str], limit: int = 3) -> list[str]:
    """The words that `word` was probably meant to be, best first; case is no difference."""
    folded = {known.lower(): known for known in words}
    return [folded[match] for match in difflib.get_close_matches(word.lower(), folded, limit, 0.75)]


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the end of a message, or nothing."""
    near = near_misses(word, words, 1)
    return f"; did you mean {near[0]!r}?" if near else ""
