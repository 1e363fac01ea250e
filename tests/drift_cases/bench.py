"""The bench: a real server with the base spec applied, and the proof that a case goes through on it.

The proof: all green and nothing planned; after the break exactly the named checks drift and the plan
names them as causes, or says why it is stuck; after apply all green and nothing planned.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from zlib import crc32

from pgdeploy.core.check import Finding, Verdict
from pgdeploy.core.facts import Facts
from pgdeploy.core.step import Effect, Risk
from pgdeploy.gate.target import Target, load_target
from pgdeploy.layers.server.apply import apply
from pgdeploy.layers.server.plan import Plan, plan
from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.side_by_side import closing
from tests.conftest import cluster
from tests.diff import diff
from tests.drift_cases.names import HOSTILE, PLAIN, Names

HERE = Path(__file__).parent
_EVERYWHERE = "PGDEPLOY_EVERY_VERSION" in os.environ
PASSWORD = "a secret for the red/green tests"

EXTENSION = {14: "citext", 15: "citext", 16: "vector", 17: "citext", 18: "vector"}
"""One that the programs of this version bring."""

SERVERS = {
    "14": (14, Names(PLAIN)),
    "15": (15, Names(PLAIN)),
    "16": (16, Names(PLAIN)),
    "17": (17, Names(HOSTILE)),
    "18": (18, Names(HOSTILE)),
}
"""The servers, and whether the names on them are ordinary."""

INCLUDED = "their rules.conf"
"""A file that the base spec's pg_hba.conf reads, from PostgreSQL 16, beside others of the same content."""
THEIR_RULES = "host all all 10.7.0.0/16 reject\n"
TABLESPACE = Path(tempfile.gettempdir()) / f"pgdeploy-tablespace-{os.getpid()}"
"""A folder that a server of this process makes a tablespace in."""

_FROM = re.compile(r" +# from (\d+)(?: until (\d+))?$")
_UNTIL = re.compile(r" +# until (\d+)$")


@dataclass(frozen=True, slots=True)
class Case:
    """One thing broken by hand, and what must be said of it.

    `sql` runs in the database `at`; `hand` does what SQL cannot. `stuck` are those of `red` that no change
    removes; `cleanup` then mends them, in `at` too. Names stand as `$app` everywhere.
    """

    name: str
    sql: str | tuple[str, ...] = ()
    red: str | tuple[str, ...] = ()
    at: str = "postgres"
    hand: Callable[[Bench], None] | None = None
    stuck: str | tuple[str, ...] = ()
    cleanup: str | tuple[str, ...] = ()
    mend: Callable[[Bench], None] | None = None
    destructive: bool = False
    restart: bool = False
    unreadable: str | tuple[str, ...] = ()
    also: str | tuple[str, ...] = ()
    """Checks that are green, and that the plan must see to all the same: mending the red ones breaks them."""
    since: int = 14
    until: int = 18
    everywhere: bool = False
    """On all versions; without it what depends on no version is tried on 18, and on one of 15 and 16."""

    def fits(self, major: int) -> bool:
        """Whether it is tried on this version; `make test-versions` tries each on all that can have it."""
        depends = self.everywhere or ((self.since, self.until) != (14, 18) and major in (15, 16))
        tried = _EVERYWHERE or major == 18 or major == 15 + crc32(self.name.encode()) % 2
        return self.since <= major <= self.until and (depends or tried)


def several(texts: str | tuple[str, ...]) -> tuple[str, ...]:
    return (texts,) if isinstance(texts, str) else texts


def base_spec(major: int) -> str:
    """The base spec as it stands for a version, names and extension still open."""
    lines = (HERE / "base.yaml").read_text().splitlines()
    return "".join(f"{kept}\n" for line in lines if (kept := _fitting(line, major))).replace(
        "$major", str(major)
    )


def _fitting(line: str, major: int) -> str:
    since, until = _FROM.search(line), _UNTIL.search(line)
    first = int(since[1]) if since else 14
    last = int(until[1]) if until else int((since and since[2]) or 18)
    return _UNTIL.sub("", _FROM.sub("", line)) if first <= major <= last else ""


def with_extension(text: str, major: int, version: str) -> str:
    text = text.replace("$tablespace_folder", str(TABLESPACE))
    return text.replace("$extension_version", version).replace("$extension", EXTENSION[major])


@dataclass(slots=True)
class Bench:
    """A cluster and the base spec on it."""

    cluster: Cluster
    names: Names
    folder: Path
    major: int = 0
    version: str = ""
    """Of the extension."""
    target: Target = field(init=False)
    green: bool = False
    """Whether all was well when the server was last looked at; after a failed case it is of no more use."""
    owed: str = ""
    """The case that was mended last, while nobody has looked at the server since."""
    owed_red: frozenset[str] = frozenset()
    """What was red in it."""

    # -- the spec ----------------------------------------------------------------------------------

    def load(self, change: Callable[[str], str] = lambda text: text) -> Target:
        """The base spec for this version and these names; `change` edits its text first."""
        file = self.folder / f"base{self.major}.yaml"
        file.write_text(self.names.yaml(self._with_extension(change(base_spec(self.major)))))
        return load_target(file)

    def _with_extension(self, text: str) -> str:
        return with_extension(text, self.major, self.version)

    def ask(self, query: str) -> str:
        with closing(self.cluster.open()) as connection:
            row = connection.execute(query.encode()).fetchone()
        assert row is not None
        return str(row[0])

    # -- the server --------------------------------------------------------------------------------

    def run(self, texts: str | tuple[str, ...], at: str = "postgres") -> None:
        """SQL by hand; ALTER SYSTEM is followed by a reload."""
        if not texts:
            return
        with closing(self.cluster.open(self.names.by_key.get(at, at), configured=False)) as connection:
            for text in several(texts):
                connection.execute(self.names.sql(self._with_extension(text)).encode())
        if "ALTER SYSTEM" in str(texts):
            self.reload()

    def run_without_reload(self, text: str) -> None:
        """SQL by hand that the running server hears nothing of yet."""
        with closing(self.cluster.open(configured=False)) as connection:
            connection.execute(text.encode())

    def reload(self) -> None:
        """Reload, and wait for it; a file that the server refuses as a whole is not worth long waiting."""
        deadline = time.monotonic() + 5
        with closing(self.cluster.open()) as connection:
            query = "SELECT pg_conf_load_time()"
            before = connection.execute(query).fetchone()
            connection.execute("SELECT pg_reload_conf()")
            while connection.execute(query).fetchone() == before and time.monotonic() < deadline:
                time.sleep(0.005)

    def restart_and(self, sql: str) -> None:
        """Restart, so that what waits for it is in effect, then more by hand."""
        self.cluster.restart()
        self.run(sql)

    def append(self, file: str, line: str) -> None:
        """A line at the end of a configuration file, and a reload."""
        with (self.cluster.data / file).open("a") as opened:
            opened.write(f"{line}\n")
        self.reload()

    def put_back(self, file: str) -> None:
        """Take the last line out again."""
        path = self.cluster.data / file
        path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
        self.reload()

    def next_second(self) -> None:
        """The server knows the times of files to the second."""
        time.sleep(1 - time.time() % 1)

    def edit_hba(self, change: Callable[[list[str]], list[str]]) -> None:
        """Rewrite the rules below pgdeploy's own way in."""
        lines = (self.cluster.data / "pg_hba.conf").read_text().splitlines()
        self.cluster.write_hba("".join(f"{line}\n" for line in change(lines[self.cluster.own_hba_lines :])))

    def edit_ident(self, change: Callable[[list[str]], list[str]]) -> None:
        """The same of the user name maps."""
        lines = (self.cluster.data / "pg_ident.conf").read_text().splitlines()
        kept = lines[self.cluster.own_ident_lines :]
        self.cluster.write_ident("".join(f"{line}\n" for line in change(kept)))

    def read(self) -> Facts:
        return self.target.read(self.cluster)

    def plan(self, facts: Facts, target: Target | None = None) -> Plan:
        target = target or self.target
        return plan(target.spec, target.resources, facts)

    def ids(self, texts: str | tuple[str, ...]) -> set[str]:
        return {self.names.id(self._with_extension(text)) for text in several(texts)}

    # -- the proof ---------------------------------------------------------------------------------

    def prepare(self) -> None:
        """Apply the base spec to an empty server: what it can make, then the objects, then the rest."""
        self.major = int(self.ask("SHOW server_version_num")) // 10000
        known = EXTENSION[self.major]
        self.version = self.ask(f"SELECT default_version FROM pg_available_extensions WHERE name = '{known}'")
        self.run(("SET allow_in_place_tablespaces = on", "CREATE TABLESPACE $disk LOCATION ''"))
        # a provider's: nothing of it is as pgdeploy would make it
        self.run("CREATE ROLE $keeper LOGIN NOINHERIT CREATEDB CREATEROLE BYPASSRLS CONNECTION LIMIT 3")
        self.run("ALTER ROLE $keeper SET work_mem = '5MB'")
        self.run("CREATE TABLESPACE folder LOCATION '$tablespace_folder'")
        for path in (INCLUDED, "rules of others", "rules.d/a.conf"):
            (self.cluster.data / path).parent.mkdir(exist_ok=True)
            (self.cluster.data / path).write_text(THEIR_RULES)
        self.target = self.load()
        apply(self.plan(self.read()), self.cluster)
        self.run((HERE / "base.sql").read_text(), at="db")
        apply(self.plan(self.read()), self.cluster)
        self.prove_green()

    def prove_green(self) -> None:
        self.owed = ""
        facts = self.read()
        wrong = {
            f.check.id: (f.verdict, f.actual or f.reason)
            for f in diff(self.target.checks, facts)
            if not well(f)
        }
        assert wrong == {}
        assert said(self.plan(facts)) == []
        self.green = True

    def settle(self) -> None:
        """Prove that the case before left nothing, where no other case has."""
        if self.owed:
            self.green = False
            self.prove_green()

    def prove(self, case: Case) -> None:
        """That a case left all green is mostly seen by the next one, which finds its own checks red and no others."""
        if self.owed and not self._tells_apart(case):
            self.settle()
        assert self.green, "the case before left the server as it was made"
        self.green = False
        self.run(case.sql, case.at)
        if case.hand:
            case.hand(self)
        self._prove_red(case)
        self.run(case.cleanup, case.at)
        if case.mend:
            case.mend(self)
        self.owed, self.owed_red = case.name, frozenset(self.ids(case.red))
        self.green = True

    def _tells_apart(self, case: Case) -> bool:
        """Whether what the case before left would be seen beside this one: nothing of it is red or hidden anyway."""
        red = self.ids(case.red) | self.ids(case.unreadable)
        return not red & self.owed_red and not any(known.endswith(".exists") for known in red)

    def _prove_red(self, case: Case) -> None:
        facts = self.read()
        found = diff(self.target.checks, facts)
        red, stuck = self.ids(case.red), self.ids(case.stuck)
        if self.owed:
            left = {f.check.id: f.verdict for f in found if f.check.id in self.owed_red and not well(f)}
            assert left == {}, f"not mended by the case before, {self.owed!r}"
            self.owed = ""
        assert {f.check.id: f.actual for f in found if f.verdict is Verdict.DRIFTS}.keys() == red
        assert {f.check.id for f in found if f.verdict is Verdict.UNREADABLE} == self.ids(case.unreadable)
        planned = self.plan(facts)
        assert {finding.check.id for finding in planned.stuck} == stuck
        assert all(finding.remedy.text for finding in planned.stuck), "what is stuck says why"
        causes = {cause for change in planned.changes for cause in change.causes}
        waiting = {f.check.id for f in found if f.verdict is Verdict.BLOCKED}
        assert red - stuck | self.ids(case.also) <= causes <= red | waiting | self.ids(case.also)
        assert any(change.risk is Risk.DESTRUCTIVE for change in planned.changes) is case.destructive
        assert any(change.effect is Effect.RESTART for change in planned.changes) is case.restart
        apply(planned, self.cluster)


def well(finding: Finding) -> bool:
    return finding.verdict in (Verdict.CONFORMS, Verdict.INAPPLICABLE)


def said(planned: Plan) -> list[str]:
    """Everything that a plan says, for an assertion that shows it."""
    texts = [statement.text for change in planned.changes for statement in change.statements]
    texts += [f"{change.effect}" for change in planned.changes if not change.statements]
    texts += [f"stuck: {f.check.id} {f.actual}: {f.remedy.text}" for f in planned.stuck]
    return texts + [f"unreadable: {f.check.id}: {f.reason}" for f in planned.unreadable]


@contextmanager
def bench(major: int, names: Names, folder: Path) -> Iterator[Bench]:
    """A bench on a server of its own: cases look at the whole of it, so nobody else may touch it."""
    os.environ["REDGREEN_PASSWORD"] = PASSWORD
    for server in cluster(major):
        owner = server.data.stat()
        TABLESPACE.mkdir(mode=0o700)
        os.chown(TABLESPACE, owner.st_uid, owner.st_gid)
        try:
            made = Bench(server, names, folder)
            made.prepare()
            yield made
            made.settle()
        finally:
            shutil.rmtree(TABLESPACE)


def fitting(cases: Iterable[Case], major: int) -> list[Case]:
    return [replace(case) for case in cases if case.fits(major)]
