"""Numbered files of SQL, in the forms that other tools have, and plans of Sqitch, which are read alone."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from itertools import count
from pathlib import Path

import pytest
from psycopg.conninfo import conninfo_to_dict

from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.program import found_program
from tests.format.tool import need
from tests.migrations.shop import Shop
from tests.migrations.test_fault import RUNS, WAITS, in_the_background, session, wait_until

_NUMBERS = count(1)
ORDERS = """\
-- what was sold
BEGIN;
CREATE TABLE orders (id bigint PRIMARY KEY, note text DEFAULT '100%; of it');

COMMIT;
"""
INDEX = """\
-- migrate:up transaction:false
CREATE INDEX CONCURRENTLY orders_note ON orders (note);

-- migrate:down transaction:false
DROP INDEX CONCURRENTLY orders_note;
"""
GOOSE = """\
-- +goose Up
-- +goose StatementBegin
CREATE FUNCTION one() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END $$;
-- +goose StatementEnd
CREATE FUNCTION two() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END;
-- +goose Down
DROP FUNCTION one(), two()
"""
FILES = {
    "0001_orders.up": ORDERS,
    "0001_orders.down": "DROP TABLE orders;",
    "0002_orders-note": INDEX,
    "0003_functions": GOOSE,
    "0004_day.up": "SET search_path = '';\nALTER TABLE public.orders ADD COLUMN day date",
    "0004_day.down": "ALTER TABLE orders DROP COLUMN day",
    "0010_late.up": "COMMENT ON TABLE orders IS 'sold';",
    "0010_late.down": "COMMENT ON TABLE orders IS NULL;",
}


@pytest.fixture
def shop(server: Cluster, tmp_path: Path) -> Shop:
    return Shop(tmp_path, server, f"files{next(_NUMBERS)}").made_of("sql", **FILES)


def versions(shop: Shop) -> list[str]:
    return [str(name) for (name,) in shop.sql("SELECT version_num FROM schema_versions ORDER BY 1")]


ALL = ["0001", "0002", "0003", "0004", "0010"]


def test_up_and_down_in_every_form(shop: Shop) -> None:
    before = shop.dump()
    assert set(shop.red()) == {f"migration[{shop.database}].head"}
    said = shop.migrate()
    assert "upgraded to 0002: orders-note" in said
    assert (versions(shop), shop.red()) == (ALL, {})
    assert shop.sql("SELECT one(), two(), obj_description('orders'::regclass)") == [(1, 2, "sold")]
    assert shop.sql("SELECT tableowner FROM pg_tables WHERE tablename = 'orders'") == [("owner",)]
    assert "nothing to do" in shop.migrate()
    shop.done("migrate", "down", "--steps", "1", "--yes")
    assert versions(shop) == ALL[:-1]
    shop.done("migrate", "down", "--to", "0002", "--yes")
    assert versions(shop) == ALL[:2]
    assert "nowhere" in shop.done("migrate", "down", "--to", "nowhere", "--yes", status=1)
    shop.done("migrate", "down", "--to", "base", "--yes")
    assert (versions(shop), shop.dump()) == ([], before)


def test_the_sql_that_would_run_is_what_psql_can_run(shop: Shop) -> None:
    text = shop.done("plan", "--layer", "migration", "--sql", status=2)
    psql = found_program("psql", 16)
    command = [str(psql), "-Xq", "-v", "ON_ERROR_STOP=1", "-d", f"{shop.server.dsn} dbname={shop.database}"]
    text = f"SET ROLE owner;\n{text.replace('SET search_path = ', 'SET LOCAL search_path = ')}"
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert (versions(shop), shop.red()) == (ALL, {})


def test_what_only_looks_like_the_end_of_a_transaction(shop: Shop) -> None:
    """Savepoints are the revision's own, and a function has an END."""
    body = "BEGIN\n  COMMIT;\nEND"
    text = "start transaction;\nSAVEPOINT a;\nCREATE TABLE gone (id int);\nROLLBACK TO a;\n"
    text += "ROLLBACK WORK TO SAVEPOINT a;\nRELEASE a;\n"
    text += f"CREATE PROCEDURE p() LANGUAGE plpgsql AS $$ {body} $$;\n-- COMMIT;\nend transaction"
    shop.write(**{"0011_x.up": text})
    shop.migrate()
    assert (versions(shop), shop.red()) == ([*ALL, "0011"], {})
    assert shop.sql("SELECT to_regclass('gone') IS NULL, to_regproc('p') IS NULL") == [(True, False)]


def test_what_fails_is_named_with_its_line_and_nothing_of_it_is_there(shop: Shop) -> None:
    shop.write(**{"0005_more.up": "CREATE TABLE more (id int);\n\nALTER TABLE ordrs\n  ADD x int;\nSELECT 1"})
    said = shop.migrate(status=1)
    assert '0005_more.up.sql:3: revision 0005: relation "ordrs" does not exist' in said
    assert (versions(shop), shop.sql("SELECT to_regclass('more') IS NULL")) == (ALL[:4], [(True,)])
    shop.write(**{"0005_more.up": "CREATE TABLE more (id int);"})
    shop.migrate()
    assert shop.red() == {}


def test_a_file_that_was_changed_after_it_ran(shop: Shop) -> None:
    """Other ends of lines are no change; the next revision waits until it is as it was."""
    shop.migrate()
    file = shop.scripts / "0001_orders.up.sql"
    file.write_bytes(ORDERS.replace("\n", " \r\n").encode())
    assert shop.red() == {}
    file.write_text(ORDERS.replace("100%; of it", "100%;  of it"))
    shop.write(**{"0011_more.up": "CREATE TABLE more (id int);"})
    assert shop.red() == {f"migration[{shop.database}].head": "0001: changed since"}
    assert "0001: changed since" in shop.migrate(status=2)
    assert "changed since they were run: 0001" in shop.done("migrate", "status", status=2)
    assert versions(shop) == ALL
    shop.done("migrate", "stamp", "0010", "--yes")
    shop.migrate()
    assert shop.red() == {}


def test_nothing_that_comes_after_what_waits_for_a_word_is_run(shop: Shop) -> None:
    """What loses something, and what would hold a lock for too long; a saved plan has what the word allows."""
    shop.write(
        **{
            "0003_functions": "-- migrate:up\nALTER TABLE orders DROP COLUMN note;\n-- migrate:down\nSELECT 1;\n"
        }
    )
    said = shop.migrate(status=2)
    assert "0003: functions (loses what ALTER TABLE orders DROP COLUMN note drops; only with" in said
    assert versions(shop) == ALL[:2]
    shop.migrate("--allow-destructive")
    assert (versions(shop), shop.red()) == (ALL, {})
    shop.sql("INSERT INTO orders SELECT n FROM generate_series(1, 200000) n")
    shop.spec("max_lock: 10ms", kind="sql")
    shop.write(**{"0011_x.up": "ALTER TABLE orders ALTER COLUMN id TYPE numeric;", "0012_y.up": "SELECT 1;"})
    assert "(only with --allow-downtime)" in shop.migrate(status=2)
    assert versions(shop) == ALL
    shop.migrate("--allow-downtime")
    assert versions(shop) == [*ALL, "0011", "0012"]


def test_a_revision_that_came_late_is_run(shop: Shop) -> None:
    """Somebody merged a lower number; one that the files lack is no revision of ours."""
    shop.migrate()
    shop.write(**{"0007_late.up": "CREATE TABLE late (id int);"})
    assert shop.red() == {f"migration[{shop.database}].head": "0010, behind by 1 revision"}
    assert "upgrade to 0007: late (late: 0010 is there)" in shop.migrate()
    assert shop.red() == {}
    (shop.scripts / "0007_late.up.sql").unlink()
    assert "of which the scripts lack 0007" in shop.red()[f"migration[{shop.database}].head"]


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({"0010_other.up": "SELECT 1"}, "0010_other.up.sql: has the number of 0010_late.down.sql"),
        ({"10_late.up": "SELECT 1"}, "10_late.up.sql: has the number of 0010_late.down.sql"),
        ({"0011_x.down": "SELECT 1"}, "0011_x.down.sql: has no way up; write 0011_x.up.sql"),
        ({"0011_x": "SELECT 1;\n-- migrate:up\nSELECT 2;"}, "0011_x.sql: has SQL before `-- migrate:up`"),
        ({"schema": "SELECT 1"}, "schema.sql: write NUMBER_NAME.up.sql and NUMBER_NAME.down.sql"),
        (
            {"0011_x.up": "SELECT 1;\n\\connect other\n"},
            "0011_x.up.sql:2: \\connect other: is a command of psql",
        ),
        (
            {"0011_x.up": "COPY orders FROM STDIN;\n1\n\\.\n"},
            "0011_x.up.sql:1: COPY orders FROM STDIN;: reads what follows",
        ),
        *(
            (
                {"0011_x.up": f"SELECT 1;\n{ends};\nSELECT 2;"},
                f"0011_x.up.sql:2: {ends};: a revision is one transaction",
            )
            for ends in (
                "ROLLBACK",
                "end",
                "START TRANSACTION",
                "ABORT WORK",
                "PREPARE TRANSACTION 'x'",
                "rollback and chain",
            )
        ),
        (
            {"0011_x.up": "BEGIN;\nSELECT 1;\nROLLBACK;"},
            "0011_x.up.sql:1: BEGIN;: a revision is one transaction",
        ),
        (
            {"0011_x.up": "SELECT 1;\nCOMMIT;\nSELECT 2;"},
            "0011_x.up.sql:2: COMMIT;: a revision is one transaction",
        ),
    ],
)
def test_files_that_are_none(files: dict[str, str], says: str, shop: Shop) -> None:
    shop.write(**files)
    for words in (("plan", "--layer", "migration"), ("apply", "--layer", "migration", "--yes")):
        said = shop.done(*words, status=1)
        assert says in said
        assert "Traceback" not in said
    assert shop.sql("SELECT to_regclass('orders') IS NULL") == [(True,)]


def test_a_folder_without_files_is_no_answer(shop: Shop) -> None:
    """It may be the wrong one; the first revision is written there all the same."""
    for file in shop.scripts.iterdir():
        file.unlink()
    assert set(shop.red()) == {f"migration[{shop.database}].scripts"}
    assert "has no file NUMBER_NAME.up.sql" in shop.migrate(status=1)
    shop.alone("migrate", "new", "-m", "first")
    assert (shop.scripts / "0001_first.up.sql").exists()


def test_new_is_in_the_form_of_the_newest(shop: Shop) -> None:
    shop.alone("migrate", "new", "-m", "Add: a column")
    assert (shop.scripts / "0011_add_a_column.up.sql").exists()
    assert (shop.scripts / "0011_add_a_column.down.sql").exists()
    shop.write(**{"0012_x": "-- migrate:up\nSELECT 1;\n-- migrate:down\nSELECT 2;\n"})
    shop.alone("migrate", "new", "-m", "more")
    assert "-- migrate:down" in (shop.scripts / "0013_more.sql").read_text()
    assert "leave out --autogenerate" in shop.done("migrate", "new", "--autogenerate", "-m", "x", status=1)


def test_what_a_script_sets_ends_with_it(shop: Shop) -> None:
    """Nor does it write the version table as somebody else."""
    shop.sql(
        "CREATE ROLE other_owner; GRANT other_owner TO owner; GRANT CREATE ON SCHEMA public TO other_owner"
    )
    shop.write(
        **{
            "0011_other.up": "SET ROLE other_owner;\nSET lock_timeout = 0;\nCREATE TABLE theirs (id int);",
            "0012_ours.up": "CREATE TABLE ours AS SELECT current_setting('lock_timeout') AS waits;",
        }
    )
    shop.migrate()
    owners = "SELECT tableowner FROM pg_tables WHERE tablename IN ('ours', 'theirs') ORDER BY tablename"
    assert shop.sql(owners) == [("owner",), ("other_owner",)]
    assert shop.sql("SELECT waits FROM ours") == [("5s",)]
    shop.sql(
        "DROP OWNED BY other_owner; DROP ROLE other_owner"
    )  # other tests share the server, and its roles


def test_lint_and_its_comments(shop: Shop) -> None:
    drop = "SELECT 1;\n{}ALTER TABLE orders DROP COLUMN note;\n"
    shop.write(**{"0011_x.up": drop.format(""), "0011_x.down": "SELECT 1"})
    assert "0011_x.up.sql:2: ban-drop-column: " in shop.alone("migrate", "lint", status=2)
    comment = "-- pgdeploy: allow ban-drop-column until {}: nobody reads it any more\n"
    shop.write(**{"0011_x.up": drop.format(comment.format("2999-01-01"))})
    shop.alone("migrate", "lint")
    shop.write(**{"0011_x.up": drop.format(comment.format("2001-01-01"))})
    assert "0011_x.up.sql:2: allow: ended on 2001-01-01" in shop.alone("migrate", "lint", status=2)
    shop.write(**{"0011_x.up": "SELECT 1;", "0011_x.down": "-- nothing\n"})
    assert "0011_x.up.sql:1: no-downgrade: " in shop.alone("migrate", "lint", status=2)


def test_a_rehearsal(shop: Shop) -> None:
    assert "5 revisions rehearsed, 0 findings" in shop.alone("migrate", "rehearse")
    shop.write(**{"0010_late.down": "SELECT 1;\nDROP TABLE ordrs"})
    said = shop.alone("migrate", "rehearse", status=2)
    assert '0010_late.down.sql:2: not-taken-back: the way down fails: table "ordrs" does not exist' in said


def test_a_lock_and_a_kill(shop: Shop) -> None:
    """One that waits is run again; one that is killed while it makes an index leaves none that is invalid."""
    shop.spec("lock_timeout: 200ms, retries: 20", kind="sql")
    with session(shop) as other:
        shop.migrate("--to", "0001", status=2)
        other.execute("BEGIN")
        other.execute("INSERT INTO orders VALUES (1)")
        running = in_the_background(shop)
        wait_until(
            shop, RUNS.format("query LIKE 'CREATE INDEX CONCURRENTLY%' AND datname = current_database()")
        )
        running.send_signal(signal.SIGKILL)
        running.communicate(timeout=30)
        assert versions(shop) == ["0001"]
        other.execute("COMMIT")
        other.execute("BEGIN")
        other.execute("LOCK TABLE orders IN ACCESS SHARE MODE")
        running = in_the_background(shop)
        wait_until(shop, "SELECT EXISTS (SELECT FROM schema_versions WHERE version_num = '0003')")
        wait_until(shop, WAITS)
        other.execute("COMMIT")
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 0, said
    assert (versions(shop), shop.red()) == (ALL, {})


def test_a_way_back_that_waits_for_a_lock_takes_no_more_than_it_was_told(shop: Shop) -> None:
    shop.spec("lock_timeout: 200ms, retries: 20", kind="sql")
    shop.migrate()
    with session(shop) as other:
        other.execute("BEGIN")
        other.execute("LOCK TABLE orders IN ACCESS SHARE MODE")
        running = in_the_background(shop, act="down")
        wait_until(shop, "SELECT NOT EXISTS (SELECT FROM schema_versions WHERE version_num = '0010')")
        wait_until(shop, WAITS)
        time.sleep(0.5)  # longer than lock_timeout
        other.execute("COMMIT")
    said, _ = running.communicate(timeout=60)
    assert running.returncode == 0, said
    assert "is run again" in said
    assert versions(shop) == ALL[:3]


def test_what_has_the_tables_name_and_is_none(shop: Shop) -> None:
    shop.sql("CREATE TABLE schema_versions (version_num int)")
    assert "is no version table" in shop.red()[f"migration[{shop.database}].head"]
    assert "is no version table" in shop.migrate(status=1)


def test_no_commands_runs_no_sql(shop: Shop) -> None:
    """On a server to throw away it could become superuser, and start programs."""
    for words in (("check", "--on", "embedded"), ("migrate", "lint")):
        said = shop.alone(*words, "--no-commands", status=1)
        assert "runs the SQL of this folder (refused by --no-commands)" in said


def test_a_spec_says_one_kind(shop: Shop) -> None:
    shop.spec("sqitch: ../other", kind="sql")
    said = shop.migrate(status=1)
    assert "shop.yaml:13" in said
    assert "one of alembic, sql and sqitch" in said
    shop.spec(kind="sqll")
    assert "sqll" in shop.migrate(status=1)


# -- Sqitch --------------------------------------------------------------------------------------------


@pytest.fixture
def sqitch(server: Cluster, tmp_path: Path) -> Shop:
    """A project that the real program made: three changes, of which one was reworked after a tag."""
    need("sqitch")
    shop = Shop(tmp_path, server, f"sqitch{next(_NUMBERS)}").made_of("sqitch")
    run(shop, "init", "shop", "--engine", "pg")
    run(shop, "add", "a", "-n", "the first # of them")
    run(shop, "add", "b", "--requires", "a", "-n", "second")
    run(shop, "tag", "v1", "-n", "one")
    run(shop, "rework", "b", "-n", "again")
    run(shop, "add", "c", "-n", "third")
    for file, sql in (
        ("a", "CREATE TABLE a (x int)"),
        ("b@v1", "CREATE TABLE b (x int)"),
        ("b", "ALTER TABLE b ADD COLUMN IF NOT EXISTS y int"),
        ("c", "CREATE TABLE c (x int)"),
    ):
        (shop.scripts / "deploy" / f"{file}.sql").write_text(f"BEGIN;\n{sql};\nCOMMIT;\n")
        (shop.scripts / "verify" / f"{file}.sql").write_text("SELECT 1;\n")
        (shop.scripts / "revert" / f"{file}.sql").write_text("SELECT 1;\n")
    return shop


def run(shop: Shop, *words: str) -> None:
    way = conninfo_to_dict(shop.server.dsn)
    environment = {
        "PGHOST": str(way["host"]),
        "PGUSER": str(way["user"]),
        "SQITCH_FULLNAME": "Somebody",
        "SQITCH_EMAIL": "somebody@example.org",
    }
    done = subprocess.run(
        ["sqitch", *words],
        cwd=shop.scripts,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_plan_of_sqitch(sqitch: Shop) -> None:
    head = f"migration[{sqitch.database}].head"
    assert "c <- b#2: third" in sqitch.alone("migrate", "history")
    assert sqitch.red() == {head: "no version table, so behind by 4 revisions"}
    said = sqitch.migrate(status=2)
    assert "sqitch deploy" in said
    run(sqitch, "deploy", "--to", "@v1", f"db:pg:{sqitch.database}")
    assert sqitch.red() == {head: "b, behind by 2 revisions"}
    run(sqitch, "deploy", f"db:pg:{sqitch.database}")
    assert sqitch.red() == {}
    assert "nothing is pending" in sqitch.done("migrate", "status")
    deployed = sqitch.scripts / "deploy" / "b@v1.sql"
    deployed.write_text(deployed.read_text() + "-- more\n")
    assert sqitch.red() == {head: "b: changed since"}
    for words in (("lint",), ("rehearse",), ("new", "-m", "x")):
        assert "which is read alone" in sqitch.alone("migrate", *words, status=1)


@pytest.mark.parametrize(
    ("plan", "says"),
    [
        (None, "sqitch.plan: No such file or directory"),
        ("nonsense\n", "sqitch.plan:1: has no line %project=NAME"),
        ("%project=shop\n\na then\n", "sqitch.plan:3: a then: is no change of a plan"),
        (
            "%project=shop\nz 2026-01-01T00:00:00Z A <a@b> # z\n",
            "deploy/z.sql: No such file or directory, and the plan has it",
        ),
    ],
)
def test_a_plan_that_is_none(plan: str | None, says: str, server: Cluster, tmp_path: Path) -> None:
    shop = Shop(tmp_path, server, f"sqitch{next(_NUMBERS)}").made_of("sqitch")
    if plan is not None:
        (shop.scripts / "sqitch.plan").write_text(plan)
    assert says in shop.red()[f"migration[{shop.database}].scripts"]
    assert says in shop.alone("migrate", "history", status=1)
