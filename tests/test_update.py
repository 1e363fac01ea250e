"""`pgdeploy capture --update`: what drifts is written as it is, and all else stays as a person wrote it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given

from pgdeploy.gate.target import load_target
from pgdeploy.lifecycle.capture import draft, proved, updated
from pgdeploy.model.spec import Spec
from pgdeploy.reach.embedded import Cluster
from tests.conftest import cluster
from tests.program import pgdeploy as pgdeploy_program
from tests.properties.law import MAJOR, law
from tests.properties.server import clean, load, make
from tests.properties.strategy import specs
from tests.test_capture import run

BASE = """\
# what all environments share
postgres: 16
vars: {env: dev}
roles:
  postgres: {superuser: true, login: true}
  app_{{ env }}: {login: true, connection_limit: 5}
  reader: {login: true}   # reports
databases:
  shop_{{ env }}:
    schemas: {app: {owner: 'app_{{ env }}'}}
    grants:
      - {grant: [USAGE], on: {schema: app}, to: [reader]}
"""
OWN = """\
extends: _base
vars: {env: prod}   # the word of this one

roles:
  # who writes
  writer:
    login: true   # since 2024
    member_of: [reader]

  app_{{ env }}: {connection_limit: 50}   # a large pool
append:
  databases:
    shop_{{ env }}:
      grants:
        # for the writer
        - {grant: [USAGE], on: {schema: app}, to: [writer]}
"""
MADE = (
    "CREATE ROLE app_prod LOGIN CONNECTION LIMIT 50; CREATE ROLE reader LOGIN; CREATE ROLE writer LOGIN; "
    "GRANT reader TO writer"
)
INSIDE = "CREATE SCHEMA app AUTHORIZATION app_prod; GRANT USAGE ON SCHEMA app TO reader, writer"
CLEAN = "DROP DATABASE IF EXISTS shop_prod; DROP ROLE IF EXISTS app_prod, writer, reader, fresh"


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    yield from cluster(16)


@pytest.fixture
def shop(server: Cluster, tmp_path: Path) -> Iterator[Path]:
    """A folder with a spec that extends another, and a server that is as it says."""
    for text in (MADE, "CREATE DATABASE shop_prod"):
        run(server, text)
    run(server, INSIDE, database="shop_prod")
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/_base.yaml").write_text(BASE)
    (tmp_path / "specs/prod.yaml").write_text(OWN)
    yield tmp_path
    for text in CLEAN.split("; "):
        run(server, text)


def update(shop: Path, server: Cluster, *words: str) -> subprocess.CompletedProcess[str]:
    return pgdeploy_program("capture", "prod", "--update", "--dsn", server.dsn, *words, cwd=shop)


def changed(shop: Path, server: Cluster, *words: str) -> tuple[list[str], list[str]]:
    """The lines of the file that went, and those that came; a second update finds nothing to do."""
    done = update(shop, server, "--yes", *words)
    assert done.returncode == 0, done.stdout + done.stderr
    text = (shop / "specs/prod.yaml").read_text()
    assert (shop / "specs/_base.yaml").read_text() == BASE
    again = update(shop, server, *words)
    assert (again.returncode, again.stdout) == (0, "specs/prod.yaml: up to date\n")
    before, after = OWN.splitlines(), text.splitlines()
    return [line for line in before if line not in after], [line for line in after if line not in before]


def test_what_is_right_in_another_spelling_stays(server: Cluster, shop: Path) -> None:
    assert changed(shop, server) == ([], [])


def test_an_attribute_changes_where_it_stands(server: Cluster, shop: Path) -> None:
    run(server, "ALTER ROLE app_prod CONNECTION LIMIT 70; ALTER ROLE writer CONNECTION LIMIT 3")
    assert changed(shop, server) == (
        ["  app_{{ env }}: {connection_limit: 50}   # a large pool"],
        ["    connection_limit: 3", "  app_{{ env }}: {connection_limit: 70}  # a large pool"],
    )


def test_settings_of_a_role_in_a_database(server: Cluster, shop: Path) -> None:
    file = shop / "specs/prod.yaml"
    run(server, "ALTER ROLE writer IN DATABASE shop_prod SET search_path = app, public")
    assert changed(shop, server) == ([], ["    settings_in: {shop_prod: {search_path: [app, public]}}"])
    run(server, "ALTER ROLE writer IN DATABASE shop_prod SET work_mem = '8MB'")
    run(server, "ALTER ROLE writer IN DATABASE postgres SET lock_timeout = '3s'")
    done = update(shop, server, "--yes")
    assert done.returncode == 0, done.stderr
    assert (
        "    settings_in: {shop_prod: {search_path: [app, public], work_mem: 8MB}, postgres: {lock_timeout: 3s}}\n"
        in file.read_text()
    )


def test_what_the_base_says_is_overridden(server: Cluster, shop: Path) -> None:
    run(server, "ALTER ROLE reader SET work_mem = '8MB'")
    assert changed(shop, server) == ([], ["  reader: {settings: {work_mem: 8MB}}"])


def test_lines_come_behind_those_of_the_base(server: Cluster, shop: Path) -> None:
    run(server, "CREATE ROLE fresh LOGIN")
    run(server, "GRANT USAGE ON SCHEMA app TO fresh", database="shop_prod")
    assert changed(shop, server) == (
        [],
        ["  fresh: {login: true}", "        - {grant: [USAGE], on: {schema: app}, to: [fresh]}"],
    )


def test_a_line_of_the_base_that_is_wrong_is_replaced_with_its_list(server: Cluster, shop: Path) -> None:
    run(server, "REVOKE USAGE ON SCHEMA app FROM reader", database="shop_prod")
    gone, come = changed(shop, server)
    assert "append:" in gone
    assert come == [
        "databases:",
        "  shop_prod: {grants: [{grant: [USAGE], on: {schema: app}, to: [writer]}]}",
    ]


def test_what_cannot_be_seen_stays(server: Cluster, shop: Path) -> None:
    """Of a database that refuses this login nothing in it is captured, which is not to say that there is nothing."""
    run(server, "CREATE ROLE looker LOGIN PASSWORD 'l'; GRANT pg_monitor TO looker")
    run(server, "REVOKE CONNECT ON DATABASE shop_prod FROM PUBLIC")
    try:
        done = update(shop, server, "--yes", "--dsn", f"{server.dsn} user=looker password=l")
        assert done.returncode == 0, done.stderr
        assert "could not be read: database shop_prod: " in done.stderr
        text = (shop / "specs/prod.yaml").read_text()
        assert [line for line in OWN.splitlines() if line not in text.splitlines()] == []
    finally:
        run(server, "DROP ROLE looker")


def test_what_the_capture_leaves_out_stays(server: Cluster, shop: Path) -> None:
    """A capture does not speak of what initdb makes, and of templates, where nobody changed them."""
    more = "databases:\n  postgres: {}   # ours\n  template1: {schemas: {}}\n"
    (shop / "specs/prod.yaml").write_text(OWN + more)
    done = update(shop, server)
    assert (done.returncode, done.stdout) == (0, "specs/prod.yaml: up to date\n")


def test_thresholds_and_workloads_are_not_asked(server: Cluster, shop: Path) -> None:
    """How busy the server is has nothing to do with what it is."""
    workload = (
        "workloads: {statements: {one: {database: shop_prod, role: writer, sql: SELECT pg_sleep(60)}}}\n"
    )
    (shop / "specs/prod.yaml").write_text(f"{OWN}thresholds: {{age: {{transactions: 0}}}}\n{workload}")
    run(server, "ALTER ROLE writer CONNECTION LIMIT 3")
    done = update(shop, server, "--yes")
    assert done.returncode == 0, done.stderr
    assert (shop / "specs/prod.yaml").read_text().endswith(workload)


def test_only_some_sections(server: Cluster, shop: Path) -> None:
    run(server, "ALTER ROLE writer CONNECTION LIMIT 3")
    run(server, "REVOKE USAGE ON SCHEMA app FROM writer", database="shop_prod")
    assert changed(shop, server, "--only", "roles") == ([], ["    connection_limit: 3"])
    refused = update(shop, server, "--only", "rolls")
    assert (
        refused.returncode,
        "--only rolls: a spec has no such section; did you mean roles?" in refused.stderr,
    ) == (
        1,
        True,
    )


def test_what_the_base_says_cannot_be_taken_away(server: Cluster, shop: Path) -> None:
    run(server, "DROP OWNED BY reader; DROP ROLE reader", database="shop_prod")
    done = update(shop, server, "--yes")
    assert done.returncode == 2
    assert "role[reader].exists: desired present, actual absent" in done.stderr
    assert (shop / "specs/prod.yaml").read_text() == OWN


def test_nothing_is_written_without_a_yes(server: Cluster, shop: Path) -> None:
    run(server, "ALTER ROLE writer CONNECTION LIMIT 3")
    done = update(shop, server)
    assert done.returncode == 1
    assert "+    connection_limit: 3" in done.stdout
    assert "not a terminal; pass --yes to write this file" in done.stderr
    assert (shop / "specs/prod.yaml").read_text() == OWN


@law(8)
@given(one=specs(MAJOR), other=specs(MAJOR))
def test_the_spec_of_one_state_becomes_that_of_any_other(
    server: Cluster, one: Spec, other: Spec, tmp_path_factory: pytest.TempPathFactory
) -> None:
    file = tmp_path_factory.mktemp("updated") / "shop.yaml"
    clean(server)
    make(load(one), server)
    file.write_text(draft(server, {}).text)
    clean(server)
    make(load(other), server)
    target = load_target(file)
    made = proved(updated(target, server), "shop", server, beside=target)
    assert made.problems == (), made.text
    file.write_text(made.text)
    assert updated(load_target(file), server).text == made.text
