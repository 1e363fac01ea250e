"""Extensions whose scripts make schemas and objects, that require each other, that cannot move or be updated.

Each is a few lines of SQL in a copy of PostgreSQL's own folder.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent, indent

import pytest

from pgdeploy.core.check import Verdict
from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.gate.target import load_target
from pgdeploy.layers.server.plan import Plan
from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.side_by_side import closing
from tests.conftest import FAST, copied
from tests.diff import diff
from tests.program import pgdeploy as pgdeploy_program

FILES = {
    # makes a schema of its own, as pg_cron does, and objects of every kind in it
    "jobber.control": "default_version = '1.0'\nrelocatable = false\nschema = pg_catalog\n",
    "jobber--1.0.sql": """
        CREATE SCHEMA "Jobs of $n";
        CREATE TABLE "Jobs of $n".job (id serial, name text);
        CREATE VIEW "Jobs of $n".named AS SELECT name FROM "Jobs of $n".job;
        CREATE FUNCTION "Jobs of $n".run(integer) RETURNS int LANGUAGE sql AS 'SELECT 1';
        CREATE TYPE "Jobs of $n".state AS ENUM ('done');
        GRANT SELECT ON "Jobs of $n".named TO PUBLIC;
        GRANT USAGE ON SCHEMA "Jobs of $n" TO PUBLIC;
        CREATE FOREIGN DATA WRAPPER jobber;
    """.replace("$n", "us"),
    "jobber--1.0--1.1.sql": 'CREATE SCHEMA later; CREATE TABLE "Jobs of us".log (id int);',
    # its control file names a schema, which CREATE EXTENSION makes
    "pinned.control": "default_version = '1.0'\nrelocatable = false\nschema = pins\n",
    "pinned--1.0.sql": "CREATE TABLE pins.pin (id int);",
    "fixed.control": "default_version = '2.0'\nrelocatable = false\n",
    "fixed--1.0.sql": "CREATE TABLE @extschema@.fixed (id int);",
    "fixed--2.0.sql": "CREATE TABLE @extschema@.fixed (id bigint);",
    "grown.control": "default_version = '1.1'\nrelocatable = true\n",
    "grown--1.0.sql": "CREATE TABLE grown (id int);",
    "grown--1.0--1.1.sql": "CREATE TABLE grown_more (id int);",
    "brick.control": "default_version = '1.0'\nrelocatable = true\n",
    "brick--1.0.sql": "CREATE TABLE brick (id int);",
    "house.control": "default_version = '1.0'\nrelocatable = true\nrequires = 'brick'\n",
    "house--1.0.sql": "CREATE TABLE house (id int);",
    "avenue.control": "default_version = '1.0'\nrelocatable = true\nrequires = 'house, pinned'\n",
    "avenue--1.0.sql": "CREATE TABLE avenue (id int);",
    "castle.control": "default_version = '1.0'\nrequires = 'drawbridge'\n",
    "castle--1.0.sql": "SELECT 1;",
    "vague.control": "comment = 'no default version'\n",
    "vague--3.sql": "SELECT 1;",
    "tame.control": "default_version = '1'\ntrusted = true\n",
    "tame--1.sql": "CREATE TABLE @extschema@.tame (id int);",
    "tame--1--2.sql": "SELECT 1;",
    "handy.control": "default_version = '1'\nrelocatable = true\ntrusted = true\n",
    "handy--1.sql": "CREATE FUNCTION handy() RETURNS int LANGUAGE sql AS 'SELECT 1';",
    "light.control": "default_version = '1'\nrelocatable = true\ntrusted = true\n",
    "light--1.sql": "CREATE TABLE light (id int);",
    "free.control": "default_version = '1'\nsuperuser = false\n",
    "free--1.sql": "CREATE TABLE @extschema@.free (id int);",
    "hen.control": "default_version = '1'\nrequires = 'egg'\n",
    "hen--1.sql": "SELECT 1;",
    "egg.control": "default_version = '1'\nrequires = 'hen'\n",
    "egg--1.sql": "SELECT 1;",
}


@dataclass(frozen=True, slots=True)
class Case:
    """What is in the database `shop` before, what its spec says, and what must come of it."""

    name: str
    spec: str
    before: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    """Statements about extensions and schemas, in their order."""
    stuck: tuple[tuple[str, str], ...] = ()
    """Ids that no change removes, and a part of why."""
    waiting: tuple[str, ...] = ()
    """Ids that wait for what the extensions bring."""
    holds: str = ""
    """A question whose answer is yes in the end."""


JOBS = '"Jobs of us"'

CASES = (
    Case(
        "what the script makes is granted by the same apply",
        f"""
        schemas: {{{JOBS}: {{owner: app}}, sales: {{owner: app}}}}
        extensions: {{jobber: {{}}}}
        ownership:
          - {{on: {{schema: {JOBS}, table: job}}, owner: app}}
        grants:
          - {{grant: [USAGE], on: {{schema: {JOBS}}}, to: [reader]}}
          - {{grant: [SELECT], on: {{schema: {JOBS}, table: job}}, to: [reader]}}
          - {{grant: [SELECT], on: {{schema: {JOBS}, table: job, columns: [name]}}, to: [writer]}}
          - {{grant: [SELECT], on: {{schema: {JOBS}, all: tables}}, to: [writer]}}
          - {{grant: [EXECUTE], on: {{schema: {JOBS}, function: run, arguments: [integer]}}, to: [reader]}}
          - {{revoke: [EXECUTE], on: {{schema: {JOBS}, function: run, arguments: [integer]}}, from: [PUBLIC]}}
          - {{revoke: [SELECT], on: {{schema: {JOBS}, table: named}}, from: [PUBLIC]}}
          - {{grant: [USAGE], on: {{schema: {JOBS}, type: state}}, to: [reader]}}
          - {{grant: [USAGE], on: {{foreign_data_wrapper: jobber}}, to: [reader]}}
        """,
        made=(
            'CREATE EXTENSION "jobber"',
            f'CREATE SCHEMA IF NOT EXISTS {JOBS} AUTHORIZATION "app"',
            f'ALTER SCHEMA {JOBS} OWNER TO "app"',
            'CREATE SCHEMA IF NOT EXISTS "sales" AUTHORIZATION "app"',
            'ALTER SCHEMA "sales" OWNER TO "app"',
        ),
        waiting=(
            f"ownership[shop: table {JOBS}.job].owner",
            f"grant[shop: SELECT on table {JOBS}.job to reader].granted",
            f"grant[shop: SELECT on table {JOBS}.job (name) to writer].granted",
            f"grant[shop: EXECUTE on function {JOBS}.run(integer) to reader].granted",
            f"grant[shop: EXECUTE on function {JOBS}.run(integer) from PUBLIC].revoked",
            f"grant[shop: SELECT on table {JOBS}.named from PUBLIC].revoked",
            f"grant[shop: USAGE on type {JOBS}.state to reader].granted",
            "grant[shop: USAGE on foreign data wrapper jobber to reader].granted",
        ),
        holds=f"SELECT has_table_privilege('reader', '{JOBS}.job', 'SELECT')"
        f" AND has_table_privilege('writer', '{JOBS}.named', 'SELECT')"
        f" AND NOT has_table_privilege('reader', '{JOBS}.named', 'SELECT')",
    ),
    Case(
        "what a default privilege beyond the spec gave on it is taken away again",
        # what is taken is not more than what the spec names
        "extensions: {brick: {}}\ngrants: [{grant: [USAGE], on: {schema: public}, to: [reader]}]",
        before=("ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO reader",),
        made=('CREATE EXTENSION "brick"',),
        holds="SELECT NOT has_table_privilege('reader', 'brick', 'SELECT')",
    ),
    Case(
        "an update brings more",
        f"""
        schemas: {{{JOBS}: {{}}, later: {{owner: app}}}}
        extensions: {{jobber: {{version: '1.1'}}}}
        grants: [{{grant: [SELECT], on: {{schema: {JOBS}, all: tables}}, to: [reader]}}]
        """,
        before=("CREATE EXTENSION jobber",),
        made=(
            "ALTER EXTENSION \"jobber\" UPDATE TO '1.1'",
            'CREATE SCHEMA IF NOT EXISTS "later" AUTHORIZATION "app"',
            'ALTER SCHEMA "later" OWNER TO "app"',
        ),
        holds=f"SELECT has_table_privilege('reader', '{JOBS}.log', 'SELECT')",
    ),
    Case(
        "a schema that its control file names",
        """
        schemas: {pins: {owner: app}}
        extensions: {pinned: {}}
        grants: [{grant: [SELECT], on: {schema: pins, all: tables}, to: [reader]}]
        """,
        made=(
            'CREATE EXTENSION "pinned"',
            'CREATE SCHEMA IF NOT EXISTS "pins" AUTHORIZATION "app"',
            'ALTER SCHEMA "pins" OWNER TO "app"',
        ),
        holds="SELECT has_table_privilege('reader', 'pins.pin', 'SELECT')",
    ),
    Case(
        "declared there, too",
        "schemas: {pins: {}}\nextensions: {pinned: {schema: pins}}",
        made=('CREATE SCHEMA "pins"', 'CREATE EXTENSION "pinned" SCHEMA "pins"'),
    ),
    Case(
        "declared elsewhere than it can stand",
        "schemas: {ext: {}}\nextensions: {pinned: {schema: ext, version: '1.0'}, brick: {}}",
        made=('CREATE SCHEMA "ext"', 'CREATE EXTENSION "brick"'),
        stuck=tuple(
            (f"extension[shop: pinned].{field}", "can stand in the schema pins only")
            for field in ("installed", "schema", "version")
        ),
    ),
    Case(
        "required ones come first, however they are written",
        "schemas: {ext: {}}\nextensions: {avenue: {}, house: {schema: ext}, pinned: {}, brick: {schema: ext}}",
        made=(
            'CREATE SCHEMA "ext"',
            'CREATE EXTENSION "pinned"',
            'CREATE EXTENSION "brick" SCHEMA "ext"',
            'CREATE EXTENSION "house" SCHEMA "ext"',
            'CREATE EXTENSION "avenue"',
        ),
    ),
    Case(
        "required ones that nobody declares come along",
        "schemas: {ext: {}}\nextensions: {avenue: {schema: ext}}",
        made=(
            'CREATE SCHEMA "ext"',
            'CREATE EXTENSION IF NOT EXISTS "brick" SCHEMA "ext"',
            'CREATE EXTENSION IF NOT EXISTS "house" SCHEMA "ext"',
            'CREATE EXTENSION IF NOT EXISTS "pinned"',
            'CREATE EXTENSION "avenue" SCHEMA "ext"',
        ),
    ),
    Case(
        "required ones that are there",
        "extensions: {house: {}}",
        before=("CREATE SCHEMA old", "CREATE EXTENSION brick SCHEMA old"),
        made=('CREATE EXTENSION "house"',),
    ),
    Case(
        "required ones that the server has no files of stop nothing else",
        "schemas: {sales: {}}\nextensions: {castle: {}, brick: {}}",
        made=('CREATE EXTENSION "brick"', 'CREATE SCHEMA IF NOT EXISTS "sales"'),
        stuck=(
            (
                "extension[shop: castle].installed",
                "requires drawbridge, which cannot be installed: its files",
            ),
        ),
    ),
    Case(
        "each requires the other",
        "extensions: {hen: {}, egg: {}}",
        stuck=(
            ("extension[shop: hen].installed", "require each other"),
            ("extension[shop: egg].installed", "require each other"),
        ),
    ),
    Case(
        "not relocatable",
        "schemas: {ext: {}, sales: {}}\nextensions: {fixed: {schema: ext}}",
        before=("CREATE SCHEMA old", "CREATE EXTENSION fixed SCHEMA old"),
        made=('CREATE SCHEMA "ext"', 'CREATE SCHEMA "sales"'),
        stuck=(("extension[shop: fixed].schema", "not relocatable"),),
    ),
    Case(
        "relocatable",
        "schemas: {ext: {}}\nextensions: {brick: {schema: ext}}",
        before=("CREATE EXTENSION brick",),
        made=('CREATE SCHEMA "ext"', 'ALTER EXTENSION "brick" SET SCHEMA "ext"'),
    ),
    Case(
        "no way between versions",
        "schemas: {sales: {}}\nextensions: {fixed: {version: '2.0'}}",
        before=("CREATE EXTENSION fixed VERSION '1.0'",),
        made=('CREATE SCHEMA IF NOT EXISTS "sales"',),
        stuck=(("extension[shop: fixed].version", "no update script leads from 1.0 to 2.0"),),
    ),
    Case(
        "no way back",
        "schemas: {sales: {}}\nextensions: {jobber: {version: '1.0'}}",
        before=("CREATE EXTENSION jobber VERSION '1.1'",),
        made=('CREATE SCHEMA IF NOT EXISTS "sales"',),
        stuck=(("extension[shop: jobber].version", "no update script leads from 1.1 to 1.0"),),
    ),
    Case(
        "a version that the server does not have",
        "extensions: {brick: {version: '7'}, house: {version: '7'}}",
        before=("CREATE EXTENSION brick",),
        stuck=(
            ("extension[shop: brick].version", "the server has the files of 1.0"),
            ("extension[shop: house].installed", "no files of version 7, only of 1.0"),
            ("extension[shop: house].version", "no files of version 7, only of 1.0"),
        ),
    ),
    Case(
        "the newest version is the default one of its files",
        "extensions: {grown: {version: newest}, brick: {version: newest}}",
        before=("CREATE EXTENSION brick",),
        made=("CREATE EXTENSION \"grown\" VERSION '1.1'",),
        holds="SELECT extversion = '1.1' FROM pg_extension WHERE extname = 'grown'",
    ),
    Case(
        "an older version than the newest",
        """
        extensions: {grown: {version: newest}}
        grants: [{grant: [SELECT], on: {schema: public, all: tables}, to: [reader]}]
        """,
        before=("CREATE EXTENSION grown VERSION '1.0'",),
        made=("ALTER EXTENSION \"grown\" UPDATE TO '1.1'",),
        holds="SELECT has_table_privilege('reader', 'grown_more', 'SELECT')",
    ),
    Case(
        "no way to the newest version",
        "extensions: {fixed: {version: newest}, jobber: {version: newest}}",
        before=("CREATE EXTENSION fixed VERSION '1.0'", "CREATE EXTENSION jobber VERSION '1.1'"),
        stuck=(
            ("extension[shop: fixed].version", "no update script leads from 1.0 to 2.0"),
            # later than the default, which PostgreSQL does not know: its versions have no order
            ("extension[shop: jobber].version", "no update script leads from 1.1 to 1.0"),
        ),
    ),
    Case(
        "the newest version where there is no default",
        "extensions: {vague: {version: newest}}",
        before=("CREATE EXTENSION vague VERSION '3'",),
        stuck=(("extension[shop: vague].version", "declare `version:`, one of 3"),),
    ),
    Case(
        "the newest version of what is not on the server",
        "extensions: {nowhere: {version: newest}}",
        stuck=(
            ("extension[shop: nowhere].installed", "its files are not on the server"),
            ("extension[shop: nowhere].version", "its files are not on the server"),
        ),
    ),
    Case(
        "no default version",
        "extensions: {vague: {}}",
        stuck=(("extension[shop: vague].installed", "declare `version:`, one of 3"),),
    ),
    Case(
        "a version where there is no default",
        "extensions: {vague: {version: '3'}}",
        made=("CREATE EXTENSION \"vague\" VERSION '3'",),
    ),
    Case(
        "not on the server",
        "extensions: {nowhere: {}, brick: {}}",
        made=('CREATE EXTENSION "brick"',),
        stuck=(("extension[shop: nowhere].installed", "its files are not on the server"),),
    ),
)

ROLES = "  app: {}\n  reader: {}\n  writer: {}\n"


def spec_of(major: int, body: str) -> str:
    lines = indent(dedent(body), "    ")
    return (
        f"postgres: {major}\nconnect: {{dsn: host=x}}\nroles:\n  postgres: {{superuser: true, login: true}}\n{ROLES}"
        f"databases:\n  shop:\n{lines}\n"
    )


@pytest.fixture(scope="module", params=[14, 16, 18])
def server(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    """PostgreSQL with the extensions above."""
    with tempfile.TemporaryDirectory(prefix="pgdeploy-test-") as folder:
        copy = copied(request.param, Path(folder))
        (control,) = copy.parent.rglob("plpgsql.control")
        for name, text in FILES.items():
            (control.parent / name).write_text(text)
        cluster = Cluster(Path(folder) / "home", copy, options=FAST)
        cluster.start()
        try:
            yield cluster
        finally:
            cluster.stop()


@pytest.fixture
def shop(server: Cluster) -> Iterator[Cluster]:
    """A database and its roles, new for each test."""
    _run(
        server, "postgres", "CREATE DATABASE shop", *(f"CREATE ROLE {r}" for r in ("app", "reader", "writer"))
    )
    yield server
    _run(server, "postgres", "DROP DATABASE shop", *(f"DROP ROLE {r}" for r in ("app", "reader", "writer")))


def _run(server: Cluster, database: str, *texts: str) -> None:
    with closing(server.open(database, configured=False)) as connection:
        for text in texts:
            connection.execute(text.encode())


def _ask(server: Cluster, question: str) -> object:
    with closing(server.open("shop", configured=False)) as connection:
        row = connection.execute(question.encode()).fetchone()
    assert row is not None
    return row[0]


def _major(server: Cluster) -> int:
    with closing(server.open()) as connection:
        return connection.info.server_version // 10000


def _gate(server: Cluster, folder: Path, spec: str, dsn: str | None = None) -> Gate:
    file = folder / "shop.yaml"
    file.write_text(spec)
    return Gate(load_target(file), ConnectionOptions(dsn=dsn or server.dsn))


def _texts(plan: Plan) -> list[str]:
    return [statement.text for change in plan.changes for statement in change.statements]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_one_apply_does_all_that_can_be_done(shop: Cluster, tmp_path: Path, case: Case) -> None:
    _run(shop, "shop", *case.before)
    gate = _gate(shop, tmp_path, spec_of(_major(shop), case.spec))
    planned = gate.plan()
    made = [
        text
        for text in _texts(planned)
        if " EXTENSION " in text or (" SCHEMA " in text and "GRANT" not in text)
    ]
    assert made == list(case.made)
    said = {finding.check.id: finding.remedy.text for finding in planned.stuck}
    assert said.keys() == {known for known, _ in case.stuck}
    for known, why in case.stuck:
        assert why in said[known]
    assert {f.check.id for waiting in planned.then.values() for f in waiting} == set(case.waiting)
    gate.apply(planned)
    after = gate.plan()
    assert (_texts(after), after.then) == ([], {})
    assert {finding.check.id for finding in after.stuck} == {known for known, _ in case.stuck}
    red = {f.check.id for f in diff(gate.target.checks, gate.facts) if f.verdict is Verdict.DRIFTS}
    assert red == {known for known, _ in case.stuck} - _blocked(gate)
    assert not case.holds or _ask(shop, case.holds) is True
    gate.close()


def _blocked(gate: Gate) -> set[str]:
    """What the gate does not ask, as its extension is not installed."""
    return {f.check.id for f in diff(gate.target.checks, gate.facts) if f.verdict is Verdict.BLOCKED}


def test_a_new_database_with_a_copy_of_it(server: Cluster, tmp_path: Path) -> None:
    """Privileges on what an extension brings reach the copy, though it is made before they are."""
    spec = f"""
postgres: {_major(server)}
connect: {{dsn: host=x}}
roles: {{postgres: {{superuser: true, login: true}}, reader: {{}}}}
databases:
  base:
    is_template: true
    schemas: {{{JOBS}: {{}}}}
    extensions: {{jobber: {{}}}}
    grants: [{{grant: [SELECT], on: {{schema: {JOBS}, table: job}}, to: [reader]}}]
  copy: {{from_template: base}}
"""
    gate = _gate(server, tmp_path, spec)
    try:
        gate.apply(gate.plan())
        after = gate.plan()
        assert (_texts(after), [finding.check.id for finding in after.stuck]) == ([], [])
    finally:
        gate.close()
        _run(server, "postgres", "ALTER DATABASE base IS_TEMPLATE false", "DROP DATABASE IF EXISTS copy")
        _run(server, "postgres", "DROP DATABASE base", "DROP ROLE reader")


# -- without superuser ---------------------------------------------------------------------------------


@pytest.fixture
def deployer(shop: Cluster) -> Iterator[str]:
    """The database's owner: no superuser."""
    _run(shop, "postgres", "CREATE ROLE deployer LOGIN", "ALTER DATABASE shop OWNER TO deployer")
    _run(shop, "shop", "GRANT CREATE ON SCHEMA public TO deployer")
    with (shop.data / "pg_ident.conf").open("a") as opened:
        opened.write("pgdeploy root deployer\n")
    hba = (shop.data / "pg_hba.conf").read_text()
    (shop.data / "pg_hba.conf").write_text(f"local all deployer trust\n{hba}")
    _run(shop, "postgres", "SELECT pg_reload_conf()", "SELECT pg_sleep(0.1)")
    yield shop.dsn.replace("user=postgres", "user=deployer")
    (shop.data / "pg_hba.conf").write_text(hba)
    _run(shop, "postgres", "ALTER DATABASE shop OWNER TO postgres", "SELECT pg_reload_conf()")
    _run(
        shop, "shop", "REASSIGN OWNED BY deployer TO postgres", "DROP OWNED BY deployer", "DROP ROLE deployer"
    )


def test_what_takes_a_superuser_is_said_and_the_rest_is_made(
    shop: Cluster, tmp_path: Path, deployer: str
) -> None:
    _run(shop, "shop", "CREATE SCHEMA old", "CREATE EXTENSION brick SCHEMA old")
    body = "schemas: {sales: {}}\nextensions: {tame: {}, free: {}, house: {}, brick: {schema: public}}"
    gate = _gate(shop, tmp_path, spec_of(_major(shop), body), deployer)
    planned = gate.plan()
    stuck = {f.check.id: f.remedy.text for f in planned.stuck if f.check.resource.kind == "extension"}
    assert stuck == {
        "extension[shop: house].installed": "deployer may not: it needs superuser",
        "extension[shop: brick].schema": "deployer may not: it needs membership in postgres",
    }
    gate.apply(planned)
    after = gate.plan()
    assert (_texts(after), {f.check.id for f in after.stuck} >= stuck.keys()) == ([], True)
    assert _ask(shop, "SELECT count(*) FROM pg_extension WHERE extname IN ('tame', 'free')") == 2
    gate.close()


@pytest.mark.parametrize("may_create", [True, False])
def test_who_updates_and_moves_what_he_installed(
    shop: Cluster, tmp_path: Path, deployer: str, may_create: bool
) -> None:
    """A superuser owns what the script of a trusted extension made, and only he moves it."""
    installed = [f"CREATE EXTENSION {one}" for one in ("tame", "handy", "light")]
    _run(shop, "shop", "GRANT CREATE ON DATABASE shop TO deployer", "CREATE SCHEMA old")
    _run(shop, "shop", "GRANT CREATE ON SCHEMA old TO deployer", "SET ROLE deployer", *installed)
    _run(
        shop, "shop", "ALTER DATABASE shop OWNER TO postgres", "REVOKE CREATE ON DATABASE shop FROM deployer"
    )
    if may_create:
        _run(shop, "shop", "GRANT CREATE ON DATABASE shop TO deployer")
    body = """
        schemas: {old: {}}
        extensions: {tame: {version: '2'}, handy: {schema: old}, light: {schema: old}}
        undeclared: {grants: ignore}
    """
    gate = _gate(shop, tmp_path, spec_of(_major(shop), body), deployer)
    planned = gate.plan()
    stuck = {f.check.id: f.remedy.text for f in planned.stuck if f.check.resource.kind == "extension"}
    lacking = "deployer may not: it needs membership in postgres"
    update = {} if may_create else {"extension[shop: tame].version": lacking}
    moved = ("extension[shop: handy].schema", "extension[shop: light].schema")
    assert stuck == {**dict.fromkeys(moved, lacking), **update}
    gate.apply(planned)
    version = _ask(shop, "SELECT extversion FROM pg_extension WHERE extname = 'tame'")
    assert version == ("2" if may_create else "1")
    gate.close()


def test_a_managed_server_says_itself_who_may_install(shop: Cluster, tmp_path: Path, deployer: str) -> None:
    _run(shop, "postgres", "CREATE ROLE rds_superuser")
    gate = _gate(shop, tmp_path, spec_of(_major(shop), "extensions: {brick: {}}"), deployer)
    planned = gate.plan()
    gate.close()
    _run(shop, "postgres", "DROP ROLE rds_superuser")
    assert 'CREATE EXTENSION "brick"' in _texts(planned)


# -- saved plans ---------------------------------------------------------------------------------------

GRANTED = f"""
        schemas: {{{JOBS}: {{}}}}
        extensions: {{jobber: {{}}}}
        grants: [{{grant: [SELECT], on: {{schema: {JOBS}, table: job}}, to: [reader]}}]
"""


def _pgdeploy(command: str, spec: Path, *options: str) -> tuple[int, str]:
    done = pgdeploy_program(command, str(spec), *options, timeout=120)
    return done.returncode, done.stdout + done.stderr


def test_a_saved_plan_says_what_is_planned_again_and_does_it(shop: Cluster, tmp_path: Path) -> None:
    file, saved = tmp_path / "shop.yaml", tmp_path / "plan.json"
    file.write_text(spec_of(_major(shop), GRANTED))
    code, said = _pgdeploy("plan", file, "--dsn", shop.dsn, "--out", str(saved))
    assert code == 2, said
    assert "-- then shop is planned again" in said
    (then,) = json.loads(saved.read_text())["then"]
    assert (then["database"], [one["id"] for one in then["waiting"]]) == (
        "shop",
        [f"grant[shop: SELECT on table {JOBS}.job to reader].granted"],
    )
    code, said = _pgdeploy("apply", file, "--dsn", shop.dsn, "--plan", str(saved), "--yes")
    assert code == 0, said
    assert f'GRANT SELECT ON TABLE {JOBS}."job" TO "reader"' in said
    assert _pgdeploy("plan", file, "--dsn", shop.dsn)[0] == 0


def test_a_saved_plan_without_it_is_another_plan(shop: Cluster, tmp_path: Path) -> None:
    """Somebody made the extension in between: nothing is done."""
    file, saved = tmp_path / "shop.yaml", tmp_path / "plan.json"
    file.write_text(spec_of(_major(shop), GRANTED))
    _pgdeploy("plan", file, "--dsn", shop.dsn, "--out", str(saved))
    _run(shop, "shop", "CREATE EXTENSION jobber")
    code, said = _pgdeploy("apply", file, "--dsn", shop.dsn, "--plan", str(saved), "--yes")
    assert (code, "is not what the server needs now" in said) == (1, True), said
    assert _ask(shop, f"SELECT has_table_privilege('reader', '{JOBS}.job', 'SELECT')") is False


def test_the_second_part_touches_no_other_database(shop: Cluster, tmp_path: Path) -> None:
    spec = spec_of(_major(shop), GRANTED) + "  other: {schemas: {sales: {}}}\n"
    gate = _gate(shop, tmp_path, spec)
    _run(shop, "postgres", "CREATE DATABASE other")
    try:
        planned = gate.plan()
        only = planned.only(lambda change: change.database == "shop")
        made = gate.apply(only)
        assert {change.database for change in made.changes} == {"shop"}
        assert _texts(gate.plan()) == ['CREATE SCHEMA "sales"']
    finally:
        gate.close()
        _run(shop, "postgres", "DROP DATABASE other")
