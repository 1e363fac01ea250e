"""A shop's place: its project, its spec, its database, and the commands."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from weakref import WeakSet

from pgdeploy.core.check import Finding, Verdict
from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.gate.target import load_target
from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.program import found_program
from tests.migrations.project import ENV, SPEC, STEPS, write_project
from tests.program import pgdeploy as pgdeploy_program

_MADE: WeakSet[Cluster] = WeakSet()
"""Servers that have a database to copy."""


@dataclass(frozen=True)
class Shop:
    """One database of a server."""

    place: Path
    server: Cluster
    database: str
    major: int = 16

    def made_of(self, kind: str, **files: str) -> Shop:
        """With roles and database, and these files in a folder of scripts of another kind than Alembic."""
        self.write(**files)
        self._make_database()
        self.spec(kind=kind)
        return self

    def write(self, **files: str) -> None:
        """Files of SQL, by their names without the ending."""
        self.scripts.mkdir(exist_ok=True)
        for name, text in files.items():
            (self.scripts / f"{name}.sql").write_text(text)

    def made(self, number: int = len(STEPS), env: str = ENV, more: str = "", of: str = "made") -> Shop:
        """With roles and database, a copy of `of`, and the scripts of the first revisions."""
        write_project(self.place, number, env)
        self._make_database(of)
        self.spec(more)
        return self

    def _make_database(self, of: str = "made") -> None:
        """A copy of another one; the first one of this server the spec makes."""
        with closing(self.server.open("postgres")) as connection:
            if self.server not in _MADE:
                self.spec()
                self.done("apply", "--yes", "--no-gate", status=None)
                connection.execute(f"CREATE DATABASE made TEMPLATE {self.database} OWNER owner".encode())
                _MADE.add(self.server)
            else:
                connection.execute(f"CREATE DATABASE {self.database} TEMPLATE {of} OWNER owner".encode())

    def spec(self, more: str = "", beside: str = "", kind: str = "alembic") -> None:
        """`more` goes into the entry of `migrations:`, `beside` after it."""
        (self.place / "specs").mkdir(exist_ok=True)
        more = f", {more}" if more else ""
        text = SPEC.format(major=self.major, database=self.database, more=more)
        (self.place / "specs/shop.yaml").write_text(text.replace("alembic:", f"{kind}:") + beside)

    @property
    def scripts(self) -> Path:
        return self.place / "migrations"

    def words(self, *words: str) -> list[str]:
        offline = words[1:2] in (("history",), ("heads",), ("lint",)) or words[1:3] == ("new", "-m")
        way = () if offline else ("--dsn", self.server.dsn)
        return [words[0], "shop", *words[1:], *way]

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "pgdeploy", *self.words(*words)]

    def done(self, *words: str, status: int | None = 0, **environment: str) -> str:
        """What a command prints; `status` None: whatever it ends with."""
        done = pgdeploy_program(*self.words(*words), cwd=self.place, env={**os.environ, **environment})
        said = done.stdout + done.stderr
        assert status is None or done.returncode == status, said
        return said

    def alone(self, *words: str, status: int = 0) -> str:
        """What a command prints that does not reach the server."""
        done = pgdeploy_program(words[0], "shop", *words[1:], cwd=self.place)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def migrate(self, *words: str, status: int = 0) -> str:
        """Run what is pending."""
        return self.done("apply", "--layer", "migration", "--yes", *words, status=status)

    def sql(self, text: str) -> list[tuple[object, ...]]:
        with closing(self.server.open(self.database)) as connection:
            connection.execute("SET search_path = public")
            cursor = connection.execute(text.encode())
            return cursor.fetchall() if cursor.description else []

    @property
    def versions(self) -> list[str]:
        return [
            str(version)
            for (version,) in self.sql("SELECT version_num FROM public.alembic_version ORDER BY 1")
        ]

    def dump(self) -> str:
        """The schema and rows, byte for byte the same for the same."""
        program = found_program("pg_dump", self.major)
        words = ["--restrict-key=same", "--exclude-table=alembic_version|schema_versions", "--inserts"]
        done = subprocess.run(
            [str(program), *words, f"--dbname={self.server.dsn} dbname={self.database}"],
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    def findings(self, layer: str = "migration") -> list[Finding]:
        gate = Gate(load_target(self.place / "specs/shop.yaml"), ConnectionOptions(dsn=self.server.dsn))
        try:
            gate.ask_layer(layer)
            return gate.ask()
        finally:
            gate.close()

    def red(self, layer: str = "migration") -> dict[str, str]:
        """Checks that fail or have no answer, each with why."""
        fine = (Verdict.CONFORMS, Verdict.BLOCKED, Verdict.INAPPLICABLE)
        return {
            one.check.id: one.reason or one.actual for one in self.findings(layer) if one.verdict not in fine
        }
