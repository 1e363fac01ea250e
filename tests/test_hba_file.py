"""pg_hba.conf over a database connection: with which rights it is read, what times tell, and what a plan takes out."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pgdeploy.core.check import Finding, Verdict, evaluate
from pgdeploy.core.step import Effect
from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.gate.target import Target
from pgdeploy.layers.server import authfile
from pgdeploy.layers.server.plan import as_data, plan
from pgdeploy.reach.dsn import DsnServer
from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.server import Server
from pgdeploy.reach.side_by_side import closing
from pgdeploy.report.plan import lines
from tests import by_hand

SPEC = """\
postgres: $major
undeclared: {roles: ignore, databases: ignore}
hba:
  - {type: local, database: all, user: all, method: trust}
  - {type: host, database: [db, app], user: +team, address: 10.1.0.0/16, method: ident, options: {map: a}}
"""
RULES = "local all all trust\nhost app,db +team 10.1.0.0/16 ident map=a\n"
LOADED = "hba[rules].loaded"


@pytest.fixture(params=[14, 16, 18])
def server(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    found: Cluster = request.getfixturevalue(f"server{request.param}")
    yield found
    found.write_hba("")
    reload(found)


@pytest.fixture
def target(server: Cluster, tmp_path: Path) -> Target:
    return by_hand.load(server, tmp_path / "spec.yaml", SPEC)


def reload(server: Cluster) -> None:
    """Reload, and wait until the server says that it did."""
    when = "SELECT pg_conf_load_time()"
    with closing(server.open()) as connection:
        before = connection.execute(when).fetchone()
        connection.execute("SELECT pg_reload_conf()")
        while connection.execute(when).fetchone() == before:
            time.sleep(0.01)


def findings(target: Target, server: Server) -> dict[str, Finding]:
    facts = target.read(server)
    found = {check.id: evaluate(check, facts) for check in target.checks}
    return {key: finding for key, finding in found.items() if key.startswith("hba[")}


def verdicts(target: Target, server: Server) -> set[Verdict]:
    return {finding.verdict for finding in findings(target, server).values()}


GRANTS = (
    "GRANT pg_read_all_settings, pg_read_server_files TO hba_monitor",
    "GRANT SELECT ON pg_hba_file_rules TO hba_monitor",
    "GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO hba_monitor",
    "GRANT EXECUTE ON FUNCTION pg_read_binary_file(text), pg_stat_file(text) TO hba_monitor",
)


def test_what_may_not_be_read_is_unreadable_and_never_green(server: Cluster, target: Target) -> None:
    server.write_hba(RULES, whole=True)
    reload(server)
    monitor = DsnServer(server.dsn.replace(f"user={server.superuser}", "user=hba_monitor"))
    try:
        with closing(server.open()) as connection:
            connection.execute("CREATE ROLE hba_monitor LOGIN")
            for grant in GRANTS:
                assert verdicts(target, monitor) == {Verdict.UNREADABLE}
                connection.execute(grant.encode())
        assert verdicts(target, monitor) == {Verdict.CONFORMS}
    finally:
        with closing(server.open()) as connection:
            connection.execute("DROP OWNED BY hba_monitor; DROP ROLE hba_monitor")


def test_elsewhere_the_second_of_the_load_does_not_tell(
    server: Cluster, target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    time.sleep(1.02 - time.time() % 1)
    server.write_hba(RULES, whole=True)
    reload(server)
    here = DsnServer(server.dsn)
    assert verdicts(target, here) == {Verdict.CONFORMS}
    with monkeypatch.context() as patched:
        patched.setattr(authfile, "_stat", lambda path: None)
        found = findings(target, here)[LOADED]
        assert found.verdict is Verdict.UNREADABLE
        assert "in the second in which the server read it" in found.reason
        assert found.reason.endswith("SELECT pg_reload_conf() makes sure")
        time.sleep(1.02)
        reload(server)
        assert verdicts(target, here) == {Verdict.CONFORMS}
        time.sleep(1.02)
        server.write_hba(f"# note\n{RULES}", whole=True)
        assert findings(target, here)[LOADED].verdict is Verdict.DRIFTS


def test_a_file_of_ours_by_the_same_name_tells_nothing(
    server: Cluster, target: Target, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    other = tmp_path / "pg_hba.conf"
    other.write_text(RULES)
    os.utime(other, (0, 0))
    monkeypatch.setattr(authfile, "_stat", lambda path: other.stat())
    time.sleep(1.02 - time.time() % 1)
    server.write_hba(RULES, whole=True)
    reload(server)
    assert findings(target, DsnServer(server.dsn))[LOADED].verdict is Verdict.UNREADABLE


def test_a_plan_says_what_it_takes_out(server: Cluster, target: Target) -> None:
    (server.data / "names").write_text("app, db\n")
    server.write_hba("local all all trust\nhost @names +team 10.1.0.0/16 ident\n")
    reload(server)
    facts = target.read(server)
    planned = plan(target.spec, target.resources, facts)
    note = f"line 5 of pg_hba.conf goes (@names); {server.data}/names stays, and is read no more"
    assert [list(change.notes) for change in planned.changes] == [[note]]
    assert as_data(planned.changes[0])["notes"] == [note]
    assert f"-- note: {note}" in lines(planned, Gate(target, ConnectionOptions(dsn=server.dsn)))
    assert [finding.actual for finding in planned.drifts.values()] == ["ident"]


def test_what_the_order_says_of_it(server: Cluster, target: Target) -> None:
    server.write_hba("\n".join(reversed(RULES.splitlines())) + "\n")
    reload(server)
    found = findings(target, server)["hba[rules].order"]
    first, second = "local all all", 'host db,app "+team" 10.1.0.0/16'
    assert (found.verdict, found.desired, found.actual) == (
        Verdict.DRIFTS,
        f"{first} | {second}",
        f"{second} | {first}",
    )
    server.write_hba("")
    reload(server)
    found = findings(target, server)["hba[rules].order"]
    assert (found.verdict, found.desired, found.actual) == (Verdict.CONFORMS, "none", "none")


def test_a_file_that_only_waits_is_not_written_anew(server16: Cluster, tmp_path: Path) -> None:
    """A reload is all that it takes, and what the file includes stays; with an error in it it is written."""
    server, main = server16, server16.data / "pg_hba.conf"
    target = by_hand.load(server, tmp_path / "spec.yaml", SPEC)
    included = server.data / "rules"
    try:
        included.write_text("host app,db +team 10.1.0.0/16 ident map=a\n")
        server.write_hba("local all all trust\ninclude rules\n")
        reload(server)
        assert verdicts(target, server) == {Verdict.CONFORMS}
        time.sleep(1.02)
        included.write_text(f"# note\n{included.read_text()}")
        time.sleep(1.02)
        facts = target.read(server)
        planned = plan(target.spec, target.resources, facts)
        ((change, drift),) = zip(planned.changes, planned.drifts.values(), strict=True)
        assert (drift.check.id, drift.origin) == (LOADED, str(included))
        assert drift.actual == f"{included} was changed since the server read it"
        assert (change.hba, change.notes, change.effect) == (None, (), Effect.RELOAD)
        # a rule beyond the spec stands in the included file: the line of that
        included.write_text("host app,db +team 10.1.0.0/16 ident map=a\nhost all all all reject\n")
        reload(server)
        extra = findings(target, server)["hba[rules].undeclared"]
        assert extra.actual == f"host all all all reject ({included}:2)"
        server.write_hba(f"{RULES}host all all all reject\n")
        reload(server)
        extra = findings(target, server)["hba[rules].undeclared"]
        assert extra.actual == f"host all all all reject (line {server.own_hba_lines + 3})"
        time.sleep(1.02)
        server.write_hba(RULES)
        found = findings(target, server)[LOADED]
        assert (found.actual, found.origin) == ("the file was changed since the server read it", str(main))
        server.write_hba(f"{RULES}host all all nonsense\n")
        facts = target.read(server)
        broken = plan(target.spec, target.resources, facts)
        (finding,) = broken.drifts.values()
        assert (finding.check.id, finding.origin) == (LOADED, str(main))
        assert finding.actual.startswith(f"line {server.own_hba_lines + 3}: ")
        assert [change.hba.shown for change in broken.changes if change.hba] == [
            'local all all trust\nhost "db","app" +"team" 10.1.0.0/16 ident map="a"\n'
        ]
    finally:
        included.unlink()


def test_of_saved_facts_the_checks_say_the_same(server: Cluster, target: Target) -> None:
    """Nobody is there to ask then, and nothing is known of what the server can have."""
    server.write_hba(RULES, whole=True)
    reload(server)
    facts = target.read(DsnServer(server.dsn))
    saved = replace(facts, server=None, _memo={})
    checks = [check for check in target.checks if check.id.startswith("hba[")]
    assert [evaluate(check, saved) for check in checks] == [evaluate(check, facts) for check in checks]
