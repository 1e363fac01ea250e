"""sysctl.d: `name = value` to the end of the line."""

from __future__ import annotations

import re

from pgdeploy.text.problem import ValueProblem

NAME = r"[a-z0-9_]+(\.[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*)+"
"""Dots between the parts; a dot in a part, as network cards of VLANs have, is written as a slash."""

_NAME = re.compile(NAME)
_VALUE = re.compile(r"[\t -~]*[!-~][\t -~]*")


def line(name: str, value: int | str) -> str:
    """`name = value`; the kernel makes no difference between blanks.

    Raises:
        ValueProblem: the file cannot hold it.
    """
    if not _NAME.fullmatch(name):
        raise ValueProblem("allowed: a setting of the kernel, such as vm.swappiness")
    return f"{name} = {words(value)}\n"


def words(value: int | str) -> str:
    """The value with one blank between its words.

    Raises:
        ValueProblem: the kernel takes no such value.
    """
    text = str(value)
    if not _VALUE.fullmatch(text):
        raise ValueProblem("allowed: one line of printable ASCII")
    return " ".join(text.split())
