"""Migrations on a real server: up, down and up again, whatever env.py does, and what stops them."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.program import found_program
from tests.conftest import cluster
from tests.migrations.project import ENV, LAST, STEPS, write_revision
from tests.migrations.shop import Shop

HEAD = "migration[{}].head"


@pytest.mark.parametrize("major", [14, 15, 16, 17, 18])
def test_up_down_and_up_again(major: int, tmp_path: Path) -> None:
    """Twenty revisions: what is there after them is the same the second time, and nothing is left in between."""
    for server in cluster(major):
        shop = Shop(tmp_path, server, "shop", major).made()
        empty = shop.dump()
        shop.migrate()
        assert shop.versions == [LAST]
        assert shop.red() == {}
        first = shop.dump()
        assert "orders_day" in first
        assert "takes back r01: step r01" in shop.done("migrate", "down", "--to", "base", "--yes")
        assert (shop.versions, shop.dump()) == ([], empty)
        shop.migrate()
        assert shop.dump() == first


def test_grants_reach_what_is_made_and_the_owner_owns_it(shop: Shop) -> None:
    shop.migrate()
    owners = shop.sql(
        "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relname IN ('orders', 'rates')"
    )
    assert owners == [("owner",)]
    shop.done("apply", "--yes", "--no-gate")
    assert shop.sql("SELECT has_table_privilege('reader', 'public.orders', 'SELECT')") == [(True,)]
    assert shop.done("apply", "--yes", status=0)


def test_the_plan_shows_each_revision_and_the_second_is_empty(shop: Shop) -> None:
    said = shop.done("plan", "--layer", "migration", status=2)
    assert f"{shop.database}: upgrade to r01: step r01" in said
    assert "20 steps" in said
    shop.migrate()
    assert "nothing to do" in shop.done("plan", "--layer", "migration")
    assert f"{shop.database}: r20; nothing is pending" in shop.done("migrate", "status")


def test_a_saved_plan_is_what_is_run(shop: Shop) -> None:
    """A revision that changed since is not."""
    shop.done("plan", "--layer", "migration", "--out", "plan.json", status=2)
    file = shop.scripts / "versions" / "r02.py"
    text = file.read_text()
    file.write_text(text.replace("sa.Date", "sa.DateTime"))
    assert "plan again" in shop.migrate("--plan", "plan.json", status=1)
    file.write_text(text)
    shop.migrate("--plan", "plan.json")
    assert shop.versions == [LAST]


def test_up_to_a_revision(shop: Shop) -> None:
    said = shop.migrate("--to", "r03", status=2)
    assert "3 steps" in said
    assert "not done: " in said
    assert shop.versions == ["r03"]
    assert "--to r03: is not pending; pending: r04, " in shop.migrate("--to", "r03", status=1)
    assert "goes with --layer migration" in shop.done("apply", "--to", "r03", status=1)


def test_the_sql_that_would_run_is_what_psql_can_run(shop: Shop) -> None:
    text = shop.done("plan", "--layer", "migration", "--sql", status=2)
    psql = found_program("psql", 16)
    command = [str(psql), "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", f"{shop.server.dsn} dbname={shop.database}"]
    done = subprocess.run(
        command, input=f"SET ROLE owner;\n{text}", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert (shop.versions, shop.red()) == ([LAST], {})
    by_psql = shop.dump()
    shop.done("migrate", "down", "--to", "base", "--yes")
    shop.migrate()
    assert shop.dump() == by_psql


# -- env.py --------------------------------------------------------------------------------------------

FROM_INI = """\
from alembic import context
from sqlalchemy import engine_from_config, pool

config = context.config
if context.is_offline_mode():
    context.configure(url=config.get_main_option("sqlalchemy.url"), literal_binds=True)
    with context.begin_transaction():
        context.run_migrations()
else:
    connectable = engine_from_config(config.get_section(config.config_ini_section), prefix="sqlalchemy.")
    with connectable.connect() as connection:
        context.configure(connection=connection, version_table="other", transaction_per_migration=False)
        with context.begin_transaction():
            context.run_migrations()
"""
ASYNC = """\
import asyncio
from alembic import context
from sqlalchemy.ext.asyncio import create_async_engine

def run(connection):
    context.configure(connection=connection)
    with context.begin_transaction():
        context.run_migrations()

async def main():
    engine = create_async_engine("postgresql+psycopg_async://nowhere/other")
    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()

if context.is_offline_mode():
    context.configure(literal_binds=True)
    context.run_migrations()
else:
    asyncio.run(main())
"""
NOISY = ENV.replace(
    "if context", "import sys\nprint('{\"result\": 1}')\nprint('x', file=sys.stderr)\nif context", 1
)


PSYCOPG2 = ENV.replace("postgresql+psycopg://", "postgresql+psycopg2://")
ASYNCPG = ASYNC.replace("psycopg_async", "asyncpg")


@pytest.mark.parametrize(
    "env", [FROM_INI, ASYNC, NOISY, PSYCOPG2, ASYNCPG], ids=["ini", "async", "prints", "psycopg2", "asyncpg"]
)
def test_whatever_env_does_leads_to_the_target(env: str, shop: Shop) -> None:
    (shop.scripts / "env.py").write_text(env)
    (shop.place / "alembic.ini").write_text(
        "[alembic]\nscript_location = %(here)s/migrations\nprepend_sys_path = .\n"
        "sqlalchemy.url = postgresql://nobody:secret@nowhere.invalid:1/other\n"
    )
    file = shop.place / "specs/shop.yaml"
    file.write_text(file.read_text().replace("../migrations", "../alembic.ini"))
    shop.migrate()
    assert (shop.versions, shop.red()) == ([LAST], {})


@pytest.mark.parametrize(
    ("env", "says"),
    [
        (
            "import nothing_of_the_kind\n",
            "env.py:1: ModuleNotFoundError: No module named 'nothing_of_the_kind'",
        ),
        ("import os\nurl = os.environ['SHOP_URL']\n", "env.py:2: KeyError: 'SHOP_URL'"),
        ("def broken(:\n", "env.py:1: SyntaxError"),
        ("raise SystemExit('no')\n", "env.py:1: SystemExit: no"),
        (
            ENV.replace("postgresql+psycopg://nobody:secret@nowhere.invalid:1/other", "sqlite:///x.db"),
            "env.py makes an engine of sqlite+",
        ),
        ("import os\nos._exit(0)\n", "ended without an answer"),
        (
            (
                "from logging.config import fileConfig\nfrom alembic import context\n"
                "fileConfig(context.config.config_file_name)\n"
            ),
            "env.py:3: env.py wants an alembic.ini: write the path of one in place of the folder",
        ),
    ],
    ids=["import", "variable", "syntax", "exit", "sqlite", "dies", "no ini"],
)
def test_an_env_that_does_not_work_is_one_clear_error(env: str, says: str, shop: Shop) -> None:
    (shop.scripts / "env.py").write_text(env)
    said = shop.migrate(status=1)
    assert says in said
    assert "Traceback" not in said
    assert "secret" not in said
    assert shop.sql("SELECT to_regclass('public.alembic_version') IS NULL") == [(True,)]


GIVEN = """\
from alembic import context

if context.is_offline_mode():
    context.configure(literal_binds=True)
else:
    context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
"""


def test_an_env_that_is_given_its_connection(shop: Shop) -> None:
    (shop.scripts / "env.py").write_text(GIVEN)
    shop.migrate()
    assert (shop.versions, shop.red()) == ([LAST], {})


@pytest.mark.parametrize("location", ["migrations", "%(here)s/migrations", "elsewhere"])
def test_an_ini_beside_the_folder_counts_when_it_is_about_it(location: str, shop: Shop) -> None:
    (shop.place / "alembic.ini").write_text(
        f"[alembic]\nscript_location = {location}\nfile_template = x_%%(rev)s\n"
    )
    said = shop.done("migrate", "new", "-m", "thing")
    assert ("/x_" in said) is (location != "elsewhere")


UNSEEN = "it asks the database as it runs, so its SQL cannot be shown before; only with --allow-destructive"


def test_without_an_offline_mode_it_is_run_all_the_same(shop: Shop) -> None:
    """Nobody can say before what it does, so it waits for a word."""
    env = ENV.replace("if context.is_offline_mode():", "if False:")
    (shop.scripts / "env.py").write_text(env)
    said = shop.done("plan", "--layer", "migration", status=2)
    assert said.count(UNSEEN) == len(STEPS)
    shop.migrate(status=2)
    assert shop.sql("SELECT to_regclass('alembic_version') IS NULL") == [(True,)]
    shop.migrate("--allow-destructive")
    assert shop.versions == [LAST]


def test_a_revision_that_cannot_be_read(shop: Shop) -> None:
    (shop.scripts / "versions" / "r05.py").write_text("revision = 'r05'\nthis is no Python\n")
    assert "r05.py:2: SyntaxError" in shop.migrate(status=1)
    assert set(shop.red()) == {f"migration[{shop.database}].scripts"}


def test_one_that_asks_the_database_hides_no_other(shop: Shop) -> None:
    write_revision(shop.scripts, "r21", LAST, "op.get_bind().execute(sa.text('SELECT 1')).scalar_one()")
    write_revision(shop.scripts, "r22", "r21", "op.drop_column('orders', 'remark')")
    said = shop.done("plan", "--layer", "migration", status=2)
    assert said.count(UNSEEN) == 1
    assert "upgrade to r22: step r22 (loses what ALTER TABLE orders DROP COLUMN remark drops" in said


def test_scripts_that_do_not_fit_together(shop: Shop) -> None:
    """Alembic warns of some of these, and says of others what nobody understands."""
    versions = shop.scripts / "versions"
    write_revision(shop.scripts, "r21", "gone", "op.execute('SELECT 1')")
    assert "gone referenced from gone -> r21" in shop.migrate(status=1)
    (versions / "r21.py").unlink()
    (versions / "copy.py").write_text((versions / "r03.py").read_text())
    assert "Revision r03 is present more than once: each file has a revision of its own" in shop.migrate(
        status=1
    )
    (versions / "copy.py").unlink()
    write_revision(shop.scripts, "r01", LAST, "op.execute('SELECT 1')")
    assert "Cycle is detected in revisions" in shop.migrate(status=1)


@pytest.mark.parametrize("file", ["env.py", "versions/r01.py", "binary"])
def test_a_file_that_is_no_ini(file: str, shop: Shop) -> None:
    (shop.scripts / "binary").write_bytes(bytes(range(256)))
    spec = shop.place / "specs/shop.yaml"
    spec.write_text(spec.read_text().replace("../migrations", f"../migrations/{file}"))
    assert f"{shop.scripts / file}: is no alembic.ini: " in shop.migrate(status=1)


# -- what is lost --------------------------------------------------------------------------------------


def test_what_loses_something_waits_for_a_word(shop: Shop) -> None:
    write_revision(shop.scripts, "r21", LAST, "op.drop_column('orders', 'remark')")
    write_revision(shop.scripts, "r22", "r21", "op.create_table('after', sa.Column('id', sa.Integer))")
    said = shop.migrate(status=2)
    assert "what ALTER TABLE orders DROP COLUMN remark drops; only with --allow-destructive" in said
    assert shop.versions == [LAST], "and what stands on it waits, too"
    assert shop.red() == {HEAD.format(shop.database): f"{LAST}, behind by 2 revisions"}
    shop.migrate("--allow-destructive")
    assert shop.versions == ["r22"]


@pytest.mark.parametrize(
    ("up", "loses"),
    [
        ("op.drop_table('orders')", True),
        ("op.execute('TRUNCATE orders')", True),
        ("op.execute('DELETE FROM orders WHERE total = 0')", True),
        ("op.execute('drop /* not */ schema if exists nothing')", True),
        ("op.execute(\"COMMENT ON TABLE orders IS 'DROP TABLE orders; TRUNCATE orders'\")", False),
        ("op.execute(\"UPDATE orders SET remark = '-- ; DELETE FROM orders'\")", False),
        ("op.drop_index('orders_day')", False),
    ],
)
def test_what_loses_something_is_told_from_what_looks_so(up: str, loses: bool, shop: Shop) -> None:
    shop.migrate()
    write_revision(shop.scripts, "r21", LAST, up)
    assert ("only with --allow-destructive" in shop.done("plan", "--layer", "migration", status=2)) is loses


def test_the_spec_allows_it_until_a_day(shop: Shop) -> None:
    write_revision(shop.scripts, "r21", LAST, "op.drop_table('rates')")
    allowed = "destructive: {{r21: {{until: {}, reason: nobody reads it any more}}}}"
    shop.spec(allowed.format("2001-01-01"))
    assert "only with --allow-destructive" in shop.done("plan", "--layer", "migration", status=2)
    shop.spec(allowed.format("2999-01-01"))
    shop.migrate()
    assert shop.versions == ["r21"]


# -- the scripts and the table disagree ----------------------------------------------------------------


def test_two_heads_and_branches_that_are_meant(shop: Shop) -> None:
    write_revision(shop.scripts, "left", LAST, "op.execute('SELECT 1')")
    write_revision(shop.scripts, "right", LAST, "op.execute('SELECT 2')")
    assert "alembic merge left right" in shop.migrate(status=2)
    assert shop.red() == {f"migration[{shop.database}].scripts": "left, right"}
    write_revision(shop.scripts, "left", LAST, "op.execute('SELECT 1')", labels="a")
    write_revision(shop.scripts, "right", LAST, "op.execute('SELECT 2')", labels="b")
    shop.migrate()
    assert (shop.versions, shop.red()) == (["left", "right"], {})


@pytest.mark.parametrize(
    ("by_hand", "actual"),
    [
        ("UPDATE alembic_version SET version_num = 'r19'", "r19, behind by 1 revision"),
        ("UPDATE alembic_version SET version_num = 'gone'", "gone, of which the scripts lack gone"),
        ("DELETE FROM alembic_version", "none, behind by 20 revisions"),
        ("DROP TABLE alembic_version", "no version table, so behind by 20 revisions"),
        ("INSERT INTO alembic_version VALUES ('r03')", "r03, r20, of which one stands on another"),
        (
            "DROP TABLE alembic_version; CREATE VIEW alembic_version AS SELECT 'r20'::text AS version_num",
            "public.alembic_version is no version table: a table with a column version_num of type varchar is",
        ),
    ],
)
def test_a_version_table_that_somebody_edited(by_hand: str, actual: str, shop: Shop) -> None:
    shop.migrate()
    shop.sql(by_hand)
    found = shop.red()
    assert found.pop(HEAD.format(shop.database)) == actual
    assert found == {}


def test_the_version_table_is_found_where_the_search_path_put_it(shop: Shop) -> None:
    """And where two have its name, nobody guesses."""
    shop.sql("CREATE SCHEMA app AUTHORIZATION owner")
    shop.sql(f"ALTER DATABASE {shop.database} SET search_path = app, public")
    shop.migrate()
    assert shop.sql("SELECT version_num FROM app.alembic_version") == [(LAST,)]
    assert shop.red() == {}
    shop.sql("CREATE TABLE public.alembic_version (version_num varchar)")
    assert "write `schema:` to say which" in shop.red()[HEAD.format(shop.database)]
    shop.spec("schema: app")
    assert shop.red() == {}


def test_a_version_table_that_somebody_locks_is_not_waited_for(shop: Shop) -> None:
    shop.migrate()
    with shop.server.open(shop.database) as other, other.transaction():
        other.execute("LOCK TABLE public.alembic_version")
        assert shop.red() == {HEAD.format(shop.database): "canceling statement due to lock timeout"}
    assert shop.red() == {}


def test_an_unknown_revision_is_not_run_over(shop: Shop) -> None:
    shop.migrate()
    shop.sql("UPDATE alembic_version SET version_num = 'gone'")
    said = shop.migrate(status=2)
    assert "the scripts lack gone" in said
    assert "pgdeploy migrate shop stamp" in said
    shop.done("migrate", "stamp", LAST, "--yes")
    assert shop.red() == {}


def test_stamp_takes_what_there_is_to_say(shop: Shop) -> None:
    shop.migrate()
    shop.done("migrate", "stamp", "base", "--yes")
    assert shop.versions == []
    assert "nowhere" in shop.done("migrate", "stamp", "nowhere", "--yes", status=1)
    assert "pass --yes" in shop.done("migrate", "stamp", "heads", status=1)
    assert shop.versions == []


def test_a_database_that_has_a_history_already(shop: Shop) -> None:
    """Its tables are there, and nothing says which revision that is."""
    shop.migrate()
    shop.sql("DROP TABLE alembic_version")
    before = shop.dump()
    shop.done("migrate", "stamp", "heads", "--yes")
    assert (shop.versions, shop.red(), shop.dump()) == ([LAST], {}, before)


def test_two_directories_in_one_database(shop: Shop) -> None:
    other = shop.place / "other"
    write_revision(
        other, "o1", None, "op.create_table('ours', sa.Column('id', sa.Integer))", "op.drop_table('ours')"
    )
    (other / "env.py").write_text(ENV)
    beside = f"  more: {{alembic: ../other, database: {shop.database}"
    shop.spec(beside=beside + "}\n")
    assert "has the version table of" in shop.migrate(status=1)
    shop.spec(beside=beside + ", table: other_version}\n")
    shop.migrate()
    assert shop.sql("SELECT version_num FROM other_version") == [("o1",)]
    assert shop.red() == {}
    assert "write --entry" in shop.done("migrate", "down", "--steps", "1", status=1)
    shop.done("migrate", "down", "--steps", "1", "--entry", "more", "--yes")
    assert set(shop.red()) == {"migration[more].head"}


def test_what_a_spec_may_not_say(shop: Shop) -> None:
    for more, says in (
        ("role: postgres", "is a superuser"),
        ("role: ownr", "role ownr is not declared; did you mean owner?"),
        ("database: nowhere", "database nowhere is not declared"),
        ("destructive: {r1: {until: tomorrow, reason: because it is so}}", "until"),
        ("lock_timeout: 5 bananas", "lock_timeout"),
    ):
        shop.spec(more)
        said = shop.migrate(status=1)
        assert says in said
        assert "specs/shop.yaml:1" in said


def test_no_commands_runs_nothing_of_it(shop: Shop) -> None:
    for words in (("plan", "--layer", "migration"), ("migrate", "history"), ("migrate", "status")):
        assert "refused by --no-commands" in shop.done(*words, "--no-commands", status=1)


def test_new_revisions(shop: Shop) -> None:
    said = shop.done("migrate", "new", "-m", "add a thing")
    (file,) = [line.removeprefix("written: ") for line in said.splitlines()]
    assert "add_a_thing" in Path(file).name
    assert "add a thing" in shop.done("migrate", "heads")


def test_an_index_that_was_left_half_made(shop: Shop) -> None:
    """CREATE INDEX CONCURRENTLY that was cut short: red, and the revision that makes it mends it."""
    shop.migrate()
    shop.done("migrate", "down", "--to", "r05", "--yes")
    shop.sql("CREATE INDEX orders_note ON orders (note)")
    shop.sql("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'orders_note'::regclass")
    indexes = f"migration[{shop.database}].indexes"
    assert set(shop.red()) == {indexes, HEAD.format(shop.database)}
    assert shop.red()[indexes] == "public.orders_note on orders"
    shop.migrate()
    assert shop.red() == {}


def test_on_a_server_to_throw_away(shop: Shop) -> None:
    """The gate of an embedded server runs them first: they are tried where nothing can be hurt."""
    assert " 0 drift" in shop.alone("check", "--on", "embedded")


# -- models --------------------------------------------------------------------------------------------

WITH_MODELS = "from shop_models import metadata\n" + ENV.replace(
    "context.configure(connection=connection)",
    "context.configure(connection=connection, target_metadata=metadata)",
)
MODELS = """\
import sqlalchemy as sa
metadata = sa.MetaData()
sa.Table("orders", metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("note", sa.Text), sa.Column("total", sa.Integer, nullable=False), comment="what was sold")
"""
MAKO = """\
# ${message}
from alembic import op
import sqlalchemy as sa
revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}

def upgrade():
    ${upgrades}

def downgrade():
    ${downgrades}
"""


def test_the_models_of_the_project(tmp_path: Path, server: Cluster) -> None:
    """Compared by env.py itself, with what it leaves out; what is pending is no difference."""
    (tmp_path / "shop_models.py").write_text(MODELS)
    shop = Shop(tmp_path, server, "modelled").made(1, WITH_MODELS)
    models = f"migration[{shop.database}].models"
    assert set(shop.red()) == {HEAD.format(shop.database)}
    shop.migrate()
    assert shop.red() == {}
    (shop.place / "shop_models.py").write_text(MODELS.replace("sa.Text", "sa.Integer"))
    assert shop.red() == {models: "modify type orders note"}
    (shop.place / "shop_models.py").write_text(MODELS)
    shop.sql("ALTER TABLE orders ADD COLUMN by_hand text; CREATE INDEX also_by_hand ON orders (total)")
    found = shop.red()
    assert set(found) == {models}
    assert "remove index" in found[models]
    assert "by_hand" in found[models]
    (shop.place / "shop_models.py").write_text("raise RuntimeError('no models today')")
    assert "no models today" in shop.red()[models]


def test_a_new_revision_from_the_models(tmp_path: Path, server: Cluster) -> None:
    (tmp_path / "shop_models.py").write_text(
        MODELS.replace("comment=", "sa.Column('day', sa.Date), comment=")
    )
    shop = Shop(tmp_path, server, "generated").made(1, WITH_MODELS)
    (shop.scripts / "script.py.mako").write_text(MAKO)
    said = shop.migrate(status=2)
    assert f"drift remains: migration[{shop.database}].models: add column orders orders.day" in said
    assert set(shop.red()) == {f"migration[{shop.database}].models"}
    shop.done("migrate", "new", "--autogenerate", "-m", "day")
    shop.migrate()
    assert shop.red() == {}
    columns = shop.sql("SELECT count(*) FROM information_schema.columns WHERE column_name = 'day'")
    assert columns == [(1,)]


def test_the_first_revision_from_the_models(tmp_path: Path, server: Cluster) -> None:
    """The database has nothing yet, and gets nothing by that."""
    (tmp_path / "shop_models.py").write_text(MODELS)
    shop = Shop(tmp_path, server, "first").made(0, WITH_MODELS)
    (shop.scripts / "versions").mkdir()
    (shop.scripts / "script.py.mako").write_text(MAKO)
    shop.done("migrate", "new", "--autogenerate", "-m", "all")
    assert shop.sql("SELECT to_regclass('alembic_version') IS NULL") == [(True,)]
    shop.migrate()
    assert shop.red() == {}


def test_a_new_revision_where_there_are_two_heads(shop: Shop) -> None:
    """It is no merge by accident."""
    for name in ("left", "right"):
        write_revision(shop.scripts, name, LAST, "op.execute('SELECT 1')")
    assert "Multiple heads" in shop.done("migrate", "new", "-m", "thing", status=1)


def test_an_env_that_does_not_commit(tmp_path: Path, server: Cluster) -> None:
    """Alembic says that it upgraded, and nothing is there."""
    shop = Shop(tmp_path, server, "uncommitted").made(3)
    begins = "connection.exec_driver_sql('SELECT 1')\n        context.configure(connection"
    (shop.scripts / "env.py").write_text(ENV.replace("context.configure(connection", begins))
    said = shop.migrate(status=1)
    assert "revision r01 was run, and the version table does not say so: env.py did not commit it" in said
