"""The SQL that Alembic writes where it has no database, and which line of the project wrote it."""

from __future__ import annotations

import io
import sys
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
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_code.co_filename not in self._files:
            frame = frame.f_back
        self.lines.append((self.tell(), frame.f_lineno if frame is not None else 0))
        return super().write(text)
