"""Whether the specs of a run come from somebody who may run commands here: `--no-commands` says that they do not.

It is a variable of the environment, so that the processes that we start (pyinfra, and pgdeploy below it) keep to it.
"""

from __future__ import annotations

import os

NO_COMMANDS = "PGDEPLOY_NO_COMMANDS"
"""Environment variable; anything but empty and 0 means `--no-commands`."""


def no_commands() -> bool:
    """Whether a spec may run no command on this machine, and read no file but those of the folder of specs."""
    return os.environ.get(NO_COMMANDS, "") not in ("", "0")


def forbid_commands() -> None:
    """From here on, for this process and all that it starts."""
    os.environ[NO_COMMANDS] = "1"
