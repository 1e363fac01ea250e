"""What a plain YAML scalar means: the core schema of YAML 1.2.

`yes`, `on` and `2027-01-01` are text here; `0o17` is 15 and `017` is 17.
"""

from __future__ import annotations

import re

from pgdeploy.spec.node import Scalar

_CONSTANT: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_INFINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)\Z|\.(?:nan|NaN|NAN)\Z")
_INTEGER = re.compile(r"[-+]?[0-9]+\Z")
_OCTAL = re.compile(r"0o[0-7]+\Z")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NUMBER_START = frozenset("+-.0123456789")

# Python refuses to convert very long digits; no number in a spec comes near.
_MAX_DIGITS = 400


def resolve(text: str) -> Scalar:
    """The value of a plain scalar.

    Raises ValueError for a number that is too long to be one.
    """
    if text in _CONSTANT:
        return _CONSTANT[text]
    if text[0] not in _NUMBER_START:
        return text
    return _number(text)


def _number(text: str) -> Scalar:
    base = _base(text)
    if base is not None:
        if len(text) > _MAX_DIGITS:
            raise ValueError(f"a number of {len(text)} digits is too long; quote it if it is text")
        return int(text, 0) if base != 10 else int(text)
    if _FLOAT.match(text):
        return float(text)
    if _INFINITE.match(text):
        return float(text.replace(".", "").lower())
    return text


def _base(text: str) -> int | None:
    if _INTEGER.match(text):
        return 10
    if _OCTAL.match(text):
        return 8
    if _HEXADECIMAL.match(text):
        return 16
    return None
