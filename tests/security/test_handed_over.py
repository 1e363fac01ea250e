"""What somebody wrote does not come to run with another's rights by being handed over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from pgdeploy.errors import ApplyError
from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.gate.target import load_target
from pgdeploy.layers.server.apply import apply
from pgdeploy.reach.embedded import Cluster
from tests.program import pgdeploy as pgdeploy_program

SPEC = """\
postgres: {major}
connect: {{dsn: host=x}}
undeclared: {{roles: {others}, databases: ignore}}
roles:
  postgres: {{superuser: true, login: true}}
  keeper: {{}}
databases:
  shop:
    schemas: {{work: {{owner: keeper}}}}
    ownership:
      - {{on: {{schema: work, all: tables}}, owner: {owner}}}
      - {{on: {{schema: work, all: functions}}, owner: {owner}}}
      - {{on: {{schema: work, all: sequences}}, owner: {owner}}}
"""

TRICKS = """
CREATE FUNCTION work.trick() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user::text';
CREATE VIEW work.seen AS SELECT * FROM pg_roles;
CREATE TABLE work.triggered (id int);
CREATE SEQUENCE work.counter;
"""


@pytest.fixture(params=["server14", "server16", "server18"])
def shop(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """mallory may create in a schema, and has."""
    server: Cluster = request.getfixturevalue(request.param)
    with server.open() as connection:
        connection.execute("CREATE ROLE mallory LOGIN")
        connection.execute("CREATE ROLE keeper")
        connection.execute("CREATE DATABASE shop")
    with psycopg.connect(server.dsn, dbname="shop", autocommit=True) as connection:
        connection.execute("CREATE SCHEMA work AUTHORIZATION keeper")
        connection.execute("GRANT USAGE, CREATE ON SCHEMA work TO mallory")
        connection.execute("CREATE TABLE work.plain ()")
        connection.execute("SET ROLE mallory")
        connection.execute(TRICKS)
    try:
        yield server
    finally:
        with server.open() as connection:
            connection.execute("DROP DATABASE shop WITH (FORCE)")
            for role in ("mallory", "keeper"):
                connection.execute(f"DROP ROLE IF EXISTS {role}".encode())


def _spec(server: Cluster, folder: Path, *, owner: str = "keeper", others: str = "ignore") -> Path:
    with server.open() as connection:
        major = connection.info.server_version // 10000
    (folder / "specs").mkdir(exist_ok=True)
    file = folder / "specs/prod.yaml"
    file.write_text(SPEC.format(major=major, owner=owner, others=others))
    return file


def _apply(server: Cluster, folder: Path, *more: str) -> str:
    done = pgdeploy_program("apply", "prod", "--yes", "--dsn", server.dsn, *more, cwd=folder)
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def _owners(server: Cluster) -> dict[str, str]:
    with psycopg.connect(server.dsn, dbname="shop") as connection:
        rows = connection.execute(
            "SELECT relname::text, relowner::regrole::text FROM pg_class "
            "WHERE relnamespace = 'work'::regnamespace "
            "UNION SELECT proname::text, proowner::regrole::text FROM pg_proc "
            "WHERE pronamespace = 'work'::regnamespace"
        )
        return dict(rows)


HELD_BACK = {
    "trick": "mallory",
    "seen": "mallory",
    "triggered": "mallory",
    "plain": "keeper",
    "counter": "keeper",
}


def test_what_could_run_code_is_handed_over_on_demand_alone(shop: Cluster, tmp_path: Path) -> None:
    _spec(shop, tmp_path)
    said = _apply(shop, tmp_path)
    assert "mallory (by function work.trick())" in said
    assert "give --allow-destructive" in said
    assert _owners(shop) == HELD_BACK
    _apply(shop, tmp_path, "--allow-destructive")
    assert _owners(shop) == dict.fromkeys(HELD_BACK, "keeper")


def test_one_who_may_act_as_the_new_owner_gains_nothing(shop: Cluster, tmp_path: Path) -> None:
    with shop.open() as connection:
        connection.execute("CREATE ROLE between IN ROLE keeper ROLE mallory")
    try:
        _spec(shop, tmp_path)
        _apply(shop, tmp_path)
        assert _owners(shop) == dict.fromkeys(HELD_BACK, "keeper")
    finally:
        with shop.open() as connection:
            connection.execute("DROP ROLE between")


def test_nobody_elses_code_is_ever_given_to_a_superuser(shop: Cluster, tmp_path: Path) -> None:
    _spec(shop, tmp_path, owner="postgres")
    said = _apply(shop, tmp_path, "--allow-destructive")
    assert "would become superuser by it" in said
    owners = _owners(shop)
    assert {owners["trick"], owners["seen"], owners["triggered"]} == {"mallory"}
    assert (owners["plain"], owners["counter"]) == ("postgres", "postgres")


def test_what_a_role_makes_before_it_is_dropped_goes_to_nobody(shop: Cluster, tmp_path: Path) -> None:
    """It owned nothing when the plan was made."""
    with psycopg.connect(shop.dsn, dbname="shop", autocommit=True) as connection:
        connection.execute("DROP OWNED BY mallory")
        connection.execute("GRANT USAGE, CREATE ON SCHEMA work TO mallory")
    gate = Gate(load_target(_spec(shop, tmp_path, others="drift")), ConnectionOptions(dsn=shop.dsn))
    planned = gate.plan()
    with psycopg.connect(shop.dsn, dbname="shop", autocommit=True) as connection:
        connection.execute("SET ROLE mallory")
        connection.execute(TRICKS)
    with pytest.raises(ApplyError, match='role "pgdeploy_nobody" cannot be dropped'):
        apply(planned, gate.server)
    owners = _owners(shop)
    assert {owners["trick"], owners["seen"], owners["triggered"]} == {"mallory"}
    # the next plan sees what it owns
    stuck = [finding.remedy.text for finding in gate.plan().stuck]
    assert any("owns 4 objects" in reason for reason in stuck), stuck


SWAPS = {
    "plain": ("DROP TABLE work.plain", "CREATE VIEW work.plain AS SELECT * FROM pg_roles"),
    "sound()": (
        "DROP FUNCTION work.sound()",
        "CREATE FUNCTION work.sound() RETURNS text LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user::text'",
    ),
}


@pytest.mark.parametrize("swapped", SWAPS)
def test_what_took_the_name_of_another_is_not_handed_over(
    shop: Cluster, tmp_path: Path, swapped: str
) -> None:
    """The schema's owner may drop what others have in it, and mallory may make something of the same name."""
    with psycopg.connect(shop.dsn, dbname="shop", autocommit=True) as connection:
        connection.execute("DROP OWNED BY mallory")
        connection.execute("GRANT USAGE, CREATE ON SCHEMA work TO mallory")
        connection.execute("CREATE FUNCTION work.sound() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    gate = Gate(load_target(_spec(shop, tmp_path)), ConnectionOptions(dsn=shop.dsn))
    planned = gate.plan()
    dropped, made = SWAPS[swapped]
    with psycopg.connect(shop.dsn, dbname="shop", autocommit=True) as connection:
        connection.execute(f"SET ROLE keeper; {dropped}; SET ROLE mallory; {made}".encode())
    with pytest.raises(ApplyError, match="another object has come in the place of one that was looked at"):
        apply(planned, gate.server)
    assert _owners(shop)[swapped.removesuffix("()")] == "mallory"
    assert "keeper" not in _owners(shop).values()
