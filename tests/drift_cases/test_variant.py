"""Other specs on a server that is as the base spec says: what differs is red, and what no change removes is stuck.

Nothing is applied here; this is for what cannot be broken and mended by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from pgdeploy.core.check import Verdict
from pgdeploy.reach.dsn import DsnServer
from tests.diff import diff
from tests.drift_cases.bench import Bench, well

SERVER = "16"


@dataclass(frozen=True, slots=True)
class Variant:
    """The base spec with `old` replaced by `new`; of `red`, `stuck` is what no change removes."""

    name: str
    old: str
    new: str
    red: str | tuple[str, ...]
    stuck: str | tuple[str, ...] | None = None
    """None: all that is red."""


_ROLE, _DB, _LOCATED = "role[$app]", "database[$db]", "database[$located]"
_LANGUAGE = "{grant: [USAGE], on: {language: plpgsql}, to: [$app]}"

VARIANTS = (
    Variant("another major version", f"postgres: {SERVER}", "postgres: 17", "server[postgres].major"),
    Variant("encoding", "encoding: unicode", "encoding: SQL_ASCII", f"{_DB}.encoding"),
    Variant("the spelling of an encoding", "encoding: unicode", "encoding: utf-8", ()),
    Variant("the spelling of a locale", "lc_collate: C, lc_ctype: C", "lc_collate: POSIX, lc_ctype: C", ()),
    Variant("tablespace", "tablespace: pg_default", "tablespace: $disk", f"{_DB}.tablespace"),
    Variant(
        "locale of libc",
        "lc_collate: C, lc_ctype: C",
        "lc_collate: de_DE.UTF-8, lc_ctype: fr_FR.UTF-8",
        (f"{_LOCATED}.lc_collate", f"{_LOCATED}.lc_ctype"),
    ),
    Variant(
        "locale provider",
        "locale_provider: libc",
        "locale_provider: icu, locale: de-DE",
        (f"{_LOCATED}.locale_provider", f"{_LOCATED}.locale"),
    ),
    Variant("the newest version of an extension", "version: '$extension_version'", "version: newest", ()),
    Variant("an extension that an embedded server cannot have", "$extension: {", "nosuch: {", ()),
    Variant(
        "the superuser of initdb",
        "postgres: {superuser: true,",
        "postgres: {superuser: false, createrole: true, createdb: true, replication: true, bypassrls: true,",
        "role[postgres].superuser",
    ),
    Variant(
        "the superuser of initdb absent",
        "postgres: {superuser: true, login: true}",
        "postgres: {state: absent}",
        "role[postgres].absent",
    ),
    Variant(
        "on the command line",
        "work_mem: 8MB",
        "work_mem: 8MB\n  shared_buffers: 32MB",
        "setting[shared_buffers].value",
    ),
    Variant(
        "a setting that an embedded server cannot have",
        "work_mem: 8MB",
        "work_mem: 8MB\n  port: 5433\n  listen_addresses: '*'\n  ssl: on",
        (),
    ),
    Variant(
        "a setting that loses data, as the spec wants it",
        "work_mem: 8MB",
        "work_mem: 8MB\n  Zero_Damaged_Pages: on\n  fsync: off",
        "setting[Zero_Damaged_Pages].value",
        (),
    ),
    Variant(
        "a setting of an extension that is not loaded",
        "work_mem: 8MB",
        "work_mem: 8MB\n  plpgsql.extra_warnings: all",
        (),
    ),
    Variant(
        "a superuser as grantor, without admin option",
        "grantor: $lead",
        "grantor: $boss",
        ("membership[$app in $crew].grantor", "membership[$app].undeclared"),
        "membership[$app in $crew].grantor",
    ),
    Variant(
        "a table that is not there",
        "{schema: $sky, table: far}",
        "{schema: $sky, table: near}",
        ("grant[$db: INSERT on table $sky.near to $writer].granted", "grant[$db].undeclared"),
        "grant[$db: INSERT on table $sky.near to $writer].granted",
    ),
    Variant(
        "an overload that is not there",
        "function: $area, arguments: [int4]",
        "function: $area, arguments: [float8]",
        "grant[$db: EXECUTE on function $sky.$area(float8) to $app].granted",
    ),
    Variant(
        "a procedure called a function",
        "procedure: tidy}, to: [$writer]",
        "function: tidy}, to: [$writer]",
        "grant[$db: EXECUTE on function $sky.tidy to $writer].granted",
    ),
    *(
        Variant(
            f"a function as others spell it: {spelling}",
            "arguments: [int4]}, to: [$app]",
            f"arguments: {spelling}}}, to: [$app]",
            (),
        )
        for spelling in (
            "[INT]",
            "[pg_catalog.int4]",
            "['radius integer DEFAULT 1']",
            "['IN r int, OUT x text']",
        )
    ),
    *(
        Variant(f"a variadic function: {spelling}", "[prefix text, 'VARIADIC names _text']", spelling, ())
        for spelling in (
            "[text, 'text[]']",
            "['pg_catalog.text, text ARRAY']",
            "['prefix text, VARIADIC names text[] DEFAULT ''{}''::text[]']",
        )
    ),
    *(
        Variant(
            f"a type in a schema: {spelling}", "['kind kind, OUT x integer, OUT y integer']", spelling, ()
        )
        for spelling in ("[kind]", "['kind sky.kind']", "['kind sky.kind', 'OUT x int', 'OUT y int']")
    ),
    *(
        Variant(
            f"what initdb gave on an object of the system: {line}",
            "      - {grant: [USAGE], on: {language: plpgsql}, to: [$app]}\n",
            f"      - {{{line}}}\n      - {{grant: [USAGE], on: {{language: plpgsql}}, to: [$app]}}\n",
            (),
        )
        for line in (
            "grant: [SELECT], on: {schema: information_schema, table: tables}, to: [PUBLIC]",
            "grant: [USAGE], on: {schema: information_schema}, to: [PUBLIC]",
            "revoke: [INSERT], on: {schema: information_schema, table: columns}, from: [$app]",
            "revoke: [SELECT], on: {schema: information_schema, table: _pg_user_mappings}, from: [PUBLIC]",
            "grant: [USAGE], on: {schema: information_schema, type: sql_identifier}, to: [PUBLIC]",
            "grant: [EXECUTE], on: {schema: information_schema, function: _pg_truetypid}, to: [PUBLIC]",
            "grant: [USAGE], on: {schema: pg_catalog, type: point}, to: [PUBLIC]",
            "grant: [SELECT], on: {schema: pg_catalog, table: pg_class}, to: [PUBLIC]",
            "grant: [EXECUTE], on: {schema: pg_catalog, function: lower, arguments: [text]}, to: [PUBLIC]",
            "revoke: [EXECUTE], on: {schema: pg_catalog, function: pg_read_file}, from: [PUBLIC]",
        )
    ),
    Variant(
        "a revoke on what is not there",
        "{revoke: [USAGE], on: {schema: $sky, type: $magnitude}",
        "{revoke: [USAGE], on: {schema: $sky, type: colour}",
        "grant[$db: USAGE on type $sky.colour from PUBLIC].revoked",
    ),
    Variant(
        "what the system's schemas hold, all of a kind",
        _LANGUAGE,
        """{grant: [SELECT], on: {schema: pg_catalog, all: tables}, to: [$app]}
      - {revoke: [EXECUTE], on: {schema: pg_catalog, all: functions}, from: [PUBLIC]}
      - {revoke: [USAGE], on: {schema: pg_catalog, all: types}, from: [PUBLIC]}
      - {revoke: [SELECT], on: {schema: information_schema, all: tables}, from: [PUBLIC]}
      - {revoke: [EXECUTE], on: {schema: information_schema, all: functions}, from: [PUBLIC]}
      - """
        + _LANGUAGE,
        (
            "grant[$db: SELECT on all tables in schema pg_catalog to $app].granted",
            "grant[$db: EXECUTE on all functions in schema pg_catalog from PUBLIC].revoked",
            "grant[$db: USAGE on all types in schema pg_catalog from PUBLIC].revoked",
            "grant[$db: SELECT on all tables in schema information_schema from PUBLIC].revoked",
            "grant[$db: EXECUTE on all functions in schema information_schema from PUBLIC].revoked",
        ),
        (),
    ),
    Variant(
        "what the system's schemas hold, by name",
        _LANGUAGE,
        """{revoke: [USAGE], on: {schema: information_schema}, from: [PUBLIC]}
      - {revoke: [SELECT], on: {schema: information_schema, table: tables}, from: [PUBLIC]}
      - {revoke: [SELECT], on: {schema: pg_catalog, table: pg_class}, from: [PUBLIC]}
      - """
        + _LANGUAGE,
        (
            "grant[$db: USAGE on schema information_schema from PUBLIC].revoked",
            "grant[$db: SELECT on table information_schema.tables from PUBLIC].revoked",
            "grant[$db: SELECT on table pg_catalog.pg_class from PUBLIC].revoked",
        ),
        (),
    ),
    Variant(
        "what the system's schemas hold, as initdb made it",
        _LANGUAGE,
        """{grant: [EXECUTE], on: {schema: information_schema, all: functions}, to: [PUBLIC]}
      - {grant: [USAGE], on: {schema: information_schema, all: types}, to: [PUBLIC]}
      - {revoke: [INSERT], on: {schema: information_schema, all: tables}, from: [PUBLIC]}
      - {revoke: [UPDATE], on: {schema: pg_catalog, all: tables}, from: [$app]}
      - """
        + _LANGUAGE,
        (),
    ),
    Variant(
        "ownership of what is not there",
        "procedure: tidy}, owner",
        "procedure: sweep}, owner",
        "ownership[$db: procedure $sky.sweep].owner",
    ),
)


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_variant(benches: Callable[[str], Bench], variant: Variant) -> None:
    bench = benches(SERVER)
    target = bench.load(lambda text: _replaced(text, variant))
    facts = target.read(bench.cluster)
    found = diff(target.checks, facts)
    assert {f.check.id: f.actual for f in found if not well(f)}.keys() == bench.ids(variant.red)
    planned = bench.plan(facts, target)
    assert {f.check.id for f in planned.stuck} == bench.ids(
        variant.red if variant.stuck is None else variant.stuck
    )
    assert all(finding.remedy.text for finding in planned.stuck)
    assert planned.unreadable == ()


def _replaced(text: str, variant: Variant) -> str:
    assert variant.old in text
    return text.replace(variant.old, variant.new)


@pytest.mark.parametrize(
    ("policy", "drifts", "says"),
    [("drift", True, ""), ("report", False, "stray"), ("ignore", None, "")],
)
def test_what_is_not_declared(
    benches: Callable[[str], Bench], policy: str, drifts: bool | None, says: str
) -> None:
    bench = benches(SERVER)
    bench.run(("CREATE ROLE $stray", "CREATE DATABASE $stray"))
    words = "undeclared: {roles: drift, databases: drift, attributes: drift}"
    target = bench.load(lambda text: text.replace(words, words.replace("drift", policy)))
    found = [f for f in diff(target.checks, bench.read()) if f.check.id.endswith("[others].undeclared")]
    bench.run(("DROP DATABASE $stray", "DROP ROLE $stray"))
    assert {f.verdict is Verdict.DRIFTS for f in found} == ({drifts} if drifts is not None else set())
    assert all(says in f.note for f in found)


@pytest.mark.parametrize(("policy", "says"), [("report", "connection_limit: 3"), ("ignore", None)])
def test_attributes_that_are_not_ours(benches: Callable[[str], Bench], policy: str, says: str | None) -> None:
    bench = benches(SERVER)
    bench.run("ALTER ROLE $writer CONNECTION LIMIT 3")
    words = "attributes: drift"
    target = bench.load(lambda text: text.replace(words, words.replace("drift", policy)))
    (check,) = bench.ids("role[$writer].undeclared_attributes")
    found = [f for f in diff(target.checks, bench.read()) if f.check.id == check]
    bench.run("ALTER ROLE $writer CONNECTION LIMIT -1")
    assert [f.verdict for f in found] == ([Verdict.CONFORMS] if says else [])
    assert all(says in f.note for f in found if says)


def test_by_dsn_hba_and_ident_are_read_only(benches: Callable[[str], Bench]) -> None:
    """Over a database connection both files are read, all of each, and a drift of them is stuck with a reason."""
    bench = benches(SERVER)
    planned = bench.plan(bench.target.read(DsnServer(bench.cluster.dsn)))
    # its own way in is an undeclared rule here and line of a map, and the rule for TLS is no more left out
    stuck = {f.check.id for f in planned.stuck}
    assert stuck == {
        "hba[rules].undeclared",
        "ident[rules].undeclared",
        "hba[hostssl all all all].method",
    }
    assert all("not ours to write" in f.remedy.text for f in planned.stuck)
    assert planned.changes == ()


def test_by_dsn_a_missing_extension_is_stuck(benches: Callable[[str], Bench]) -> None:
    bench = benches(SERVER)
    target = bench.load(lambda text: text.replace("$extension: {version: '$extension_version',", "nosuch: {"))
    planned = bench.plan(target.read(DsnServer(bench.cluster.dsn)), target)
    assert "extension[db: nosuch].installed" in {f.check.id for f in planned.stuck}


def test_by_dsn_a_restart_is_not_ours(benches: Callable[[str], Bench]) -> None:
    bench = benches(SERVER)
    bench.run("ALTER SYSTEM SET max_locks_per_transaction = 80")
    bench.restart_and("ALTER SYSTEM SET max_locks_per_transaction = 72")
    planned = bench.plan(bench.target.read(DsnServer(bench.cluster.dsn)))
    waiting = [
        f.remedy.text for f in planned.stuck if f.check.id == "setting[max_locks_per_transaction].value"
    ]
    bench.cluster.restart()
    assert waiting == ["the file is right and waits for a restart of the server"]
