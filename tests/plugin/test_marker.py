"""Items can be chosen by kind and aspect."""

from __future__ import annotations

import pytest
from pytest_pgdeploy.marker import MARKERS, marks_of

from pgdeploy.core.check import Check, Outcome, Resource
from pgdeploy.layers.server.kinds import KINDS as MODULES
from pgdeploy.layers.server.layer import ServerLayer
from pgdeploy.layers.server.superuser import Superusers
from tests.plugin.site import Site

pytest_plugins = ["pytester"]

SPEC = """\
postgres: 16
settings: {work_mem: 4MB}
hba: [{type: local, database: all, user: all, method: scram-sha-256}]
ident: [{map: people, system: alice, role: app}]
roles:
  app: {login: true, password: {env: APP_PASSWORD}, member_of: [group]}
  group: {}
tablespaces: {t: {}}
databases:
  db:
    schemas: {s: {}}
    extensions: {plpgsql: {}}
    ownership: [{on: {schema: s, all: tables}, owner: app}]
    grants: [{grant: [CONNECT], on: database, to: [app]}]
    default_privileges: [{for: group, grant: [SELECT], on: tables, to: [app]}]
    row_security: [{on: {schema: s, table: t}}]
    publications: {p: {}}
    event_triggers: {e: {}}
    foreign_servers: {f: {}}
"""


def chosen(site: Site, *arguments: str) -> list[str]:
    site.write("specs/town.yaml", SPEC)
    result = site.run("--collect-only", "-q", "--strict-markers", "-W", "error", *arguments)
    return [line.partition("::")[2] for line in result.outlines if "::" in line]


def test_every_kind_has_a_marker() -> None:
    kinds = {
        thing.kind
        for module in MODULES
        for thing in vars(module).values()
        if isinstance(thing, type) and issubclass(thing, Resource) and "kind" in thing.__dict__
    }
    assert kinds == set(ServerLayer.markers)


@pytest.mark.parametrize(("kind", "marker"), ServerLayer.markers.items())
def test_a_kind_is_chosen_by_its_marker(site: Site, kind: str, marker: str) -> None:
    found = chosen(site, "-m", marker)
    assert found
    assert all(name.startswith(f"{kind}[") for name in found)
    assert set(found) | set(chosen(site, "-m", f"not {marker}")) == set(chosen(site))


def test_undeclared(site: Site) -> None:
    found = chosen(site, "-m", "undeclared")
    assert "role[others].undeclared" in found
    assert "role[app].undeclared_settings" in found
    assert "role[app].login" not in found


def test_secret(site: Site) -> None:
    assert chosen(site, "-m", "secret") == ["role[app].password"]


def test_keyword(site: Site) -> None:
    assert chosen(site, "-k", "app and login") == ["role[app].login"]


def test_probe() -> None:
    check = Check(Superusers(frozenset()), "role[app]", "probe", (), lambda _: Outcome(True, "", ""), "probe")
    assert [mark.name for mark in marks_of(check)] == ["roles", "probe"]


def test_markers_are_known_without_a_target_too(site: Site) -> None:
    result = site.pytester.runpytest_inprocess("--markers")
    for marker in MARKERS:
        result.stdout.fnmatch_lines([f"@pytest.mark.{marker}: checks *"])


def test_blocked_checks_whose_parent_was_not_asked_shut_the_gate(site: Site) -> None:
    """`-m grants` on a server without the role: all is skipped, and nothing is proved."""
    site.write("specs/absent.yaml", "postgres: 16\nroles: {nobody_made_me: {member_of: [pg_monitor]}}\n")
    result = site.run("-m", "memberships", "--no-probes", target="absent")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*what blocks them was not asked*"])
