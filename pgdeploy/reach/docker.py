"""Reach a Docker engine by its own program, here or on a host that ssh reaches, and a server in one of its containers.

Nothing is copied to the host. What is secret goes to standard input, never into a command.
"""

from __future__ import annotations

import shlex
import subprocess
import time
from contextlib import closing
from typing import TYPE_CHECKING, NamedTuple

from pgdeploy.errors import TargetError
from pgdeploy.reach.bridge import OS_USER, BridgeServer
from pgdeploy.reach.libpq import environment_of_children
from pgdeploy.reach.server import MAINTENANCE
from pgdeploy.reach.server_message import last_word

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pgdeploy.reach.login import Login

_SECOND = 1.05
"""So long a file is written before the server reads it, as the times of files that it tells are whole seconds."""

PROJECT, SERVICE = "com.docker.compose.project", "com.docker.compose.service"
"""Labels by which compose finds what is its own."""
APART = ("--network", "none", "--label", f"{PROJECT}=")
"""Of helpers: an image may carry the labels of a project, by which its containers are taken for services of that."""

LONGEST = 120
"""Seconds of one command of docker, unless somebody says otherwise."""


class Engine:
    """A Docker engine. Close it when done."""

    def __init__(self, login: Login | None = None, *, context: str = "", sudo: bool = False) -> None:
        """On the host of a login, or of this machine, by a context where that is named."""
        self._login = login
        where = f" of {login.host}" if login is not None else f" (context {context})" if context else ""
        self.address = f"the Docker engine{where}"
        self._docker = [
            *(("sudo", "-n") if sudo else ()),
            "docker",
            *(("--context", context) if context else ()),
        ]

    def prepare(self) -> None:
        """Log in. Raises TargetError."""
        if self._login is not None:
            self._login.open()

    def command(self, *words: str) -> list[str]:
        """What runs `docker WORDS...`, from a process of this machine."""
        whole = [*self._docker, *words]
        return whole if self._login is None else self._login.command(shlex.join(whole))

    def attempt(
        self, *words: str, stdin: bytes = b"", timeout: float = LONGEST
    ) -> subprocess.CompletedProcess[bytes]:
        """What it says, where a failure is an answer too.

        Raises:
            TargetError: the program cannot be run, the host is out of reach, or it takes too long.
        """
        self.prepare()
        try:
            return subprocess.run(
                self.command(*words),
                input=stdin,
                capture_output=True,
                check=False,
                env=environment_of_children(),
                timeout=timeout,
            )
        except OSError as error:
            raise TargetError(f"{self.address}: docker cannot be run: {error.strerror}") from None
        except subprocess.TimeoutExpired:
            raise TargetError(
                f"{self.address}: no answer to `docker {words[0]}` in {timeout:.0f} s"
            ) from None

    def run(self, *words: str, stdin: bytes = b"", timeout: float = LONGEST) -> bytes:
        """What it prints. Raises TargetError: it fails; its last words."""
        done = self.attempt(*words, stdin=stdin, timeout=timeout)
        if done.returncode != 0:
            raise TargetError(f"{self.address}: docker {words[0]}: {said(done)}")
        return done.stdout

    def close(self) -> None:
        if self._login is not None:
            self._login.close()


def said(done: subprocess.CompletedProcess[bytes]) -> str:
    """Why a command of docker failed, in its own words."""
    text = last_word(done.stderr.decode(errors="replace"), 1)
    return text.removeprefix("Error response from daemon: ") or f"exit status {done.returncode}"


# As the bridge in Python, in Perl, which Debian's images have: from our side to the server and back.
_PERL = r"""
use Socket qw(:all);
my ($where, $port) = @ARGV;
my $fail = sub { print STDERR "no server at ", join(":", @ARGV), ": $!\n"; exit 1 };
my $s;
if (!defined $port) {
    socket($s, AF_UNIX, SOCK_STREAM, 0) && connect($s, pack_sockaddr_un($where)) or $fail->();
} else {
    my ($error, $to) = getaddrinfo($where, $port, {flags => AI_NUMERICHOST, socktype => SOCK_STREAM});
    my ($unbound, $from) = getaddrinfo($where, 0, {flags => AI_NUMERICHOST, socktype => SOCK_STREAM});
    $fail->() if $error;
    socket($s, $to->{family}, SOCK_STREAM, 0) && bind($s, $from->{addr}) && connect($s, $to->{addr}) or $fail->();
}
while (1) {
    my $ready = "";
    vec($ready, 0, 1) = 1;
    vec($ready, fileno($s), 1) = 1;
    select($ready, undef, undef, undef);
    for my $pair ([*STDIN, $s], [$s, *STDOUT]) {
        next unless vec($ready, fileno($pair->[0]), 1);
        my $data;
        exit 0 unless sysread($pair->[0], $data, 65536);
        while (length $data) {
            my $n = syswrite($pair->[1], $data);
            exit 1 unless defined $n;
            substr($data, 0, $n) = "";
        }
    }
}
"""
BRIDGE = ("perl", "-e", _PERL)

SOCKETS = "/var/run/postgresql"
"""Where the official images have the server's socket."""

_NO_PERL = "executable file not found"


class ComposeService(NamedTuple):
    """A service of a project, in whichever container it runs."""

    project: str
    name: str

    def __str__(self) -> str:
        return f"of service {self.name} in project {self.project}"

    def container(self, engine: Engine) -> str:
        """What the engine calls it. Raises TargetError: none runs."""
        if not (found := self.containers(engine)):
            raise TargetError(f"{engine.address}: no container {self} runs")
        return found[-1]

    def containers(self, engine: Engine, *options: str) -> list[str]:
        """The ids of those that run, with `-a` of all; the newest first. Raises TargetError."""
        labels = {PROJECT: self.project, SERVICE: self.name}
        chosen = [word for key, value in labels.items() for word in ("--filter", f"label={key}={value}")]
        return engine.run("ps", "-q", "--no-trunc", *options, *chosen).decode().split()


class DockerServer(BridgeServer):
    """PostgreSQL in a container: by its socket there, as its superuser."""

    program = BRIDGE
    can_write_hba = True

    def __init__(self, engine: Engine, container: str | ComposeService, user: str, port: int) -> None:
        self._engine = engine
        self._where = container
        self._container = container if isinstance(container, str) else ""
        self._user = user
        super().__init__(f"container {container}", f"{SOCKETS}/.s.PGSQL.{port}")

    def _prepare(self) -> None:
        self._engine.prepare()
        if isinstance(
            self._where, ComposeService
        ):  # each time: it may have been made anew, under another name
            self._container = self._where.container(self._engine)

    def _command(self, there: Sequence[str]) -> Sequence[str]:
        return self._engine.command("exec", "-i", "-u", OS_USER, self._container, *there)

    def _way_in(self, user: str | None, application_name: str) -> dict[str, object]:
        return super()._way_in(user or self._user, application_name)

    def _last_word(self) -> str:
        found = super()._last_word().removeprefix("Error response from daemon: ")
        return "the image has no perl, by which pgdeploy comes in" if _NO_PERL in found else found

    def write_hba(self, text: str, *, whole: bool = False) -> str:
        if not whole and not lets_in(text, self._user):
            raise TargetError(
                f"{self.address}: these rules would shut pgdeploy out: {self._user} comes in by the socket; "
                f"write `- {{type: local, database: all, user: {self._user}, method: {_method(self._user)}}}` first"
            )
        return self._write("hba_file", text)

    def write_ident(self, text: str, *, whole: bool = False) -> str:
        return self._write("ident_file", text)

    def _write(self, setting: str, text: str) -> str:
        """Replace the file that a setting names, whole or not at all, and give what it had."""
        with closing(self.open()) as connection:
            row = connection.execute(
                "SELECT setting FROM pg_catalog.pg_settings WHERE name = %s", (setting,)
            ).fetchone()
        file = str(row[0]) if row else ""
        inside = ("exec", "-i", "-u", OS_USER, self._container)
        before = self._engine.run(*inside, "cat", "--", file)
        script = 'umask 077 && cat > "$1.new" && mv -f -- "$1.new" "$1"'
        self._engine.run(
            *inside, "sh", "-c", script, "sh", file, stdin=text.encode("utf-8", "surrogateescape")
        )
        time.sleep(_SECOND)
        return before.decode("utf-8", "surrogateescape")

    def close(self) -> None:
        super().close()
        self._engine.close()


def _method(user: str) -> str:
    """By which it comes in from the container's own OS user."""
    return "peer" if user == OS_USER else "trust"


def lets_in(rules: str, user: str) -> bool:
    """Whether the first rule that fits our own login by the socket lets it in without a password."""
    for line in rules.splitlines():
        words = line.split()
        if (
            len(words) >= 4
            and words[0] == "local"
            and _names(words[1], MAINTENANCE)
            and _names(words[2], user)
        ):
            return words[3] in ("trust", "peer")
    return False


def _names(field: str, name: str) -> bool:
    return any(word.strip('"') == name or word == "all" for word in field.split(","))
