"""apt's sources and preferences: stanzas of fields, each a list of words on one line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pgdeploy.text.character import named
from pgdeploy.text.problem import ValueProblem

_WORD = re.compile(r"[!-~]+")
"""Printable ASCII without blanks: there are no quotes in this format."""


def stanza(fields: Mapping[str, Sequence[str]]) -> str:
    """`Field: word word`, one line each.

    Raises:
        ValueProblem: what should be one word is none, or several.
    """
    return "".join(f"{name}: {' '.join(map(_word, words))}\n" for name, words in fields.items())


def _word(text: str) -> str:
    if not _WORD.fullmatch(text):
        wrong = next((named(character) for character in text if not _WORD.match(character)), "nothing")
        raise ValueProblem(f"a word of an apt file cannot hold {wrong}")
    return text
