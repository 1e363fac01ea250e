"""What is said of an error of the project's code, of Alembic or of the server."""

from __future__ import annotations

import os
import traceback
from collections.abc import Collection


class Refused(Exception):
    """Something that env.py does cannot be."""


def code_of(error: BaseException) -> str:
    """The server's code of an error, whatever wraps it; empty where it is not the server's."""
    seen: BaseException | None = error
    while seen is not None:
        for one in (seen, getattr(seen, "orig", None)):
            code = getattr(one, "sqlstate", None) or getattr(one, "pgcode", None)
            if code:
                return str(code)
        seen = seen.__cause__ or seen.__context__
    return ""


def words_of(error: BaseException) -> str:
    """What went wrong; of the server's words the first alone, as the others quote rows."""
    original = getattr(error, "orig", None) or error
    said = getattr(getattr(original, "diag", None), "message_primary", None)
    if said:
        return str(said)
    text = str(original).strip().splitlines()
    first = text[0] if text else ""
    if isinstance(error, TypeError) and "config_file_name" in _last_line(error):
        return "env.py wants an alembic.ini: write the path of one in place of the folder"
    known = isinstance(error, Refused) or type(error).__module__.startswith("alembic.")
    return first if known and first else f"{type(error).__name__}: {first}".rstrip(": ")


def _last_line(error: BaseException) -> str:
    """Of env.py, as it is written."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.line or "" for frame in reversed(frames) if frame.filename.endswith("env.py")), "")


def place_of(error: BaseException, folder: str) -> str:
    """The line of the project that failed: the last one below the folder of the scripts."""
    found = ""
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename.startswith(folder + os.sep):
            found = f"{frame.filename}:{frame.lineno}"
    if isinstance(error, SyntaxError) and error.filename:
        found = f"{error.filename}:{error.lineno}"
    return found


def line_in(error: BaseException, files: Collection[str]) -> int:
    """The line of one of these files that failed; 1 where it was none of them."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno or 1 for frame in reversed(frames) if frame.filename in files), 1)
