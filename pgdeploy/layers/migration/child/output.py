"""The SQL that Alembic writes where it has no database, and which line of the project wrote it."""

from __future__ import annotations

import io
import sys
from collections.abc import Container
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import FrameType

    from alembic.script import ScriptDirectory


class Output(io.StringIO):
    """SQL, and for each part of it where it begins and which line of the revision's file made it; 0: Alembic itself."""

    def __init__(self, scripts: ScriptDirectory) -> None:
        super().__init__()
        self._files = {one.path for one in scripts.walk_revisions()}
        self.lines: list[tuple[int, int]] = []

    def write(self, text: str) -> int:
        self.lines.append((self.tell(), line_at_work(self._files)))
        return super().write(text)


def line_at_work(files: Container[str]) -> int:
    """The line of one of these revisions that called us, through whatever of Alembic; 0: none did."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_code.co_filename not in files:
        frame = frame.f_back
    return frame.f_lineno if frame is not None else 0
