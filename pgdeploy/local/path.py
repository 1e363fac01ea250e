"""Paths of files on this machine in a spec: a relative one counts from the file that says it, as `extends` does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated


def _never(text: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Local:
    """Marks a field that holds a path of this machine, unless it holds something else."""

    unless: Callable[[str], bool] = _never


LocalPath = Annotated[str, Local()]


def absent(error: Exception) -> str:
    """What to add to an error of such a file that is not there."""
    there = not isinstance(error, FileNotFoundError)
    return "" if there else " (a relative path counts from the folder of the spec that says it)"
