"""Passwords that nobody here may read: a login shows what is set, and a plan sets one only where it is another."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from pgdeploy.core.check import Finding, Verdict, evaluate
from pgdeploy.gate.target import Target, load_target
from pgdeploy.layers.server.apply import apply
from pgdeploy.layers.server.plan import Plan, plan
from pgdeploy.reach.dsn import DsnServer
from pgdeploy.reach.embedded import Cluster
from pgdeploy.secret.reference import Secret, verifier

SPEC = """\
postgres: {major}
undeclared: {{roles: ignore, databases: ignore, attributes: {attributes}}}
roles:
  shown_app: {{password: {{env: SHOWN_PASSWORD}}{more}}}
"""
CHECK = "role[shown_app].password"


@dataclass
class Site:
    """A server as its owner sees it, and as a managed server's user does, who may not read passwords."""

    cluster: Cluster
    major: int
    folder: Path

    def run(self, *texts: str) -> None:
        with closing(self.cluster.open()) as connection:
            for text in texts:
                connection.execute(text.encode())

    def load(self, more: str = "", attributes: str = "drift") -> Target:
        file = self.folder / "shown.yaml"
        file.write_text(SPEC.format(major=self.major, more=more, attributes=attributes))
        return load_target(file)

    @property
    def managed(self) -> DsnServer:
        return DsnServer(f"{self.cluster.dsn} user=shown_deployer password=known")

    def plan(self, target: Target) -> Plan:
        return plan(target.spec, target.resources, target.read(self.managed))

    def finding(self, target: Target) -> Finding:
        facts = target.read(self.managed)
        return next(evaluate(check, facts) for check in target.checks if check.id == CHECK)

    def failures(self) -> int:
        return self.cluster.log.read_text().count('password authentication failed for user "shown_app"')

    @contextmanager
    def hba(self, rule: str) -> Iterator[None]:
        file = self.cluster.data / "pg_hba.conf"
        usual = file.read_text()
        self._load(file, rule + usual)
        try:
            yield
        finally:
            self._load(file, usual)

    def _load(self, file: Path, text: str) -> None:
        file.write_text(text)
        before = self._loaded()
        self.run("SELECT pg_reload_conf()")
        deadline = time.monotonic() + 10
        while self._loaded() == before:
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def _loaded(self) -> object:
        with closing(self.cluster.open()) as connection:
            return connection.execute("SELECT pg_conf_load_time()").fetchone()


@pytest.fixture(params=[14, 16, 18])
def site(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("SHOWN_PASSWORD", "the right one")
    made = Site(request.getfixturevalue(f"server{request.param}"), request.param, tmp_path)
    admin = " ADMIN shown_deployer" if request.param >= 16 else ""
    made.run(
        "CREATE ROLE shown_deployer LOGIN CREATEROLE PASSWORD 'known'",
        f"CREATE ROLE shown_app LOGIN PASSWORD 'the right one'{admin}",
        "GRANT pg_read_all_settings TO shown_deployer",
    )
    try:
        yield made
    finally:
        made.run("DROP ROLE shown_app, shown_deployer")


def texts(planned: Plan) -> list[str]:
    return [statement.text for change in planned.changes for statement in change.statements]


def unread(planned: Plan) -> bool:
    return CHECK in {finding.check.id for finding in planned.unreadable}


def test_the_right_one_is_shown_by_one_login_and_never_set_again(site: Site) -> None:
    target, before = site.load(), site.failures()
    found = site.finding(target)
    assert (found.verdict, found.actual) == (
        Verdict.CONFORMS,
        "that password, as a login to postgres shows",
    )
    planned = site.plan(target)
    assert (texts(planned), unread(planned)) == ([], False)
    assert site.failures() == before


@pytest.mark.parametrize("set_by_hand", ["'another'", "NULL"])
def test_another_is_set_once(site: Site, set_by_hand: str) -> None:
    site.run(f"ALTER ROLE shown_app PASSWORD {set_by_hand}")
    target = site.load()
    found = site.finding(target)
    assert found.verdict is Verdict.DRIFTS
    assert found.actual.startswith("another password: a login with the secret is refused: ")
    planned = site.plan(target)
    assert texts(planned) == ["ALTER ROLE \"shown_app\" PASSWORD '********'"]
    apply(planned, site.managed)
    assert site.finding(target).verdict is Verdict.CONFORMS
    assert texts(site.plan(target)) == []


@pytest.mark.parametrize("made", ["NOLOGIN", "CONNECTION LIMIT 0"])
def test_the_right_one_of_a_role_that_stays_out_for_another_reason(site: Site, made: str) -> None:
    site.run(f"ALTER ROLE shown_app {made}")
    found = site.finding(site.load())
    assert found.verdict is Verdict.CONFORMS
    assert found.actual.startswith("that password, although the login is refused: ")
    site.run("ALTER ROLE shown_app PASSWORD 'another'")
    assert site.finding(site.load()).verdict is Verdict.DRIFTS


@pytest.mark.parametrize("how", ["trust", "password", "reject"])
def test_where_no_login_shows_it_nothing_is_green_and_nothing_is_set(site: Site, how: str) -> None:
    with site.hba(f"local all shown_app {how}\n"):
        found = site.finding(site.load())
        planned = site.plan(site.load())
    assert found.verdict is Verdict.UNREADABLE
    assert found.reason.startswith(
        "passwords could not be read: permission denied for table pg_authid; a login shows"
    )
    assert found.reason.endswith(
        "a rule of pg_hba.conf with scram-sha-256 for it would, or reading as superuser"
    )
    assert (texts(planned), unread(planned)) == ([], True)


def test_one_that_is_stored_as_md5(site: Site) -> None:
    site.run("SET password_encryption = 'md5'", "ALTER ROLE shown_app PASSWORD 'the right one'")
    target = site.load()
    with site.hba("local all shown_app md5\n"):
        found = site.finding(target)
        assert (found.verdict, found.actual) == (
            Verdict.DRIFTS,
            "none, or one that is stored as md5, by what the server asks for",
        )
        apply(site.plan(target), site.managed)
        assert site.finding(target).verdict is Verdict.CONFORMS


def test_one_that_has_ended_is_set_with_its_new_end(site: Site) -> None:
    site.run("ALTER ROLE shown_app VALID UNTIL '2001-01-01'")
    target = site.load(", valid_until: infinity")
    assert (
        site.finding(target).actual == "one that ended on 2001-01-01 00:00:00+00:00, so no login shows which"
    )
    apply(site.plan(target), site.managed)
    assert site.finding(target).verdict is Verdict.CONFORMS
    assert texts(site.plan(target)) == []


def test_one_that_has_ended_and_nobody_is_to_change_that(site: Site) -> None:
    site.run("ALTER ROLE shown_app VALID UNTIL '2001-01-01'")
    found = site.finding(site.load(attributes="ignore"))
    assert found.verdict is Verdict.UNREADABLE
    assert found.reason.endswith(
        "; a login shows nothing, as the password ended on 2001-01-01 00:00:00+00:00"
    )
    found = site.finding(site.load(", valid_until: 2001-01-01"))
    assert found.verdict is Verdict.INAPPLICABLE
    assert found.reason.endswith("; a login shows nothing, as the spec ended it: 2001-01-01")


def test_a_verifier_cannot_log_in(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOWN_PASSWORD", verifier(Secret("the right one")))
    found = site.finding(site.load())
    assert found.verdict is Verdict.UNREADABLE
    assert found.reason.endswith("SCRAM verifier: give the password itself, or read as superuser")
