"""A release does all that the repository says, or is taken back: then schema, rows and users are as before."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Self

import psycopg
import pytest

from pgdeploy.reach.program import found_program
from tests.conftest import cluster
from tests.releases.place import FIRST, ORDERS, SECOND, Place

Shop = Callable[[str], Place]
KEPT_OUT = "release: {maintenance: {roles: [app{n}]}}\n"
WORKLOAD = """\
workloads:
  statements:
    newest:
      database: shop{n}
      role: app{n}
      sql: SELECT item FROM public.orders ORDER BY id DESC LIMIT 1
      rows: 1
"""


def dump(shop: Place) -> str:
    """Schema and rows but those of the version table, byte for byte."""
    words = ["--restrict-key=same", "--inserts", f"--dbname={shop.server.dsn} dbname={shop.database}"]
    done = subprocess.run(
        [str(found_program("pg_dump", shop.major)), *words], capture_output=True, text=True, check=True
    )
    return "\n".join(line for line in done.stdout.splitlines() if "INTO public.schema_versions" not in line)


# -- what goes well ------------------------------------------------------------------------------------


def test_the_plan_alone_changes_nothing(shop: Shop) -> None:
    place = shop(KEPT_OUT)
    before = dump(place)
    said = place.run("release", "--dry-run", "--force", "lint", status=2)
    assert f"{place.database}: upgrade to 0002: note" in said
    assert f"undo of {place.database}: 0003: its own way down" in said
    assert dump(place) == before
    assert len(place.journals) == 1, "that of the first release"


def test_all_of_it(shop: Shop) -> None:
    place = shop(KEPT_OUT)
    with closing(place.as_app()) as user:
        said = place.release()
        with pytest.raises(psycopg.OperationalError, match="terminating connection"):
            user.execute("SELECT 1")
    assert "done, in" in said
    assert "users were out for" in said
    assert place.versions == ["0001", "0002", "0003"]
    assert place.orders == ORDERS
    assert place.limit == 20
    ((granted,),) = place.sql(f"SELECT has_table_privilege('{place.app}', 'public.customers', 'SELECT')")
    assert granted, "the SQL state reaches what the revisions made"
    events = [entry["event"] for entry in place.journals[-1]]
    assert events == [
        "begin",
        "backup",
        "maintenance",
        "tables",
        "change",
        "changed",
        "maintenance off",
        "end",
    ]


def test_the_journal_stands_beside_the_backups_too(shop: Shop) -> None:
    place = shop("")
    place.release()
    here = sorted((place.folder / "state/pgdeploy/releases/shop").glob("*.jsonl"))
    there = sorted((place.folder / "kept/releases/shop").glob("*.jsonl"))
    assert [file.name for file in here] == [file.name for file in there]
    assert [file.read_text() for file in here] == [file.read_text() for file in there]
    assert "releases" not in place.run("backup", "list"), "it is no backup"


def test_nothing_to_do(shop: Shop) -> None:
    place = shop(KEPT_OUT)
    place.release()
    said = place.run("release", "--yes")
    assert "nothing to do" in said
    assert "maintenance" not in said
    assert len(place.journals) == 2
    assert place.run("release", "--dry-run", status=0)


def test_up_to_a_revision(shop: Shop) -> None:
    place = shop("")
    place.release("--to", "0002")
    assert place.versions == ["0001", "0002"]
    assert "--to 0009: is not pending" in place.release("--to", "0009", status=1)


def test_as_json(shop: Shop) -> None:
    place = shop(KEPT_OUT)
    with place.begun("release", "--yes", "--force", "lint", "--json") as running:
        said, _ = running.communicate()
    data = json.loads(said[said.index("{") :])
    assert data["ended"] == "done"
    assert data["health"]["healthy"] is True
    assert 0 < data["downtime"] < data["seconds"]


class Knocks:
    """A client that logs in again and again: the longest time in which nobody opened."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.longest = 0.0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *of: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        last = time.monotonic()
        while not self._end.is_set():
            with suppress(psycopg.OperationalError):
                self._place.as_app().close()
                now = time.monotonic()
                self.longest, last = max(self.longest, now - last), now


def test_downtime_is_what_a_client_sees(shop: Shop) -> None:
    place = shop(KEPT_OUT)
    place.write(
        {"0003_customers.up": "CREATE TABLE customers (id bigint PRIMARY KEY);\nSELECT pg_sleep(2);\n"}
    )
    with Knocks(place) as client:
        said = place.release()
    told = float(said.split("users were out for ")[1].split("s")[0])
    assert told == pytest.approx(client.longest, rel=0.1)


def test_a_role_without_a_declared_limit_gets_back_its_own(shop: Shop) -> None:
    place = shop(KEPT_OUT)
    file = place.folder / "specs/shop.yaml"
    file.write_text(file.read_text().replace(", connection_limit: 20", ""))
    place.sql(f"ALTER ROLE {place.app} CONNECTION LIMIT 7")
    file.write_text(file.read_text().replace("undeclared: {", "undeclared: {attributes: ignore, "))
    place.release()
    assert place.limit == 7


# -- what stands in the way ----------------------------------------------------------------------------


def test_advice_stands_in_the_way(shop: Shop) -> None:
    place = shop("")
    place.write({"0003_customers.up": "ALTER TABLE orders RENAME COLUMN item TO title;\n"})
    said = place.run("release", "--yes", status=1)
    assert "in the way:" in said
    assert "0003_customers.up.sql:1: renaming-column:" in said
    assert "(--force lint)" in said
    assert place.versions == ["0001"]


def test_what_loses_something_stands_in_the_way(shop: Shop) -> None:
    place = shop("")
    place.write({"0002_note.up": "ALTER TABLE orders DROP COLUMN item;\n"})
    said = place.release(status=1)
    assert "loses what ALTER TABLE orders DROP COLUMN item drops (--force destructive)" in said
    place.release("--force", "destructive")
    assert place.versions == ["0001", "0002", "0003"]


def test_an_index_that_nobody_can_use(shop: Shop) -> None:
    place = shop("")
    place.sql("CREATE INDEX orders_item ON public.orders (item)")
    place.sql("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'public.orders_item'::regclass")
    said = place.release(status=1)
    assert "indexes that nobody can use: public.orders_item on orders (--force index)" in said


def test_an_old_backup(shop: Shop) -> None:
    place = shop("release: {backup: recent}\n")
    said = place.release(status=1)
    assert "holds no backup" in said
    place.run("backup", "now")
    place.release()


def test_another_version_of_postgresql(shop: Shop) -> None:
    place = shop("")
    file = place.folder / "specs/shop.yaml"
    file.write_text(file.read_text().replace("postgres: 16", "postgres: 17"))
    assert "the server is PostgreSQL 16, and the spec is of 17" in place.release(status=1)


def test_a_word_that_forces_nothing(place: Place) -> None:
    place.spec()
    assert "--force everything: write one of backup, destructive" in place.release(
        "--force", "everything", status=1
    )


def test_what_was_not_approved_is_not_run(shop: Shop) -> None:
    """Somebody pulls while the backup is made: a revision that nobody has read and nothing has looked at."""
    place = shop("")
    with place.begun("release", "--yes", "--force", "lint") as running:
        place.wait("begin")
        place.write({"0004_new.up": "CREATE TABLE new (id int);\n", "0004_new.down": "DROP TABLE new;\n"})
        said, _ = running.communicate(timeout=60)
    assert running.returncode == 2, said
    assert (
        f"something has changed since the plan was approved: {place.database}: upgrade to 0004: new" in said
    )
    assert place.versions == ["0001"]


def test_a_plan_alone_settles_nothing(shop: Shop) -> None:
    place = shop(KEPT_OUT)
    place.write({"0003_customers.up": "SELECT pg_sleep(60);\n"})
    running = place.begun("release", "--yes", "--force", "lint")
    place.wait("change")
    place.killed(running)
    said = place.run("release", "--dry-run", status=None)
    assert "has no end: it is finished or taken back before the next one" in said
    assert place.limit == 0
    place.write({"0003_customers.up": "CREATE TABLE customers (id bigint PRIMARY KEY);\n"})
    place.release()
    assert place.limit == 20


def test_advice_on_the_first_revision_of_all(place: Place) -> None:
    """Its database is not there yet."""
    place.write(
        {"0001_orders.up": "CREATE TABLE orders (id int);\nALTER TABLE orders RENAME COLUMN id TO no;\n"}
    )
    place.spec()
    assert "renaming-column" in place.run("release", "--yes", status=1)


def test_two_at_once(shop: Shop) -> None:
    place = shop("")
    place.write({"0002_note.up": "SELECT pg_sleep(4);\n"})
    with place.begun("release", "--yes", "--force", "lint") as first:
        place.wait("change")
        assert "another release of shop is running on this machine" in place.release(status=1)
        elsewhere = Place(place.folder, place.server, place.number)
        with elsewhere.begun("release", "--yes", "--force", "lint") as second:
            assert second.wait() == 1
        assert first.wait() == 0


def test_a_release_from_another_machine(shop: Shop) -> None:
    place = shop("")
    with closing(place.server.open("template1")) as other:
        other.execute("SELECT pg_advisory_lock(1885824101, 1919249509)")
        said = place.release(status=1)
    assert "another release is running on this server (backend" in said
    assert place.versions == ["0001"]


# -- what fails ----------------------------------------------------------------------------------------


def test_a_revision_that_fails(shop: Shop) -> None:
    place = shop(KEPT_OUT)
    place.write({"0003_customers.up": "CREATE TABLE customers (id bigint);\nSELECT 1 / 0;\n"})
    before = dump(place)
    said = place.release(status=2)
    assert "division by zero" in said
    assert "rolled back" in said
    assert f"data: 2 tables and {ORDERS + 1} rows are there as before" in said
    assert dump(place) == before
    assert place.versions == ["0001"]
    assert place.limit == 20


def test_a_state_that_stays(shop: Shop) -> None:
    place = shop("")
    spec = place.folder / "specs/shop.yaml"
    spec.write_text(spec.read_text().replace("[SELECT, INSERT]", "[SELECT, INSERT, DELETE]"))
    place.write({"0003_customers.up": "SELECT 1 / 0;\n"})
    assert "SQL state: 1 change not undone; apply the spec of before" in place.release(status=2)


def test_a_revision_that_breaks_the_application(shop: Shop) -> None:
    """It succeeds, and a statement of the application does not any more."""
    place = shop(WORKLOAD)
    place.write(
        {
            "0002_note.up": "ALTER TABLE orders RENAME COLUMN item TO title;\n",
            "0002_note.down": "ALTER TABLE orders RENAME COLUMN title TO item;\n",
        }
    )
    before = dump(place)
    said = place.release(status=2)
    assert 'column "item" does not exist' in said
    assert "workload[newest]" in said
    assert dump(place) == before


def test_a_way_down_that_fails(shop: Shop) -> None:
    place = shop(KEPT_OUT)
    place.write(
        {
            "0002_note.down": "SELECT 1 / 0;\n",
            "0003_customers.up": "SELECT no_such_function();\n",
        }
    )
    said = place.release(status=1)
    assert "failed, and could not be taken back" in said
    assert "users are kept out" in said
    assert place.limit == 0
    assert place.versions == ["0001", "0002"]
    place.write({"0002_note.down": "ALTER TABLE orders DROP COLUMN note;\n"})
    place.run("rollback", "--release", place.newest, "--yes")
    assert place.versions == ["0001"]
    assert place.limit == 20


def test_no_way_down_and_a_restore(shop: Shop) -> None:
    place = shop("release: {on_failure: restore, maintenance: {roles: [app{n}]}}\n" + WORKLOAD)
    (place.folder / "migrations/0002_note.down.sql").unlink()
    place.write({"0002_note.up": "DELETE FROM orders;\n"})
    said = place.release("--force", "destructive", status=2)
    assert "restored" in said
    assert f"the old {place.database} is kept as {place.database}_before_" in said
    assert place.orders == ORDERS
    assert place.versions == ["0001"]
    assert place.limit == 20


def test_it_stops_where_the_spec_says_so(shop: Shop) -> None:
    place = shop("release: {on_failure: stop, maintenance: {roles: [app{n}]}}\n")
    place.write({"0003_customers.up": "SELECT 1 / 0;\n"})
    said = place.release(status=1)
    assert "stopped" in said
    assert "users are kept out" in said
    assert (place.versions, place.limit) == (["0001", "0002"], 0)
    place.write({"0003_customers.up": "CREATE TABLE customers (id bigint PRIMARY KEY);\n"})
    place.release()
    assert (place.versions, place.limit) == (["0001", "0002", "0003"], 20)


def test_users_are_out_for_too_long(shop: Shop) -> None:
    place = shop(KEPT_OUT)
    place.write({"0003_customers.up": "SELECT pg_sleep(60);\n"})
    began = time.monotonic()
    said = place.release("--max-downtime", "1", status=2)
    assert "maintenance took longer than max_downtime, 1s" in said
    assert time.monotonic() - began < 40
    assert (place.versions, place.limit) == (["0001"], 20)


def test_it_takes_too_long(shop: Shop) -> None:
    place = shop("release: {timeout: 1s}\n")
    place.write({"0003_customers.up": "SELECT pg_sleep(60);\n"})
    assert "it took longer than its timeout, 1s" in place.release(status=2)
    assert place.versions == ["0001"]


def test_a_table_that_somebody_holds(shop: Shop) -> None:
    place = shop("release: {backup: none}\nsmoke: {time_limit: 3s}\n")
    file = place.folder / "specs/shop.yaml"
    file.write_text(
        file.read_text().replace(
            "{sql: ../migrations}", "{sql: ../migrations, lock_timeout: 100ms, retries: 1}"
        )
    )
    with closing(place.server.open(place.database)) as other:
        other.execute("BEGIN")
        other.execute("LOCK TABLE public.orders")
        # neither is the table read that somebody holds
        said = place.release(status=2)
        assert "lock timeout" in said
        other.execute("ROLLBACK")
    assert place.versions == ["0001"]
    place.release()


def test_the_end_of_a_terminal(shop: Shop) -> None:
    place = shop(KEPT_OUT)
    place.write({"0003_customers.up": "SELECT pg_sleep(60);\n"})
    with place.begun("release", "--yes", "--force", "lint") as running:
        place.wait("change")
        running.terminate()
        assert running.wait() == 143
    assert (place.versions, place.limit) == (["0001"], 20)
    assert place.journals[-1][-1]["result"] == "rolled back"


def test_journals_in_a_folder_that_is_none(shop: Shop) -> None:
    place = shop("release: {journal: ../nowhere}\n")
    (place.folder / "nowhere").write_text("")
    said = place.release(status=1)
    assert "journals are kept there" in said
    assert place.versions == ["0001"]


def test_a_journal_that_is_none(shop: Shop) -> None:
    place = shop("")
    (place.folder / "state/pgdeploy/releases/shop/20260101T000000Z.jsonl").write_text("{]\n")
    said = place.release(status=1)
    assert "20260101T000000Z.jsonl:1: no line of a journal" in said


def test_the_first_release_makes_the_database(place: Place) -> None:
    place.write(FIRST)
    place.spec()
    said = place.release()
    assert "no backup: there is nothing yet" in said
    assert place.versions == ["0001"]
    assert Path(place.folder / "kept/releases/shop").is_dir()


@pytest.mark.parametrize("major", [14, 15, 17, 18])
def test_other_versions(tmp_path: Path, major: int) -> None:
    """14 and 17 come without programs here, and so without a backup."""
    backup = "make" if major in (15, 18) else "none"
    for server in cluster(major):
        place = Place(tmp_path, server, 1, major)
        place.write(FIRST)
        place.spec(f"release: {{backup: {backup}, maintenance: {{roles: [app{{n}}]}}}}\n")
        place.release()
        place.sql(f"INSERT INTO public.orders SELECT g, 'item ' || g FROM generate_series(1, {ORDERS}) AS g")
        place.write({**SECOND, "0004_bad.up": "SELECT 1 / 0;\n"})
        assert "rolled back" in place.release(status=2)
        (place.folder / "migrations/0004_bad.up.sql").unlink()
        place.release()
        place.run("rollback", "--release", place.newest, "--yes")
        assert (place.versions, place.limit, place.orders) == (["0001"], 20, ORDERS)


# -- maintenance: whom it keeps out ---------------------------------------------------------------------


def test_a_role_that_is_not_declared(place: Place) -> None:
    place.spec("release: {maintenance: {roles: [ap{n}]}}\n")
    assert f"role ap{place.number} is not declared" in place.release(status=1)


def test_a_superuser_cannot_be_kept_out(place: Place) -> None:
    place.spec("release: {maintenance: {roles: [postgres]}}\n")
    assert "role postgres is a superuser, whom no connection limit keeps out" in place.release(status=1)


def test_a_limit_that_nobody_can_explain(shop: Shop) -> None:
    """Another machine's release was killed there: its journal is not here."""
    place = shop(KEPT_OUT)
    file = place.folder / "specs/shop.yaml"
    file.write_text(file.read_text().replace(", connection_limit: 20", ""))
    place.sql(f"ALTER ROLE {place.app} CONNECTION LIMIT 0")
    said = place.release(status=1)
    assert f"role {place.app} has the connection limit 0, and no journal here says why" in said
    assert place.versions == ["0001"]


def test_a_password_in_the_way_to_pgbouncer(place: Place) -> None:
    way = "{dsn: 'host=pool password=canary-Console', databases: [shop]}"
    place.spec(f"release: {{maintenance: {{pgbouncer: {way}}}}}\n")
    assert (
        "release.maintenance.pgbouncer.dsn: is not allowed here (what was read is not shown"
        in place.release(status=1)
    )


def test_no_commands(place: Place) -> None:
    place.spec("release: {journal: /tmp/elsewhere}\n")
    said = place.run("release", "--no-commands", status=1)
    assert "writes files that are not in" in said
    assert "(refused by --no-commands)" in said


def test_a_later_release_comes_first(shop: Shop) -> None:
    place = shop("")
    place.release()
    first = min((place.folder / "state/pgdeploy/releases/shop").glob("*.jsonl")).stem
    said = place.run("rollback", "--release", first, "--yes", status=1)
    assert f"came after {first}: take that back first" in said
    place.run("rollback", "--release", place.newest, "--yes")
    assert place.versions == ["0001"]
    assert "is rolled back already" in place.run("rollback", "--release", place.newest, "--yes", status=1)


def test_what_a_restore_would_lose_is_counted(shop: Shop) -> None:
    place = shop("")
    place.release()
    place.sql("INSERT INTO public.orders SELECT g, 'late' FROM generate_series(1001, 1003) AS g")
    said = place.run("rollback", "--release", place.newest, "--restore", "--yes")
    assert f"lost: {place.database}: public.orders: 3 rows written since" in said
    assert f"lost: {place.database}: public.customers: new since then, 0 rows" in said
    assert "schema_versions" not in said
    assert (place.orders, place.versions) == (ORDERS, ["0001"])


def test_an_emergency(shop: Shop) -> None:
    place = shop("")
    assert "no backup was proved by a restore" in place.run(
        "rollback", "--emergency", "fire", "--yes", status=1
    )
    place.run("backup", "now")
    place.run("backup", "prove")
    place.sql("DELETE FROM public.orders")
    said = place.run("rollback", "--emergency", "orders are gone", "--yes")
    assert "taken back, and healthy" in said
    assert place.orders == ORDERS
    assert place.journals[-1][-2]["reason"] == "orders are gone"


def test_a_backup_that_turns_out_bad_in_an_emergency(shop: Shop) -> None:
    place = shop("")
    place.run("backup", "now")
    place.run("backup", "prove")
    data = max((place.folder / "kept").glob("2*/databases/0/*.dat*"))
    data.write_bytes(data.read_bytes()[:-1] + b"x")
    place.sql("DELETE FROM public.orders WHERE id > 50")
    said = place.run("rollback", "--emergency", "half of them are gone", "--yes", status=1)
    assert "is damaged" in said
    assert place.orders == 50, "what is there stays in use"
    place.write(SECOND)
    place.release()


def test_nothing_is_said_of_what_is_to_be_taken_back(place: Place) -> None:
    place.spec()
    words = "write one of --steps, --revision, --release and --emergency"
    assert words in place.run("rollback", status=1)
    assert words in place.run("rollback", "--steps", "1", "--emergency", "x", status=1)
    assert "no release" in place.run("rollback", "list")
