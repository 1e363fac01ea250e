"""A shop that releases are made to: its server, its spec, its files of SQL, and the commands."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import psycopg

from pgdeploy.reach.embedded import Cluster
from tests.program import pgdeploy

SPEC = """\
postgres: {major}
connect: {{dsn: '{dsn}'}}
roles:
  postgres: {{superuser: true, login: true}}
  owner{n}: {{}}
  app{n}: {{login: true, connection_limit: 20, password: {{env: APP_PASSWORD}}}}
undeclared: {{roles: ignore, databases: ignore}}
databases:
  shop{n}:
    owner: owner{n}
    schemas: {{public: {{owner: owner{n}}}}}
    grants:
      - {{grant: [CONNECT], on: database, to: [app{n}]}}
      - {{grant: [USAGE], on: {{schema: public}}, to: [app{n}]}}
      - {{grant: [SELECT, INSERT], on: {{schema: public, all: tables}}, to: [app{n}]}}
migrations:
  shop{n}: {{sql: ../migrations}}
backup:
  repository: {{path: ../kept}}
"""
FIRST = {
    "0001_orders.up": "CREATE TABLE orders (id bigint PRIMARY KEY, item text NOT NULL);\n",
    "0001_orders.down": "DROP TABLE orders;\n",
}
SECOND = {
    "0002_note.up": "ALTER TABLE orders ADD COLUMN note text;\n",
    "0002_note.down": "ALTER TABLE orders DROP COLUMN note;\n",
    "0003_customers.up": "CREATE TABLE customers (id bigint PRIMARY KEY, name text);\n",
    "0003_customers.down": "DROP TABLE customers;\n",
}
_MADE: WeakKeyDictionary[Cluster, Place] = WeakKeyDictionary()
"""By server, the shop whose first release was made there."""
_LONGEST = 90
"""Seconds of a command that hangs."""
ORDERS = 100
PASSWORD = "canary-App-3e"
RELEASE = ("--yes", "--force", "lint")
"""squawk advises against much of what these files have."""


@dataclass(frozen=True)
class Place:
    folder: Path
    server: Cluster
    number: int
    major: int = 16

    @property
    def database(self) -> str:
        return f"shop{self.number}"

    @property
    def app(self) -> str:
        return f"app{self.number}"

    def write(self, files: dict[str, str]) -> None:
        (self.folder / "migrations").mkdir(exist_ok=True)
        for name, text in files.items():
            (self.folder / f"migrations/{name}.sql").write_text(text)

    def spec(self, more: str = "") -> None:
        """With sections beside those that it always has; a line may name {n}."""
        (self.folder / "specs").mkdir(exist_ok=True)
        text = SPEC.format(major=self.major, dsn=self.server.dsn, n=self.number)
        (self.folder / "specs/shop.yaml").write_text(text + more.replace("{n}", str(self.number)))

    @property
    def environment(self) -> dict[str, str]:
        known = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        return {**known, "XDG_STATE_HOME": str(self.folder / "state"), "APP_PASSWORD": PASSWORD}

    def begun(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "pgdeploy", words[0], "shop", *words[1:]],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def run(self, *words: str, status: int | None = 0) -> str:
        """What a command prints; `status` None: whatever it ends with."""
        done = pgdeploy(words[0], "shop", *words[1:], cwd=self.folder, env=self.environment, timeout=_LONGEST)
        said = done.stdout + done.stderr
        assert status is None or done.returncode == status, said
        assert "Traceback" not in said
        assert "canary" not in said
        return said

    def release(self, *words: str, status: int | None = 0) -> str:
        return self.run("release", *RELEASE, *words, status=status)

    def killed(self, running: subprocess.Popen[str]) -> None:
        """With all that it started, as by the kernel."""
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()

    def sql(self, text: str, database: str = "") -> list[tuple[Any, ...]]:
        with closing(self.server.open(database or self.database)) as connection:
            cursor = connection.execute(text.encode())
            return cursor.fetchall() if cursor.description else []

    def as_app(self) -> psycopg.Connection[Any]:
        """A session of the application."""
        return psycopg.connect(
            f"{self.server.dsn} dbname={self.database} user={self.app} password={PASSWORD}"
        )

    @property
    def versions(self) -> list[str]:
        return [str(one) for (one,) in self.sql("SELECT version_num FROM public.schema_versions ORDER BY 1")]

    @property
    def limit(self) -> int:
        ((limit,),) = self.sql(f"SELECT rolconnlimit FROM pg_roles WHERE rolname = '{self.app}'")
        return int(limit)

    @property
    def orders(self) -> int:
        ((number,),) = self.sql("SELECT count(*) FROM public.orders")
        return int(number)

    @property
    def journals(self) -> list[list[dict[str, Any]]]:
        """Of all releases, the oldest first, those on the controller."""
        files = sorted((self.folder / "state/pgdeploy/releases/shop").glob("*.jsonl"))
        return [[json.loads(line) for line in file.read_text().split("\n")[:-1]] for file in files]

    @property
    def newest(self) -> str:
        """The id of the newest release."""
        return max((self.folder / "state/pgdeploy/releases/shop").glob("*.jsonl")).stem

    def wait(self, event: str) -> None:
        """Until the journal of the second release or a later one has a line of this kind."""
        end = time.monotonic() + _LONGEST
        while time.monotonic() < end:
            known = self.journals
            if len(known) > 1 and any(entry["event"] == event for entry in known[-1]):
                return
            time.sleep(0.01)
        raise AssertionError(f"no {event} in {self.journals}")

    def made(self, more: str = "") -> Place:
        """With the first release done, and the second one waiting."""
        first = _MADE.get(self.server)
        if first is None:
            first = _MADE[self.server] = Place(self.folder.parent / "first", self.server, 0)
            first.folder.mkdir()
            first.write(FIRST)
            first.spec()
            first.release()
            rows = f"SELECT g, 'item ' || g FROM generate_series(1, {ORDERS}) AS g"
            first.sql(f"INSERT INTO public.orders {rows}")
        self._copied(first)
        self.write({**FIRST, **SECOND})
        self.spec(more)
        return self

    def _copied(self, first: Place) -> None:
        """Its database with the objects of our roles, and its journals."""
        for text in (
            f"CREATE ROLE owner{self.number}",
            f"CREATE ROLE {self.app} LOGIN CONNECTION LIMIT 20 PASSWORD '{PASSWORD}'",
            f"CREATE DATABASE {self.database} TEMPLATE {first.database} OWNER owner{self.number}",
            f"GRANT CONNECT ON DATABASE {self.database} TO {self.app}",
        ):
            self.sql(text, "postgres")
        for text in (
            f"ALTER SCHEMA public OWNER TO owner{self.number}",
            f"ALTER TABLE public.orders OWNER TO owner{self.number}",
            f"ALTER TABLE public.schema_versions OWNER TO owner{self.number}",
            f"DROP OWNED BY {first.app}",
            f"GRANT USAGE ON SCHEMA public TO {self.app}",
            f"GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO {self.app}",
        ):
            self.sql(text)
        for folder in ("state", "kept"):
            shutil.copytree(first.folder / folder, self.folder / folder)
