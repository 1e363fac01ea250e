"""`pgdeploy capture`: what it writes, and what it refuses."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pgdeploy.layers.server.capture.section import capture
from pgdeploy.lifecycle.capture import Draft, draft, proved
from pgdeploy.reach.dsn import DsnServer
from pgdeploy.reach.embedded import Cluster
from pgdeploy.spec.writing import write
from tests.conftest import cluster
from tests.program import pgdeploy as pgdeploy_program

ROLES = """
CREATE ROLE owner; CREATE ROLE migrator; CREATE ROLE reader LOGIN; CREATE ROLE writer LOGIN; CREATE ROLE auditor;
CREATE ROLE old_admin LOGIN SUPERUSER; CREATE ROLE "yes"; CREATE ROLE "1.0"; CREATE ROLE "null" NOINHERIT;
GRANT reader TO writer; GRANT owner TO "null" WITH ADMIN OPTION;
SET password_encryption = md5; ALTER ROLE writer PASSWORD 'of the writer'; RESET password_encryption;
ALTER ROLE reader PASSWORD 'of the reader' VALID UNTIL '2031-05-01 UTC' CONNECTION LIMIT 3;
ALTER ROLE reader SET work_mem = '16MB'; ALTER ROLE reader SET search_path = app, public;
"""
SHOP = """
CREATE SCHEMA app AUTHORIZATION owner; SET ROLE owner;
CREATE TABLE app.orders (id int, total int, note text);
CREATE TABLE app.items (id int); CREATE TABLE app.secrets (id int);
CREATE FUNCTION app.total() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.price(int) RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION app.price(text) RETURNS int LANGUAGE sql AS 'SELECT 1';
RESET ROLE;
GRANT USAGE ON SCHEMA app TO reader, writer;
GRANT SELECT ON ALL TABLES IN SCHEMA app TO reader, writer;
GRANT ALL ON app.orders TO writer;
GRANT UPDATE (total, note) ON app.orders TO auditor; GRANT UPDATE (total, note) ON app.orders TO reader;
GRANT SELECT ON app.items TO PUBLIC;
REVOKE EXECUTE ON FUNCTION app.total() FROM PUBLIC; GRANT EXECUTE ON FUNCTION app.price(text) TO auditor;
ALTER DEFAULT PRIVILEGES FOR ROLE owner IN SCHEMA app GRANT SELECT ON TABLES TO reader;
ALTER DEFAULT PRIVILEGES FOR ROLE migrator IN SCHEMA app GRANT SELECT ON TABLES TO reader;
ALTER DEFAULT PRIVILEGES FOR ROLE owner REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
"""
SQL = (
    ROLES,
    "CREATE DATABASE base IS_TEMPLATE true",
    "CREATE DATABASE shop OWNER owner CONNECTION LIMIT 50",
    "REVOKE CONNECT ON DATABASE shop FROM PUBLIC; GRANT CONNECT ON DATABASE shop TO reader, writer",
    "ALTER DATABASE shop SET statement_timeout = '30s'",
    "ALTER SYSTEM SET work_mem = '8MB'",
)


def run(server: Cluster, *texts: str, database: str = "postgres") -> None:
    with server.open(database) as connection:
        for text in texts:
            connection.execute(text.encode())


@pytest.fixture(scope="module")
def made() -> Iterator[Cluster]:
    """A server that somebody made by hand."""
    for server in cluster(16):
        run(server, *SQL)
        run(server, "CREATE SCHEMA shared; GRANT USAGE ON SCHEMA shared TO reader", database="base")
        run(server, "CREATE DATABASE copied TEMPLATE base")
        run(server, SHOP, database="shop")
        run(server, "SELECT pg_reload_conf()")
        yield server


@pytest.fixture(scope="module")
def found(made: Cluster) -> Draft:
    return proved(draft(made, {}), "shop", made)


def test_it_says_what_the_server_is(found: Draft) -> None:
    assert found.problems == ()
    assert sorted(found.unproved) == ["role[reader].password", "role[writer].password"]


@pytest.mark.parametrize(
    "line",
    [
        "  work_mem: 8MB  # ALTER SYSTEM",
        "  old_admin: {login: true, superuser: true}  # a superuser: does it have to be one?",
        "  'yes': {}",
        "  '1.0': {}",
        "  'null': {inherit: false, member_of: [{role: owner, admin: true}]}",
        "    valid_until: 2031-05-01",
        "    settings: {work_mem: 16MB, search_path: [app, public]}",
        "    password: {env: READER_PASSWORD}",
        "    password: {env: WRITER_PASSWORD}  # stored as md5, which is no longer safe; an apply stores it as SCRAM",
        "    member_of: [reader]",
        "    settings: {statement_timeout: 30s}",
        "    schemas: {app: {owner: owner}}",
        "      - {on: {schema: app, all: tables}, owner: owner}",
        "      - {grant: [CONNECT], on: database, to: [reader, writer]}",
        "      - {revoke: [CONNECT], on: database, from: [PUBLIC]}",
        "      - {grant: [SELECT], on: {schema: app, all: tables}, to: [reader, writer]}",
        "      - {grant: [SELECT], on: {schema: app, table: items}, to: [PUBLIC]}  # everybody who can connect",
        "      - {grant: [UPDATE], on: {schema: app, table: orders, columns: [note, total]}, to: [auditor, reader]}",
        "      - {revoke: [EXECUTE], on: {schema: app, function: total}, from: [PUBLIC]}",
        "      - {grant: [EXECUTE], on: {schema: app, function: price, arguments: [text]}, to: [auditor]}",
        "      - {for: [migrator, owner], in_schema: app, grant: [SELECT], on: tables, to: [reader]}",
        "      - {for: owner, revoke: [EXECUTE], on: functions, from: [PUBLIC]}",
        "  copied: {from_template: base}",
    ],
)
def test_each_thing_is_one_short_line(found: Draft, line: str) -> None:
    assert line in found.text.splitlines()


def test_a_database_of_initdb_in_which_a_role_has_settings_is_declared(made: Cluster) -> None:
    run(made, "ALTER ROLE reader IN DATABASE postgres SET lock_timeout = '3s'")
    try:
        found = proved(draft(made, {}), "shop", made)
    finally:
        run(made, "ALTER ROLE reader IN DATABASE postgres RESET lock_timeout")
    assert found.problems == ()
    assert "    settings_in: {postgres: {lock_timeout: 3s}}\n" in found.text
    assert "\n  postgres: {}" in found.text.partition("databases:")[2]


def test_what_somebody_should_decide_is_marked(made: Cluster) -> None:
    run(made, "CREATE ROLE ada LOGIN", "CREATE DATABASE hers OWNER ada", "CREATE DATABASE idle")
    try:
        lines = draft(made, {}).text.splitlines()
    finally:
        run(made, "DROP DATABASE hers", "DROP DATABASE idle", "DROP ROLE ada")
    marked = [line.strip() for line in lines if line.endswith("?") or "a person" in line]
    assert marked == [
        "ada: {login: true}  # owns things and logs in: if it is a person, they should belong to a role that stays",
        "old_admin: {login: true, superuser: true}  # a superuser: does it have to be one?",
        "hers: {owner: ada}  # nothing is granted in it: is it used?",
        "idle: {}  # nothing is granted in it: is it used?",
    ]


def test_what_initdb_made_is_left_out(found: Draft) -> None:
    words = ("template0", "template1", "plpgsql", "pg_monitor", "lc_messages", "TimeZone", "data_directory")
    assert [word for word in words if word in found.text] == []
    assert "\n  postgres:" in found.text.partition("roles:")[2].partition("databases:")[0]
    assert "\n  postgres:" not in found.text.partition("databases:")[2]


def test_no_secret_is_written(found: Draft) -> None:
    said = found.text + found.example
    assert [
        word for word in ("SCRAM-SHA-256$", "md5", "of the reader") if word in said.replace("as md5,", "")
    ] == []
    assert found.example == (
        "# the password of role reader\nREADER_PASSWORD=\n# the password of role writer\nWRITER_PASSWORD=\n"
    )


def test_a_login_that_is_no_superuser_says_what_it_does_not_see(made: Cluster) -> None:
    run(made, "CREATE ROLE looker LOGIN PASSWORD 'canary-looker'")
    try:
        server = DsnServer(f"{made.dsn} user=looker password=canary-looker")
        found = capture(server)
        made_of_it = proved(draft(server, {}), "shop", server)
        assert made_of_it.problems == ()
        assert "permission denied" in made_of_it.unproved["setting[files].loaded"]
        assert any(line.startswith("passwords: ") for line in found.unseen)
        assert any(line.startswith("hba: ") for line in found.unseen)
        text = write(found.sections)
        assert "# hba: left out, as it could not be read: " in text
        assert "canary" not in text
        assert "    # what is in it could not be read\n" in text
        assert any(line.startswith("database shop: ") for line in found.unseen)
        assert {"grant[shop].undeclared", "default_privilege[shop].undeclared"} <= {*made_of_it.unproved}
    finally:
        run(made, "DROP ROLE looker")


# -- the command ---------------------------------------------------------------------------------------


def pgdeploy(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return pgdeploy_program(*words, cwd=folder)


def test_the_command_writes_a_spec_that_plans_nothing(made: Cluster, tmp_path: Path) -> None:
    done = pgdeploy(tmp_path, "capture", "shop", "--dsn", f"{made.dsn} password=canary-dsn")
    assert (done.returncode, done.stderr) == (0, "")
    assert "specs/shop.yaml: " in done.stdout
    assert "specs/shop.env.example: " in done.stdout
    assert "role[reader].password" in done.stdout
    text = (tmp_path / "specs/shop.yaml").read_text()
    assert "canary" not in text
    assert f"connect: {{dsn: '{made.dsn.replace('  ', ' ')}'}}" in text
    again = pgdeploy(tmp_path, "capture", "shop", "--dsn", made.dsn)
    assert again.returncode == 1
    assert "specs/shop.yaml exists; pass --force to replace it, or --stdout to compare" in again.stderr
    same = pgdeploy(tmp_path, "capture", "shop", "--stdout")
    assert (same.returncode, same.stdout) == (0, text)
    assert pgdeploy(tmp_path, "capture", "shop", "--force").returncode == 0
    assert (tmp_path / "specs/shop.yaml").read_text() == text


def test_advice_can_be_waived_for_a_while(made: Cluster, tmp_path: Path) -> None:
    words = ("capture", "shop", "--dsn", made.dsn)
    assert pgdeploy(tmp_path, *words).returncode == 0
    advised = pgdeploy(tmp_path, "lint", "shop")
    assert (advised.returncode, "PGD" in advised.stdout) == (2, True)
    done = pgdeploy(tmp_path, *words, "--force", "--waive")
    assert done.returncode == 0, done.stderr
    quiet = pgdeploy(tmp_path, "lint", "shop")
    assert (quiet.returncode, quiet.stdout) == (0, "no advice\n")
    text = (tmp_path / "specs/shop.yaml").read_text()
    assert text.count("rule: PGD") == len(advised.stdout.splitlines())


def test_a_spec_that_would_be_wrong_is_not_written(made: Cluster, tmp_path: Path) -> None:
    """The file says what the running server has not taken yet: either word of the spec would be wrong."""
    file = made.data / "postgresql.conf"
    before = file.read_text()
    file.write_text(f"{before}max_wal_size = 2GB\n")
    try:
        done = pgdeploy(tmp_path, "capture", "shop", "--dsn", made.dsn)
    finally:
        file.write_text(before)
    assert done.returncode == 2
    assert "shop: the spec does not match the server and was not written:" in done.stderr
    assert "setting[max_wal_size].value: desired 2GB, actual 1GB" in done.stderr
    assert not (tmp_path / "specs").exists()


BEYOND = """
REVOKE ALL ON SCHEMA public FROM PUBLIC; CREATE TABLE public.closed (id int); REVOKE ALL ON public.closed FROM postgres;
SELECT lo_create(4711); GRANT SELECT ON LARGE OBJECT 4711 TO reader; ALTER ROLE ALL SET work_mem = '9MB';
"""


def test_what_a_spec_cannot_say_is_told_and_written_on_demand_alone(made: Cluster, tmp_path: Path) -> None:
    run(made, BEYOND)
    try:
        words = ("capture", "shop", "--dsn", made.dsn)
        refused = pgdeploy(tmp_path, *words)
        assert (refused.returncode, (tmp_path / "specs").exists()) == (2, False)
        assert "SELECT on large object 4711 for reader" in refused.stderr
        written = pgdeploy(tmp_path, *words, "--anyway")
        assert (written.returncode, ", does not match the server" in written.stdout) == (2, True)
        text = (tmp_path / "specs/shop.yaml").read_text()
        assert "  # a spec cannot say: ALTER ROLE ALL SET work_mem = 9MB\n" in text
        assert "{revoke: [ALL], on: {schema: public, table: closed}, from: [postgres]}" in text
        assert "{revoke: [USAGE], on: {schema: public}, from: [PUBLIC]}" in text
    finally:
        run(
            made,
            "GRANT USAGE ON SCHEMA public TO PUBLIC; DROP TABLE public.closed; SELECT lo_unlink(4711)",
            "ALTER ROLE ALL RESET work_mem",
        )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            ["a/b", "--dsn", "host=/nowhere"],
            "a/b: a target's name is a file name without folder and .yaml",
        ),
        (["_base", "--dsn", "host=/nowhere"], "_base: a target's name is a file name"),
        (["shop"], "no target shop"),
        (
            ["shop", "--dsn", "host=/nowhere", "--ssh", "pg01"],
            "--dsn, --ssh, --container and --data-dir exclude each other",
        ),
        (["shop", "--ssh", "-oProxyCommand=x"], "--ssh -oProxyCommand=x: write HOST or USER@HOST"),
        (["shop", "--dsn", "host=/nowhere"], "/nowhere"),
        (["shop", "--data-dir", "nothing"], "nothing: this folder does not exist"),
    ],
)
def test_bad_input_is_one_line(tmp_path: Path, words: list[str], said: str) -> None:
    done = pgdeploy(tmp_path, "capture", *words)
    assert done.returncode == 1
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "specs").exists()
