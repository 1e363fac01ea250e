"""The host under a server: commands on it run through pytest-testinfra's backends, over ssh or in a container."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pgdeploy.errors import MissingExtra, TargetError
from pgdeploy.reach import remote
from pgdeploy.reach.libpq import foreign_variables
from pgdeploy.reach.server_message import last_word

if TYPE_CHECKING:
    from pgdeploy.reach.login import Login


def _forget_libpq() -> str:
    names = " ".join(name for name in foreign_variables() if re.fullmatch(r"\w+", name, re.ASCII))
    return f"unset {names}; " if names else ""


class Host:
    """One host. Nothing is imported or connected before it is used."""

    def __init__(
        self, address: str, name: str, prepare: Callable[[], None] = lambda: None, **options: Any
    ) -> None:
        """`name` and `options` are testinfra's; `prepare` raises TargetError where the host is out of reach."""
        self.address = address
        self._name = name
        self._prepare = prepare
        self._options = options

    @classmethod
    def over_ssh(cls, login: Login) -> Host:
        """The host of a login; all commands share it."""
        # testinfra adds no option of its own where these are, and then the host's name
        options = shlex.join([*login.options, "--"])
        name = f"ssh://{quote(login.host, safe='')}"
        return cls(login.address, name, login.open, ssh_extra_args=options)

    @classmethod
    def in_container(cls, name: str) -> Host:
        return cls(f"container {name}", f"docker://{name}")

    @property
    def testinfra(self) -> Any:
        """testinfra's own Host, as the user that logs in; `host.sudo()` is its way to be root.

        Raises:
            MissingExtra: pytest-testinfra is not installed.
            TargetError: the host is out of reach.
        """
        try:
            import testinfra
        except ImportError:
            raise MissingExtra("host", "looking at a host") from None
        self._prepare()
        host = testinfra.get_host(self._name, **self._options)
        run = host.backend.run_local
        # testinfra has no word for the environment of its ssh and docker; it runs them by a shell
        host.backend.run_local = lambda command, *words: run(f"{_forget_libpq()}{command}", *words)
        return host

    def ask(self, script: str, question: object) -> Any:
        """The JSON that a Python script prints, run on the host as root by one command.

        The script has nothing but the standard library, and the global `question`, which must hold no
        secret: it stands in the command.

        Raises:
            MissingExtra: pytest-testinfra is not installed.
            TargetError: the host is out of reach, has no python3, refuses sudo, or the script fails.
        """
        backend = self.testinfra.backend
        try:
            done = backend.run(remote.command(script, question))
        except RuntimeError as error:  # ssh failed; testinfra raises with the result
            said = getattr(error.args[0], "stderr_bytes", b"").decode(errors="replace")
            raise TargetError(f"{self.address}: {last_word(said) or 'ssh failed'}") from None
        except OSError as error:
            raise TargetError(f"{self.address}: cannot run the command: {error.strerror}") from None
        return remote.answer(self.address, done.rc, done.stdout_bytes, done.stderr_bytes)
