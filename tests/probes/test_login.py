"""Where pg_hba.conf sends a role elsewhere, a login proves nothing; and nobody tries a password twice."""

from __future__ import annotations

import os
import socket
import time
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from select import select
from threading import Thread

import psycopg
import pytest

from pgdeploy.core.check import Verdict, evaluate
from pgdeploy.errors import TargetError, Unreadable
from pgdeploy.gate.target import Target
from pgdeploy.layers.server.login.attempt import attempt
from pgdeploy.reach.embedded import Cluster
from pgdeploy.secret.reference import Secret
from tests.probes.shop import OBJECTS, SECRETS, SPEC, World, clear, make

RIGHT, WRONG = "role[app].logs_in", "role[app].refuses_wrong_password"


def failures(world: World) -> list[str]:
    """Logins that failed, as the log has them."""
    return [line for line in world.server.log.read_text().splitlines() if " FATAL: " in f" {line}"]


@pytest.mark.parametrize("how", ["reject", "peer", "peer map=guests"])
def test_a_way_in_without_a_password_proves_nothing_and_is_not_tried(shop: World, how: str) -> None:
    with shop.hba(f"local all app {how}\n"):
        before = len(failures(shop))
        found = shop.probe()
        assert not [line for line in failures(shop)[before:] if '"app"' in line]
    assert [found[address].verdict for address in (RIGHT, WRONG)] == [Verdict.INAPPLICABLE] * 2
    method = how.split(maxsplit=1)[0]
    assert found[RIGHT].reason == f"app is not asked for a password here: pg_hba.conf decides by {method}"
    assert found["role[reader].logs_in"].verdict is Verdict.CONFORMS


DIRECTORIES = {
    "ldap": "ldapserver=127.0.0.1 ldapport={port} ldapprefix=uid= ldapsuffix=",
    "radius": 'radiusservers="127.0.0.1" radiussecrets="x" radiusports="{port}"',
    "pam": "pamservice=pgdeploy",
}


def _knock(server: Cluster) -> None:
    with suppress(psycopg.Error):
        psycopg.connect(server.dsn, user="app", password="x", dbname="shop").close()


@pytest.mark.parametrize("how", DIRECTORIES)
def test_no_password_reaches_a_directory_where_accounts_lock(
    server15: Cluster, load: Callable[[str, int], Target], how: str
) -> None:
    target = load(SPEC, 15)
    kind = socket.SOCK_DGRAM if how == "radius" else socket.SOCK_STREAM
    with socket.socket(type=kind) as directory:
        directory.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            directory.listen()
        rule = f"{how} {DIRECTORIES[how].format(port=directory.getsockname()[1])}"
        try:
            world = make(target, server15, OBJECTS, "shop")
            with world.hba(f"local all app {rule}\n"):
                before = len(failures(world))
                found = world.probe()
                tried = [line for line in failures(world)[before:] if '"app"' in line]
                knocked = [bool(select([directory], [], [], 0)[0])]
                if how != "pam":
                    # what a password would have met, of a client that sends one in clear
                    Thread(target=_knock, args=(server15,), daemon=True).start()
                    knocked.append(bool(select([directory], [], [], 10)[0]))
        finally:
            clear(server15, target)
    assert not tried
    assert knocked in ([False], [False, True])
    assert [found[address].verdict for address in (RIGHT, WRONG)] == [Verdict.INAPPLICABLE] * 2
    assert (
        found[WRONG].reason == f"pg_hba.conf sends app to {how} here: no password is tried, as accounts lock"
    )
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
    """The spec lets it into none."""
    text = "REVOKE CONNECT ON DATABASE postgres FROM PUBLIC"
    with shop.broken(text, "GRANT CONNECT ON DATABASE postgres TO PUBLIC"):
        found = shop.probe()['role["a\\"b; DROP"].logs_in']
    assert found.verdict is Verdict.INAPPLICABLE
    assert found.reason == '"a\\"b; DROP" may connect to none of shop, postgres'


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


def test_few_logins_fail_in_a_gate_however_many_roles_it_has(shop: World) -> None:
    before = len(failures(shop))
    found = shop.probe()
    new = failures(shop)[before:]
    # a wrong password for all, and the one without LOGIN
    assert sorted(line.partition("FATAL:")[2].strip() for line in new) == [
        'password authentication failed for user "app"',
        'role "shut" is not permitted to log in',
    ]
    assert found[WRONG].desired == "refused with a wrong password"
    assert found["role[reader].refuses_wrong_password"].desired == (
        "refused with a wrong password (tried once, as app: the same method decides)"
    )


def test_a_wrong_password_for_each_method(shop: World) -> None:
    with shop.hba("local all dump,reader md5\n"):
        before = len(failures(shop))
        shop.probe()
        new = [line for line in failures(shop)[before:] if "shut" not in line]
    assert len(new) == 2


def test_where_it_is_not_known_who_decides_nothing_is_tried(shop: World) -> None:
    file = shop.server.data / "pg_hba.conf"
    usual = file.read_text()
    file.write_text(usual + "\n")
    os.utime(file, (time.time() + 60, time.time() + 60))
    try:
        before = len(failures(shop))
        found = shop.probe()
        assert failures(shop)[before:] == []
    finally:
        with shop.hba(""):
            pass
    assert found[RIGHT].verdict is Verdict.INAPPLICABLE
    assert "pg_hba.conf is not what the server has loaded" in found[RIGHT].reason


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


def test_trust_is_known_from_the_rule_on_any_version(
    server15: Cluster, load: Callable[[str, int], Target]
) -> None:
    target = load(SPEC, 15)
    try:
        world = make(target, server15, OBJECTS, "shop")
        with world.hba("local all app trust\n"):
            found = world.probe()
    finally:
        clear(server15, target)
    assert [found[address].verdict for address in (RIGHT, WRONG)] == [Verdict.INAPPLICABLE, Verdict.DRIFTS]


def test_a_role_cannot_hold_us_up_by_the_iterations_of_its_verifier(shop: World) -> None:
    """The server tells libpq to hash as often as the role's verifier says; libpq hashes, and nothing stops it."""
    key = b64encode(b"x" * 32).decode()
    with shop.server.open() as connection:
        row = connection.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'app'").fetchone()
        verifier = f"SCRAM-SHA-256$2000000:{b64encode(b'salt' * 4).decode()}${key}:{key}"
        connection.execute(f"ALTER ROLE app PASSWORD '{verifier}'".encode())
        try:
            with pytest.raises(Unreadable, match=r"took longer than 0\.3 s"):
                attempt(shop.server, "app", Secret("secret"), "shop", 0.3)
        finally:
            connection.execute(f"ALTER ROLE app PASSWORD '{row[0]}'".encode())  # type: ignore[index]


NETWORK = (
    "host shop app 10.0.0.0/8 scram-sha-256\n"
    'hostnossl all "app" 192.0.2.0/24 scram-sha-256\n'
    "host all app 10.1.0.0/16 reject\nhost shop reader all trust\nhost other app all trust\n"
)
UNTRIED = (
    "not tried, as we come by another way: 2 rules of pg_hba.conf for app: "
    "host shop app 10.0.0.0/8, hostnossl all app 192.0.2.0/24"
)


def test_rules_by_which_we_do_not_come_are_named_and_counted(shop: World) -> None:
    assert shop.probe()[RIGHT].note == ""
    with shop.hba(NETWORK):
        found = shop.probe()[RIGHT]
    assert (found.verdict, found.note) == (Verdict.CONFORMS, UNTRIED)
    with shop.hba(f"local all app reject\n{NETWORK}"):
        found = shop.probe()[RIGHT]
    assert found.verdict is Verdict.INAPPLICABLE
    assert found.reason == f"app is not asked for a password here: pg_hba.conf decides by reject; {UNTRIED}"


@pytest.mark.parametrize(
    ("rule", "verdict"),
    [
        ("{type: local, database: shop, user: app, method: trust}", Verdict.INAPPLICABLE),
        ("{type: local, database: all, user: [reader, app], method: trust}", Verdict.INAPPLICABLE),
        # the spec wants a password, or says nothing of this way
        ("{type: local, database: all, user: all, method: scram-sha-256}", Verdict.DRIFTS),
        ("{type: host, database: all, user: all, address: all, method: trust}", Verdict.DRIFTS),
    ],
)
def test_trust_that_the_spec_declares_is_no_drift(
    shop: World, load: Callable[[str, int], Target], rule: str, verdict: Verdict
) -> None:
    world = World(load(f"{SPEC}hba: [{rule}]\n", 16), shop.server)
    with world.hba("local all app trust\n"):
        found = world.probe()[WRONG]
    assert found.verdict is verdict, found
    if verdict is Verdict.INAPPLICABLE:
        assert found.reason.startswith("the spec itself trusts app here: hba[local ")
