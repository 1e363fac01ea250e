"""Environment files as systemd reads them (EnvironmentFile=), and a shell: `NAME="value"`, nothing is expanded."""

from __future__ import annotations

import re

from pgdeploy.text.character import refuse_controls

_ESCAPED = re.compile(r'(["\\$`])')


def assignment(name: str, value: str) -> str:
    """The line that gives a variable this value.

    Raises:
        ValueProblem: systemd takes no such value.
    """
    refuse_controls(value, f"{name} in an environment file")
    escaped = _ESCAPED.sub(r"\\\1", value)
    return f'{name}="{escaped}"\n'
