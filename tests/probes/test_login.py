"""Where pg_hba.conf sends a role elsewhere, a login proves nothing; and nobody tries a password twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from pgdeploy.check import Verdict, evaluate
from pgdeploy.connection.embedded import Cluster
from pgdeploy.errors import TargetError, Unreadable
from pgdeploy.probes.attempt import attempt
from pgdeploy.secret import Secret
from pgdeploy.target import Target
from tests.probes.shop import OBJECTS, SECRETS, SPEC, World, clear, make

RIGHT, WRONG = "role[app].logs_in", "role[app].refuses_wrong_password"


@pytest.mark.parametrize(
    ("rule", "reason"),
    [
        (
            "local all app reject",
            "app is not asked for a password here: FATAL:  pg_hba.conf rejects connection",
        ),
        ("local all app peer", "app is not asked for a password here: FATAL:  Peer authentication failed"),
        ("local all app peer map=guests", "pg_hba.conf lets app in here without a password (peer:"),
    ],
)
def test_a_way_in_without_a_password_proves_nothing(shop: World, rule: str, reason: str) -> None:
    ident = shop.server.data / "pg_ident.conf"
    usual = ident.read_text()
    ident.write_text(f"{usual}guests /.* app\n")
    try:
        with shop.hba(rule + "\n"):
            found = shop.probe()
    finally:
        ident.write_text(usual)
    assert [found[address].verdict for address in (RIGHT, WRONG)] == [Verdict.INAPPLICABLE] * 2
    assert found[RIGHT].reason.startswith(reason)
    assert found["role[reader].logs_in"].verdict is Verdict.CONFORMS


def test_trust_is_no_proof_of_the_secret_and_no_refusal(shop: World) -> None:
    with shop.hba("local all app trust\n"):
        found = shop.probe()
    assert found[RIGHT].verdict is Verdict.INAPPLICABLE
    assert found[RIGHT].reason == "pg_hba.conf lets app in here without a password"
    assert found[WRONG].verdict is Verdict.DRIFTS
    assert found[WRONG].actual == "let in to shop with a wrong password: pg_hba.conf trusts it"


def test_another_database_is_tried_where_the_first_lets_nobody_show_a_password(shop: World) -> None:
    with shop.hba("local shop app reject\n"):
        found = shop.probe()
    assert found[RIGHT].verdict is Verdict.CONFORMS
    assert found[RIGHT].desired == "logs in to postgres with the secret in env PROBE_APP"


def test_a_role_without_a_database_cannot_show_its_secret(shop: World) -> None:
    text = "REVOKE CONNECT ON DATABASE postgres FROM PUBLIC; REVOKE CONNECT ON DATABASE shop FROM app"
    with shop.broken(text, "GRANT CONNECT ON DATABASE postgres TO PUBLIC"):
        found = shop.probe()[RIGHT]
    assert found.verdict is Verdict.INAPPLICABLE
    assert found.reason == "app may connect to none of shop, postgres"


def test_a_full_role_is_no_wrong_secret(shop: World) -> None:
    secret = Secret(SECRETS["PROBE_APP"])
    with shop.broken("ALTER ROLE app CONNECTION LIMIT 1", "ALTER ROLE app CONNECTION LIMIT -1"):
        connection = shop.server.open("shop", user="app", password=secret)
        try:
            found = shop.probe()
        finally:
            connection.close()
    assert found[RIGHT].verdict is Verdict.INAPPLICABLE
    assert "too many connections" in found[RIGHT].reason
    assert found[WRONG].verdict is Verdict.CONFORMS


def test_a_wrong_secret_cannot_prove_that_a_role_is_shut(shop: World) -> None:
    with shop.broken("ALTER ROLE shut PASSWORD 'other'"):
        found = shop.probe()["role[shut].cannot_log_in"]
    assert found.verdict is Verdict.INAPPLICABLE


def test_one_wrong_password_a_role(shop: World) -> None:
    def failures() -> int:
        return shop.server.log.read_text().count('password authentication failed for user "app"')

    before = failures()
    shop.probe()
    assert failures() == before + 1


def test_a_missing_secret_is_unreadable(shop: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PROBE_APP")
    found = shop.probe()
    assert found[RIGHT].verdict is Verdict.UNREADABLE
    assert "PROBE_APP" in found[RIGHT].reason
    assert found[WRONG].verdict is Verdict.CONFORMS
    assert found["grant[shop: CONNECT on database to app, reader, dump].works"].verdict is Verdict.CONFORMS


def test_a_server_that_does_not_answer_is_no_failed_login(shop: World) -> None:
    class Gone(type(shop.server)):  # type: ignore[misc]
        def open(self, *arguments: object, **keywords: object) -> None:
            raise TargetError("nobody answers")

    gone = object.__new__(Gone)
    with pytest.raises(Unreadable, match="nobody answers"):
        attempt(gone, "app", Secret("x"), "shop")


def test_facts_from_a_file_have_no_probes(shop: World) -> None:
    facts = replace(shop.target.read(shop.server), server=None)
    verdicts = {str(evaluate(check, facts).verdict) for check in shop.target.probes}
    assert verdicts == {"unreadable"}


def test_before_16_the_server_does_not_say_how_it_let_somebody_in(
    server15: Cluster, load: Callable[[str, int], Target]
) -> None:
    target = load(SPEC, 15)
    try:
        world = make(target, server15, OBJECTS, "shop")
        with world.hba("local all app trust\n"):
            found = world.probe()
    finally:
        clear(server15, target)
    assert [found[address].verdict for address in (RIGHT, WRONG)] == [Verdict.INAPPLICABLE] * 2
