"""`apply --plan`: the plan that was saved, or nothing, whoever had the file in between."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pgdeploy.errors import PlanError
from pgdeploy.reach.embedded import Cluster
from pgdeploy.report import saved_plan
from tests.conftest import cluster
from tests.output.command import run

SPEC = """\
postgres: 16
settings: {work_mem: 9MB}
roles:
  postgres: {superuser: true}
  plan_gone: {state: absent}
  plan_app: {login: true, settings: {work_mem: 5MB}}
databases:
  plan_shop:
    owner: plan_app
    lc_collate: POSIX
    schemas: {sales: {}}
hba:
  - {type: local, database: [all], user: [all], method: trust}
"""

Data = dict[str, Any]


class Site:
    """A spec, a server, and the plan of the one for the other."""

    def __init__(self, folder: Path, server: Cluster) -> None:
        self.spec, self.file, self.server = folder / "shop.yaml", folder / "plan.json", server
        self.spec.write_text(SPEC)
        self.execute("CREATE DATABASE plan_shop TEMPLATE template0 LOCALE 'C'")
        self.execute("CREATE ROLE plan_gone")
        code, said = run("plan", str(self.spec), "--dsn", server.dsn, "--out", str(self.file))
        assert code == 2, said
        self.data: Data = json.loads(self.file.read_text())

    def execute(self, text: str) -> None:
        with psycopg.connect(self.server.dsn, autocommit=True) as connection:
            connection.execute(text.encode())

    def state(self) -> object:
        """What an apply would change."""
        with psycopg.connect(self.server.dsn) as connection:
            roles = connection.execute("SELECT rolname, rolsuper FROM pg_roles WHERE rolname LIKE 'plan%'")
            files = connection.execute(
                "SELECT count(*) FROM pg_file_settings WHERE sourcefile LIKE '%.auto.conf'"
            )
            return roles.fetchall(), files.fetchall(), (self.server.data / "pg_hba.conf").read_text()

    def apply(self, data: Data | None = None, *more: str) -> str:
        """What an apply says that is refused; nothing may have happened."""
        if data is not None:
            self.file.write_text(json.dumps(data))
        before = self.state()
        words = ("apply", str(self.spec), "--dsn", self.server.dsn, "--plan", str(self.file), "--yes", *more)
        code, said = run(*words)
        assert self.state() == before
        assert (code, said.count("\n")) == (1, 1), said
        assert said.startswith(f"pgdeploy: {self.file}: ")
        return said


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """On a server of its own, as its settings change, too."""
    for server in cluster(16):
        yield Site(tmp_path_factory.mktemp("plan"), server)


@pytest.fixture(autouse=True)
def untouched(site: Site) -> Iterator[None]:
    yield
    site.file.write_text(json.dumps(site.data))


def leaves(data: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every place of a plan where something can be written."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    yield path
    for key, value in inner:
        yield from leaves(value, (*path, key))


def other(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, str):
        return {"destructive": "safe", "safe": "destructive"}.get(value, f"{value}x")
    if isinstance(value, list):
        return [*value, value[-1]] if value else ["x"]
    if isinstance(value, dict):
        return {**value, "x": 1}
    return 7


def edited(data: Data, path: tuple[str | int, ...], edit: Callable[[Any], Any], *, digest: bool) -> Data:
    made: Any = copy.deepcopy({"": data})
    inner = made
    for key in ("", *path)[:-1]:
        inner = inner[key]
    last = ("", *path)[-1]
    inner[last] = edit(inner[last])
    made = made[""]
    if digest:
        made["digest"] = saved_plan._digest(made)
    return dict(made)


def test_every_place_of_a_plan_that_is_edited(site: Site) -> None:
    """With its digest as it was, and made anew by whoever knows how: the plan that is made anew decides."""
    tried = 0
    for path in leaves(site.data):
        if path == ("digest",):
            continue
        for digest in (False, True):
            data = edited(site.data, path, other, digest=digest)
            said = site.apply(data, "--allow-destructive") if tried < 8 else _refused(site, data)
            assert digest or any(word in said for word in ("edited", "not a plan", "of version")), (
                path,
                said,
            )
            tried += 1
    assert tried > 200


def _refused(site: Site, data: Data) -> str:
    """The same question, without a server for each: what `apply` asks before it does anything."""
    site.file.write_text(json.dumps(data))
    with pytest.raises(PlanError) as refused:
        saved_plan.load(site.file).require_same(*_planned(site), destructive=True)
    return str(refused.value)


_GATES: dict[Path, Any] = {}


def _planned(site: Site) -> Any:
    from pgdeploy.gate.gate import ConnectionOptions, Gate
    from pgdeploy.gate.target import load_target

    if site.spec not in _GATES:
        gate = Gate(load_target(site.spec), ConnectionOptions(dsn=site.server.dsn))
        _GATES[site.spec] = gate.plan(), gate
    return _GATES[site.spec]


def first(site: Site, word: str) -> tuple[int, int]:
    """The change and statement that hold a word."""
    return next(
        (number, at)
        for number, change in enumerate(site.data["changes"])
        for at, text in enumerate(change["sql"])
        if word in text
    )


def _sql(site: Site, word: str, edit: Callable[[str], str]) -> Data:
    number, at = first(site, word)
    return edited(site.data, ("changes", number, "sql", at), edit, digest=True)


def _change(site: Site, word: str, field: str, value: Any) -> Data:
    return edited(site.data, ("changes", first(site, word)[0], field), lambda _: value, digest=True)


TAMPERED: dict[str, tuple[Callable[[Site], Data], str]] = {
    "superuser": (lambda site: _sql(site, "CREATE ROLE", lambda text: f"{text} SUPERUSER"), "sql: saved"),
    "another statement": (
        lambda site: _sql(site, "CREATE ROLE", lambda _: "DROP DATABASE plan_shop"),
        "sql: saved",
    ),
    "one statement more": (lambda site: _change(site, "CREATE ROLE", "sql", ["a", "b"]), "sql: saved"),
    "no statement": (lambda site: _change(site, "CREATE ROLE", "sql", []), "sql: saved"),
    "said to be safe": (lambda site: _change(site, "DROP ROLE", "risk", "safe"), "risk: saved"),
    "nothing lost": (lambda site: _change(site, "DROP ROLE", "lost", ""), "lost: saved"),
    "another database": (
        lambda site: _change(site, "CREATE SCHEMA", "database", "postgres"),
        "database: saved",
    ),
    "no restart": (lambda site: _change(site, "work_mem", "effect", "none"), "effect: saved"),
    "other causes": (
        lambda site: _change(site, "DROP ROLE", "causes", ["role[plan_app].login"]),
        "causes: saved",
    ),
    "no rights needed": (lambda site: _change(site, "work_mem", "needs", []), "needs: saved"),
    "a rule of hba": (
        lambda site: _change(site, "CREATE ROLE", "hba", "host all all all trust\n"),
        "hba: saved",
    ),
    "a change less": (
        lambda site: edited(site.data, ("changes",), lambda all_: all_[:-1], digest=True),
        "now",
    ),
    "a change more": (
        lambda site: edited(site.data, ("changes",), lambda all_: [*all_, all_[-1]], digest=True),
        "changes saved",
    ),
    "another order": (
        lambda site: edited(site.data, ("changes",), lambda all_: all_[::-1], digest=True),
        "change 1,",
    ),
    "another field": (
        lambda site: edited(site.data, ("changes", 0), lambda change: {**change, "x": 1}, digest=True),
        "x: saved 1, now nothing",
    ),
    "another spec": (
        lambda site: edited(site.data, ("spec",), lambda _: "0" * 64, digest=True),
        "another spec",
    ),
    "another target": (
        lambda site: edited(site.data, ("target",), lambda _: "pg02", digest=True),
        "another target",
    ),
    "another cluster": (
        lambda site: edited(site.data, ("system",), lambda _: "1", digest=True),
        "another server",
    ),
    "another pgdeploy": (
        lambda site: edited(site.data, ("pgdeploy",), lambda _: "9", digest=True),
        "by pgdeploy 9",
    ),
    "without its digest": (
        lambda site: edited(site.data, ("target",), lambda _: "pg02", digest=False),
        "was edited",
    ),
}


@pytest.mark.parametrize("how", TAMPERED)
def test_a_tampered_plan_says_what_differs(site: Site, how: str) -> None:
    make, words = TAMPERED[how]
    assert words in site.apply(make(site), "--allow-destructive")


def test_what_loses_something_wants_its_flag_and_nothing_has_moved(site: Site) -> None:
    said = site.apply()
    assert "1 of " in said
    assert said.endswith("nothing was done: to apply it, pass --allow-destructive\n")
    assert "moved" not in said


NO_PLANS = {
    "empty": (b"", "not JSON"),
    "no json": (b"{", "not JSON"),
    "a list": (b"[]", "not an object"),
    "a number": (b"7", "not an object"),
    "an object": (b"{}", "it lacks changes, digest"),
    "only a digest": (b'{"digest": "x"}', "it lacks changes, layer, pgdeploy"),
    "twice": (b'{"digest": "x", "digest": "y"}', "a key stands twice"),
    "not a number": (b'{"digest": NaN}', "NaN is no JSON"),
    "latin-1": (b'{"digest": "\xfc"}', "not UTF-8"),
    "utf-16": ('{"digest": "x"}'.encode("utf-16"), "not UTF-8"),
    "deep": (b"[" * 100_000, "not JSON"),
    "long number": (b'{"digest": ' + b"9" * 10_000 + b"}", "not JSON"),
    "older": (b'{"schema": 1, "digest": "x"}', "a plan of version 1; this pgdeploy reads 6"),
    "newer": (b'{"schema": 99, "digest": "x"}', "a plan of version 99"),
    "other": (b'{"schema": "2\\n::error::", "digest": "x"}', "it lacks"),
}


@pytest.mark.parametrize("what", NO_PLANS)
def test_a_file_that_is_no_plan(site: Site, what: str) -> None:
    content, words = NO_PLANS[what]
    site.file.write_bytes(content)
    assert words in site.apply()


@pytest.mark.parametrize("path", ["/dev/zero", "nowhere", ".", "/etc/shadow/x"])
def test_a_path_that_is_no_file(site: Site, path: str) -> None:
    site.file, before = Path(path), site.file
    try:
        site.apply()
    finally:
        site.file = before


def test_the_types_of_a_plan(site: Site) -> None:
    for key in site.data:
        for value in (None, 7, True, [7]):
            site.file.write_text(json.dumps({**site.data, key: value}))
            with pytest.raises(PlanError, match=r"not a plan|of version 7"):
                saved_plan.load(site.file)


def test_the_server_moved_and_then_the_plan_itself(site: Site) -> None:
    """Last in this file: it applies the plan."""
    site.execute("CREATE ROLE plan_app")
    assert "moved since this plan was saved" in site.apply(None, "--allow-destructive")
    site.execute("DROP ROLE plan_app")
    words = ("apply", str(site.spec), "--dsn", site.server.dsn, "--plan", str(site.file), "--yes")
    code, said = run(*words, "--allow-destructive")
    assert code in (0, 2), said
    assert ("plan_app", False) in site.state()[0]  # type: ignore[index]
    assert ("plan_gone", False) not in site.state()[0]  # type: ignore[index]
