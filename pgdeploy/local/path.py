"""Paths of files on this machine in a spec: a relative one counts from the file that says it, as `extends` does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pgdeploy.errors import TargetError


def _never(text: str) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Local:
    """Marks a field that holds a path of this machine, unless it holds something else."""

    unless: Callable[[str], bool] = _never


LocalPath = Annotated[str, Local()]


def read_named(path: Path) -> str:
    """The text of a file that a spec names. Raises TargetError: it cannot be read, or is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise TargetError(f"{path}: {error.strerror}{absent(error)}") from None
    except UnicodeDecodeError:
        raise TargetError(f"{path}: is not UTF-8") from None


def absent(error: Exception) -> str:
    """What to add to an error of such a file that is not there."""
    there = not isinstance(error, FileNotFoundError)
    return "" if there else " (a relative path counts from the folder of the spec that says it)"
