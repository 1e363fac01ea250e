"""tmpfiles.d: one line a path, of words between blanks, quoted as in a unit file; paths may be patterns."""

from __future__ import annotations

import re

from pgdeploy.text import systemd

_OF_PATTERNS = re.compile(r"([\\*?\[\]{},])")


def cleaned(path: str, seconds: int) -> str:
    """The line by which files under this very path go when they are older.

    Raises:
        ValueProblem: the file cannot hold the path.
    """
    literal = _OF_PATTERNS.sub(r"\\\1", path)
    return f"e {systemd.word(literal)} - - - {seconds}s\n"
