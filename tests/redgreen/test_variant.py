"""Other specs on a server that is as the base spec says: what differs is red, and what no change removes is stuck.

Nothing is applied here; this is for what cannot be broken and mended by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from pgdeploy.check import Verdict
from pgdeploy.connection.dsn import DsnServer
from pgdeploy.diff import diff
from tests.redgreen.bench import Bench, well

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

VARIANTS = (
    Variant("another major version", f"postgres: {SERVER}", "postgres: 17", "server[postgres].major"),
    Variant("encoding", "encoding: UTF8", "encoding: SQL_ASCII", f"{_DB}.encoding"),
    Variant("the spelling of an encoding", "encoding: UTF8", "encoding: utf-8", ()),
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
        ("grant[$db: EXECUTE on function $sky.$area(float8) to $app].granted", "grant[$db].undeclared"),
        "grant[$db: EXECUTE on function $sky.$area(float8) to $app].granted",
    ),
    Variant(
        "a revoke on what is not there",
        "{revoke: [USAGE], on: {schema: $sky, type: $magnitude}",
        "{revoke: [USAGE], on: {schema: $sky, type: colour}",
        "grant[$db: USAGE on type $sky.colour from PUBLIC].revoked",
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
    facts = bench.read()
    found = diff(target.checks, facts)
    assert {f.check.id: f.actual for f in found if not well(f)}.keys() == bench.ids(variant.red)
    planned = bench.plan(facts, target)
    assert {f.check.id for f in planned.stuck} == bench.ids(
        variant.red if variant.stuck is None else variant.stuck
    )
    assert all(finding.stuck for finding in planned.stuck)
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
    words = "undeclared: {roles: drift, databases: drift}"
    target = bench.load(lambda text: text.replace(words, words.replace("drift", policy)))
    found = [f for f in diff(target.checks, bench.read()) if f.check.id.endswith("[others].undeclared")]
    bench.run(("DROP DATABASE $stray", "DROP ROLE $stray"))
    assert {f.verdict is Verdict.DRIFTS for f in found} == ({drifts} if drifts is not None else set())
    assert all(says in f.note for f in found)


def test_by_dsn_hba_is_read_only(benches: Callable[[str], Bench]) -> None:
    """Over a database connection pg_hba.conf is read, all of it, and a drift of it is stuck with a reason."""
    bench = benches(SERVER)
    planned = bench.plan(bench.target.read(DsnServer(bench.cluster.dsn)))
    # its own way in is an undeclared rule here, and the rule for TLS is no more left out
    stuck = {f.check.id for f in planned.stuck}
    assert stuck == {"hba[rules].undeclared", "hba[hostssl all all all].method"}
    assert all("not ours to write" in f.stuck for f in planned.stuck)
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
    waiting = [f.stuck for f in planned.stuck if f.check.id == "setting[max_locks_per_transaction].value"]
    bench.cluster.restart()
    assert waiting == ["the file is right and waits for a restart of the server"]
