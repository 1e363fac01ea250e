"""Characters that no line of a file can hold, and how a message names them."""

from __future__ import annotations

from unicodedata import category

from pgdeploy.text.problem import ValueProblem

ENDS_LINE = "\0\n\r"
"""What ends a line, or a whole text, for every parser: no quotes help."""

_NAMES = {"\0": "a zero byte", "\n": "a line break", "\r": "a carriage return", "\t": "a tab", " ": "a blank"}


def named(character: str) -> str:
    """`a line break`, `'#'`, `the character U+0085`."""
    if character in _NAMES:
        return _NAMES[character]
    return f"'{character}'" if character.isprintable() else f"the character U+{ord(character):04X}"


def refuse(text: str, characters: str, what: str) -> str:
    """The text, which has none of these characters.

    Raises:
        ValueProblem: it has one; the message says which, and not the text, which may hold a secret.
    """
    for character in text:
        if character in characters or category(character) == "Cs":
            raise ValueProblem(f"{what} cannot hold {named(character)}")
    return text


def refuse_controls(text: str, what: str) -> str:
    """The text, which is on one line for every reader, and has no control characters.

    Raises:
        ValueProblem: as `refuse`.
    """
    # Cc: control characters with U+0085; Zl and Zp: the line breaks of Unicode; Cs: what UTF-8 cannot hold
    found = next((character for character in text if category(character) in ("Cc", "Zl", "Zp", "Cs")), None)
    if found is not None:
        raise ValueProblem(f"{what} cannot hold {named(found)}")
    return text
