"""Absolute paths that root makes, writes or removes files under."""

from __future__ import annotations

from pgdeploy.text.character import named, refuse_controls
from pgdeploy.text.problem import ValueProblem

_LONGEST = 4095
_NAME_BYTES = 255


def absolute(text: str, without: str = "") -> str:
    """The path as it is: from the root, without `.`, `..` or control characters, and `without` these.

    Raises:
        ValueProblem: it is no such path.
    """
    if not text.startswith("/"):
        raise ValueProblem("allowed: an absolute path, such as /mnt/data")
    refuse_controls(text, "a path")
    if found := next((character for character in text if character in without), None):
        raise ValueProblem(f"this path cannot hold {named(found)}")
    parts = text.split("/")
    if "." in parts or ".." in parts:
        raise ValueProblem("allowed: a path without . and .. in it")
    if len(text.encode()) > _LONGEST or max(len(part.encode()) for part in parts) > _NAME_BYTES:
        raise ValueProblem(f"a path of {len(text.encode())} bytes is longer than a file system takes")
    return text
