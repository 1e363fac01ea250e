"""Restoring a dump with PostgreSQL's own programs: all of it into an empty server, or one database beside others."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

from pgdeploy.errors import TargetError
from pgdeploy.layers.backup.dump import DATABASES, ROLES
from pgdeploy.layers.backup.script import statements
from pgdeploy.reach.program import environment, found_program, major_of, way_of
from pgdeploy.reach.server import MAINTENANCE
from pgdeploy.reach.server_message import as_target_error
from pgdeploy.text.naming import examples, quoted_name
from pgdeploy.text.one_line import one_line

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.layers.backup.manifest import Manifest

APPLICATION = "pgdeploy restore"
_IN_EVERY_SERVER = ("postgres", "template1")
_MADE_BEFORE = re.compile(r"ERROR: +(?:(?:role|database) \".*\" already exists|option \".*\" not recognized)")
"""What CREATE says of a role or database that exists; a later pg_dump writes options that the server does not know."""
_FROM_A_LATER_PROGRAM = 'unrecognized configuration parameter "transaction_timeout"'
"""pg_restore 17 and later sets it on every server; earlier ones do not know it and need not."""
_IDENTIFIER = r'("(?:[^"]|"")+"|[^\s";]+)'
_OF_A_ROLE = re.compile(rf"(?:CREATE|ALTER) ROLE {_IDENTIFIER}(?:;| WITH )")
_MEMBERSHIP = re.compile(rf"GRANT {_IDENTIFIER} TO {_IDENTIFIER}[ ;]")
_OF_THE_DATABASE = re.compile(r"\d+; \d+ \d+ (?:DATABASE|(?:ACL|COMMENT|SECURITY LABEL) - DATABASE) ")


class Restorer:
    """Restores one backup into the server of a connection.

    Tablespaces are not created: tables that were in one are restored into the default one.

    Raises:
        TargetError: a program is not installed, or the server is older than the one that was dumped.
    """

    def __init__(
        self, backup: Manifest, folder: Path, connection: psycopg.Connection[Any], jobs: int
    ) -> None:
        self.major = connection.info.server_version // 10_000
        if self.major < backup.major:
            raise TargetError(
                f"backup {backup.label} was made of PostgreSQL {backup.major} and cannot be restored into "
                f"PostgreSQL {self.major}; restore it into {backup.major} or later"
            )
        self._backup, self._folder, self._connection, self._jobs = backup, folder, connection, jobs
        self._psql = found_program("psql", self.major)
        self._pg_restore = found_program("pg_restore", major_of(backup.program))
        self._environment = environment(connection.info.password or None, {"PGAPPNAME": APPLICATION})

    def everything(self) -> None:
        """All roles and databases, into a server that has none of them; databases as they were created, not as
        pg_restore --create does it, whose statement is of the version of pg_dump.

        Raises:
            TargetError: something could not be restored.
        """
        self._run_script((self._folder / ROLES).read_text("utf-8"), "the roles", self._connection.info.dbname)
        for name in self._backup.databases:
            if name not in _IN_EVERY_SERVER:
                with as_target_error(f"database {quoted_name(name)} cannot be created"):
                    self._connection.execute(self._backup.databases[name].statement(name, self.major))
            self.fill(name, name)
            self.properties(name)

    def missing_roles(self, existing: Iterable[str]) -> list[str]:
        """Roles of the backup that are not among the existing ones."""
        named = [_unquoted(found[1]) for one in self._of_roles() if (found := _OF_A_ROLE.match(one))]
        return sorted(set(named) - set(existing))

    def create_roles(self, names: Iterable[str]) -> None:
        """These roles with their attributes and memberships, without passwords and settings; no other role changes.

        Raises:
            TargetError: one could not be created.
        """
        chosen = set(names)
        mine = [one for one in self._of_roles() if _role_of(one) in chosen]
        if mine:
            self._run_script("\n".join(mine), f"roles {examples(chosen)}", self._connection.info.dbname)

    def fill(self, database: str, name: str) -> None:
        """The contents of a database of the backup, into the empty database `name`.

        Raises:
            TargetError: something of it could not be restored.
        """
        place = str(self._folder / DATABASES / self._number(database))
        command = [str(self._pg_restore), "--no-tablespaces", f"--jobs={self._jobs}"]
        done = self._run([*command, f"--dbname={self._way(name)}", place])
        if done.returncode != 0 and not _only_harmless(done.stderr):
            raise TargetError(f"database {quoted_name(database)} cannot be restored: {_first_error(done)}")

    def properties(self, database: str) -> None:
        """Owner, grants, settings and comment of a database itself, on the one that has its name now.

        Raises:
            TargetError: one could not be restored.
        """
        place = str(self._folder / DATABASES / self._number(database))
        listed = self._output("--create", "--list", place).splitlines()
        with NamedTemporaryFile("w", encoding="utf-8", suffix=".list") as chosen:
            chosen.write("\n".join(filter(_OF_THE_DATABASE.match, listed)) + "\n")
            chosen.flush()
            script = self._output("--create", f"--use-list={chosen.name}", "--file=-", place)
        # none of it needs a session in the database, which may let nobody in yet
        what = f"the properties of database {quoted_name(database)}"
        self._run_script("\n".join(statements(script)), what, MAINTENANCE)

    def _of_roles(self) -> list[str]:
        return list(statements((self._folder / ROLES).read_text("utf-8")))

    def _number(self, database: str) -> str:
        return str(list(self._backup.databases).index(database))

    def _way(self, database: str) -> str:
        return way_of(self._connection, self._connection.info.user, database)

    def _output(self, *arguments: str) -> str:
        done = self._run([str(self._pg_restore), *arguments])
        if done.returncode != 0:
            raise TargetError(f"the backup cannot be read: {_first_error(done)}")
        return done.stdout

    def _run_script(self, script: str, what: str, database: str) -> None:
        """That a role or database exists already is no error: the rest of the script is about it."""
        command = [str(self._psql), "--no-psqlrc", "--quiet", "--file=-", f"--dbname={self._way(database)}"]
        done = self._run(command, script)
        errors = [
            line for line in done.stderr.splitlines() if "ERROR:" in line and not _MADE_BEFORE.search(line)
        ]
        if errors or done.returncode != 0:
            why = one_line(errors[0].partition("ERROR:")[2].strip()) if errors else _first_error(done)
            raise TargetError(f"{what} cannot be restored: {why}")

    def _run(self, command: list[str], script: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command,
            env=self._environment,
            input=script,
            capture_output=True,
            text=True,
            errors="backslashreplace",
            check=False,
        )


def _role_of(statement: str) -> str | None:
    """The role that a statement of pg_dumpall's is about: of a membership, the member."""
    if found := _OF_A_ROLE.match(statement):
        return _unquoted(found[1])
    found = _MEMBERSHIP.match(statement)
    return _unquoted(found[2]) if found else None


def _unquoted(identifier: str) -> str:
    return identifier[1:-1].replace('""', '"') if identifier.startswith('"') else identifier


def _errors(said: str) -> list[str]:
    return [line for line in said.splitlines() if "error:" in line]


def _only_harmless(said: str) -> bool:
    """Whether pg_restore went on to its end, and each of its errors is one that loses nothing."""
    at_the_end = re.search(r"errors ignored on restore: \d+\s*$", said)
    return at_the_end is not None and all(_FROM_A_LATER_PROGRAM in line for line in _errors(said))


def _first_error(done: subprocess.CompletedProcess[str]) -> str:
    lines = [line for line in _errors(done.stderr) if _FROM_A_LATER_PROGRAM not in line]
    lines = lines or done.stderr.strip().splitlines()
    if not lines:
        return f"{Path(done.args[0]).name} ends with status {done.returncode}"
    return one_line(lines[0].partition("error:")[2].strip() or lines[0])
