"""`services:` offline: what is wrong is said at its line, and never shows a password; one spelling of each value."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgdeploy.errors import SpecError
from pgdeploy.gate.target import load_target
from pgdeploy.layers.service.redis.acl import rights
from pgdeploy.layers.service.redis.setting import canonical, catalogue, check_setting
from pgdeploy.reach.docker import lets_in
from pgdeploy.text.problem import ValueProblem
from tests.services.place import SPEC, Place, read

WRONG = {
    ("kind: redis", "kind: mongodb"): "'kind': allowed: 'postgres', 'timescaledb', 'redis'",
    ("image: pgdeploy-test/redis:8", "image: redis"): "an image with its tag",
    ("project: PROJECT", "project: Shop"): "lower case letters",
    ("networks: [data]", "networks: [date]"): "network date is not declared; declared: data, default",
    ("'127.0.0.1:PORT'", "'5432'"): "an address of the host and a port",
    ("'127.0.0.1:PORT'", "'127.0.0.1:70000'"): "a port is at most 65535",
    ("'127.0.0.1:PORT'", "'300.0.0.1:5432'"): "is no address",
    ("memory: 512MB", "memory: 512"): "memory",
    ("memory: 512MB", "memory: 512mb"): "allowed: a number and one of",
    ("cpus: 1.5", "cpus: 0"): "cpus",
    ("maxmemory: 100mb", "maxmemory: 100 apples"): "allowed: a number with b, kb, mb or gb",
    ("maxmemory: 100mb", "maxmemry: 100mb"): "Redis 8 has no such setting; did you mean 'maxmemory'?",
    ("maxmemory-policy: allkeys-lru", "maxmemory-policy: all"): "volatile-lru",
    ("databases: 4", "databases: 0"): "allowed: 1 to 2147483647",
    ("appendonly: true", "appendonly: maybe"): "allowed: yes, no",
    ("appendonly: true", "port: 6380"): "ports and networks are said of the service",
    ("appendonly: true", "requirepass: canary-in-the-wrong-place"): "users are said by",
    ("appendonly: true", "dir: /elsewhere"): "it follows from the image",
    ("'~app:* +@read", "'>canary-in-the-rules +@read"): "who may log in is said by `password:`",
    ("'~app:* +@read", "'nopass +@read"): "who may log in is said by `password:`",
    ("'~app:* +@read", "'app:* +@read"): "~keys",
    ("      users:\n        app:", "      users:\n        default:"): "the default user is ours",
    ("environment: {TZ: UTC}", "environment: {PGPASSWORD: canary-in-a-variable}"): "may hold a secret",
    ("environment: {TZ: UTC}", "environment: {'A B': x}"): "letters, digits and _",
    ("password: {env: SHOP_REDIS}", "password: canary-in-the-spec"): "password",
    ("restart: ", "restart: "): "",
    (
        "kind: postgres",
        "kind: timescaledb",
    ): "`settings: {shared_preload_libraries: [timescaledb]}` is missing",
    ("tls: {certificate: tls.crt, key: {file: tls.key}}", "tls: {certificate: tls.crt}"): "key",
    ("project: PROJECT", "project: shop\n  undeclared: remove"): "drift",
    ("health: {interval: 1s}", "health: {interval: 1}"): "interval",
}
WRONG.pop(("restart: ", "restart: "))


def place(folder: Path) -> Place:
    (folder / "specs").mkdir()
    return Place(folder, "shop", 15432)


@pytest.mark.parametrize("change", WRONG, ids=lambda change: str(change[1])[:40])
def test_what_is_wrong_is_said(change: tuple[str, str], tmp_path: Path) -> None:
    old, new = change
    assert old in SPEC
    made = place(tmp_path)
    text = SPEC.replace(old, new, 1).replace("PROJECT", "shop").replace("PORT", "15432")
    made.file.write_text(text)
    with pytest.raises(SpecError) as error:
        load_target(made.file)
    said = "\n".join(error.value.problems)
    assert WRONG[change] in said
    assert f"{made.file}:" in said
    assert "canary" not in said


def test_the_document_holds_no_secret_and_no_file(tmp_path: Path) -> None:
    made = place(tmp_path)
    made.spec(("TZ: UTC", "PRICE: 5$, TZ: UTC"))
    said = made.run("render", "--layer", "service")
    assert "PRICE: 5$$" in said
    document = read(said)
    assert set(document["services"]) == {"db", "cache"}
    assert document["networks"]["data"] == {"internal": True}
    assert str(tmp_path) not in said


def test_two_servers_need_a_word(tmp_path: Path) -> None:
    made = place(tmp_path)
    text = SPEC.replace("PROJECT", "shop").replace("PORT", "15432")
    second = "    other: {kind: postgres, image: 'postgres:17.6', password: {env: SHOP_SUPERUSER}}\n"
    made.file.write_text(text + second)
    with pytest.raises(SpecError, match="which of db, other is this spec about"):
        load_target(made.file)
    made.file.write_text(text + second + "connect: {docker: {container: shop-other-1}}\n")
    assert load_target(made.file).server_is_inside


def test_a_port_that_two_want(tmp_path: Path) -> None:
    made = place(tmp_path)
    made.file.write_text(
        SPEC.replace("PROJECT", "shop")
        .replace("PORT", "15432")
        .replace("kind: redis\n", "kind: redis\n      ports: ['127.0.0.1:15432']\n")
    )
    with pytest.raises(SpecError, match=r"127.0.0.1:15432 is db's"):
        load_target(made.file)


def test_no_commands(tmp_path: Path) -> None:
    made = place(tmp_path)
    made.spec()
    said = made.run("plan", "--layer", "service", "--no-commands", status=1)
    assert "runs containers on this machine's Docker engine (refused by --no-commands)" in said
    made.spec(more="docker: {ssh: {host: db, config: /etc/ssh/ssh_config}}\n")
    said = made.run("plan", "--layer", "service", "--no-commands", status=1)
    assert "an ssh_config can run commands" in said
    made.file.write_text("postgres: 17\nconnect: {docker: {container: db}}\n")
    said = made.run("check", "--no-commands", status=1)
    assert "runs commands in containers of this machine's Docker engine" in said


SAME = [
    ("~app:* +@read -@dangerous", "on sanitize-payload #00 ~app:* resetchannels -@all +@read -@dangerous"),
    ("allkeys allchannels allcommands", "~* &* +@all"),
    ("%RW~* +get", "~* resetchannels -@all +get"),
    ("+get -get +get", "+get"),
    ("~a ~b", "~b ~a"),
    ("+@all nocommands +get", "+get"),
    ("(~x +get)", "(~x +get)"),
]
OTHER = [
    ("~app:*", "~app2:*"),
    ("+@read -@dangerous", "-@dangerous +@read +flushall"),
    ("+get", "+get|x"),
    ("%R~app:*", "~app:*"),
    ("&news", "&*"),
    ("", "+get"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same_rights(one: str, other: str) -> None:
    assert rights(one) == rights(other)


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_other_rights(one: str, other: str) -> None:
    assert rights(one) != rights(other)


def test_settings_in_one_spelling() -> None:
    assert canonical("maxmemory", "100mb") == canonical("maxmemory", 104857600) == "104857600"
    assert canonical("maxmemory", "100MB") == "104857600"
    assert canonical("maxmemory", "1k") == "1000"
    assert canonical("appendonly", True) == canonical("appendonly", "YES") == "yes"
    assert canonical("save", "3600  1 300 100") == "3600 1 300 100"
    with pytest.raises(ValueProblem, match="one line"):
        canonical("save", "1 1\nmaxmemory 1")


def test_the_catalogue_has_two_versions() -> None:
    known = catalogue()
    assert len(known) > 150
    assert {major for entry in known.values() for major in entry["majors"]} == {7, 8}
    only_new = next(
        name for name, entry in known.items() if entry["majors"] == [8] and entry["kind"] == "bool"
    )
    check_setting(only_new, True, 8)
    with pytest.raises(ValueProblem, match="Redis 7 has no such setting"):
        check_setting(only_new, True, 7)


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("local all postgres peer\n", True),
        ('local all "postgres" trust\n', True),
        ('local "all" all trust\n', False),
        ("host all all all trust\n", False),
        ("# local all all peer\n", False),
        ("local all all reject\nlocal all all peer\n", False),
        ("local shop postgres reject\nlocal postgres,shop all trust\n", True),
        ("local all postgres scram-sha-256\n", False),
        ("", False),
    ],
)
def test_rules_that_let_us_in(rules: str, expected: bool) -> None:
    assert lets_in(rules, "postgres") is expected
