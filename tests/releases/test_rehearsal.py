"""A rehearsal proves backup, release and way back on a copy; a release takes no other record than that of just this."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pgdeploy.lifecycle.release.canary import Canary
from tests.releases.place import Place
from tests.releases.test_release import dump
from tests.wait import until

Shop = Callable[[str], Place]
NEEDED = "release: {backup: none, rehearsal: 1h}\n"
HELD = "ALTER TABLE orders ADD COLUMN note text;\nSELECT pg_sleep(1.2);\n"


def backed_up(shop: Shop, more: str = "") -> Place:
    place = shop(more)
    place.run("backup", "now")
    return place


def rehearsed(place: Place, status: int = 0) -> dict[str, Any]:
    with place.begun("rehearse", "--json") as running:
        said, _ = running.communicate(timeout=90)
    assert running.returncode == status, said
    found: dict[str, Any] = json.loads(said[said.index("{\n") :])
    return found


def records(place: Place) -> list[Path]:
    return sorted((place.folder / "state/pgdeploy/releases/shop/rehearsals").glob("*.json"))


def test_all_four_proofs(shop: Shop) -> None:
    place = backed_up(shop)
    before = dump(place)
    said = place.run("rehearse")
    assert "rehearsed, and all is well" in said
    for word in ("restored in", "a client waited for", "the longest lock was", "way back:", "0 do not hold"):
        assert word in said
    assert dump(place) == before
    assert len(records(place)) == 1
    assert place.run("rehearse", "--quiet") == ""


def test_how_long_users_would_wait(shop: Shop) -> None:
    place = backed_up(shop)
    place.write({"0002_note.up": HELD})
    found = rehearsed(place)
    assert found["pause"] == pytest.approx(1.2, abs=0.4)
    assert found["pause_of"] == "public.orders"
    assert found["lock"] == pytest.approx(1.2, abs=0.4)
    assert found["lock_of"] == "public.orders"


def test_a_canary_that_ended_early_says_so(shop: Shop) -> None:
    """Its session is ended in the middle: that is no short wait."""
    place = shop("")
    with Canary(lambda: place.server.open(place.database, application_name="canary")) as canary:
        until(lambda: canary.longest)
        assert canary.why == ""
        place.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'canary'")
        until(lambda: canary.why)
    assert "terminating connection" in canary.why


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"0003_customers.up": "SELECT 1 / 0;\n"}, "release: "),
        ({"0003_customers.down": "SELECT 1;\n"}, "the schema is not as before"),
        ({"0003_customers.down": "SELECT 1 / 0;\n"}, "way back: "),
        (
            {"0003_customers.down": "DROP TABLE customers;\nDELETE FROM orders WHERE id = 7;\n"},
            "had 100 rows",
        ),
        (
            {"0003_customers.down": "DROP TABLE customers;\nUPDATE orders SET item = 'x' WHERE id = 7;\n"},
            "not all as",
        ),
    ],
)
def test_what_does_not_work(shop: Shop, files: dict[str, str], said: str) -> None:
    place = backed_up(shop)
    place.write(files)
    found = rehearsed(place, status=2)
    assert any(said in one for one in found["failed"]), found["failed"]
    assert place.versions == ["0001"], "nothing happened to the server itself"


def test_nobody_runs_as_us_on_the_copy(shop: Shop) -> None:
    """An owner presets what would run there with our rights: a cast of his rows, a trigger and a rule for all cases."""
    place = shop("")
    place.sql("CREATE TABLE public.seen (what text)")
    place.sql(f"ALTER TABLE public.seen OWNER TO owner{place.number}; GRANT INSERT ON public.seen TO PUBLIC")
    place.sql(
        "CREATE FUNCTION public.evil(public.orders) RETURNS text LANGUAGE plpgsql AS $$ BEGIN "
        "INSERT INTO public.seen VALUES ('cast as ' || current_user); RETURN ''; END $$;"
        "CREATE FUNCTION public.evil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        "INSERT INTO public.seen VALUES ('trigger as ' || current_user); RETURN NULL; END $$;"
        "CREATE CAST (public.orders AS text) WITH FUNCTION public.evil(public.orders);"
        "CREATE TRIGGER evil BEFORE INSERT OR UPDATE OR DELETE ON public.orders EXECUTE FUNCTION public.evil();"
        "ALTER TABLE public.orders ENABLE ALWAYS TRIGGER evil"
    )
    place.run("backup", "now")
    assert "all is well" in place.run("rehearse"), "rows of seen would be a difference"
    place.release()
    assert place.sql("SELECT what FROM public.seen") == []


def test_a_column_that_is_called_as_we_call_rows(shop: Shop) -> None:
    place = shop("")
    place.sql("CREATE TABLE public.odd (t int, u int); INSERT INTO public.odd VALUES (1, 2)")
    place.sql(f"ALTER TABLE public.odd OWNER TO owner{place.number}")
    place.run("backup", "now")
    place.write({"0003_customers.down": "DROP TABLE customers;\nUPDATE odd SET u = 3;\n"})
    assert any('public"."odd' in one for one in rehearsed(place, status=2)["failed"])


def test_a_backup_that_is_damaged(shop: Shop) -> None:
    place = backed_up(shop)
    data = max((place.folder / "kept").glob("2*/databases/0/*.dat*"))
    data.write_bytes(data.read_bytes()[:-1] + b"x")
    assert "is damaged" in place.run("rehearse", status=1)
    assert records(place) == []


def test_no_backup(shop: Shop) -> None:
    assert "holds no backup" in shop("").run("rehearse", status=1)


def test_a_release_that_was_rehearsed(shop: Shop) -> None:
    place = backed_up(shop, NEEDED)
    assert "nobody has rehearsed it" in place.release(status=1)
    rehearsed(place)
    said = place.release()
    assert "as rehearsed: no lock may last longer than" in said
    assert place.versions == ["0001", "0002", "0003"]


def test_by_an_option(shop: Shop) -> None:
    place = backed_up(shop, "release: {backup: none}\n")
    assert "nobody has rehearsed it" in place.release("--require-rehearsal", "24h", status=1)
    assert "--require-rehearsal tomorrow: allowed: a number and one of" in place.release(
        "--require-rehearsal", "tomorrow", status=1
    )
    place.release("--require-rehearsal", "24h", "--force", "rehearsal")


def test_what_does_not_count(shop: Shop) -> None:
    place = backed_up(shop, NEEDED)
    rehearsed(place)
    (record,) = records(place)
    good = record.read_text()

    def refused(why: str, **other: object) -> None:
        for file in place.folder.glob(f"**/rehearsals/{record.name}"):
            file.write_text(json.dumps({**json.loads(good), **other}))
        assert f"{why} (--force rehearsal)" in place.release(status=1)

    refused("it was of another", target="another")
    refused("the spec is another one since", spec="0" * 64)
    refused("the revisions are others since", scripts="0" * 64)
    refused("it began at other revisions than the server has", versions={place.database: []})
    refused("it was on PostgreSQL 15", major=15)
    refused("is allowed", started=time.time() - 7200)
    refused("it failed: a check", failed=["a check"])
    refused("written by another version of pgdeploy", version=0)
    refused("not a record of a rehearsal", failed=None)
    assert place.versions == ["0001"]


def test_what_changed_since(shop: Shop) -> None:
    place = backed_up(shop, NEEDED)
    rehearsed(place)
    place.write(
        {"0003_customers.up": "CREATE TABLE customers (id bigint PRIMARY KEY, name text, more text);\n"}
    )
    assert "the revisions are others since" in place.release(status=1)
    rehearsed(place)
    place.spec(NEEDED + "# a remark changes nothing\n")
    place.release()


def test_signatures(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {}
    for name in ("ours", "theirs"):
        file = tmp_path / name
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", file], check=True)
        keys[name] = (file.read_text(), file.with_suffix(".pub").read_text().strip())
    place = backed_up(shop, NEEDED)
    spec = place.folder / "specs/shop.yaml"
    signing = (
        f"repository: {{path: ../kept}}\n  signing: {{trusted: ['{keys['ours'][1]}'], key: {{env: SIGNING}}}}"
    )
    spec.write_text(spec.read_text().replace("repository: {path: ../kept}", signing))
    monkeypatch.setenv("SIGNING", keys["theirs"][0])
    rehearsed(place)
    assert "no trusted key signed it, or it was changed since" in place.release(status=1)
    monkeypatch.setenv("SIGNING", keys["ours"][0])
    time.sleep(1)
    rehearsed(place)
    newest = records(place)[-1]
    good = newest.read_text()
    envelope = json.loads(good)
    files = list(place.folder.glob(f"**/rehearsals/{newest.name}"))
    for changed in ({**envelope, "payloadType": "application/vnd.pgdeploy.restore+json"}, {"version": 1}):
        for file in files:
            file.write_text(json.dumps(changed))
        assert "(--force rehearsal)" in place.release(status=1)
    for file in files:
        file.write_text(good)
    place.release()


def test_a_lock_that_lasts_longer_than_in_the_rehearsal(shop: Shop) -> None:
    """The rehearsal has the rows of the backup; the server has got more since."""
    place = backed_up(shop, NEEDED)
    place.write(
        {
            "0002_note.up": "ALTER TABLE orders ADD COLUMN note text;\n"
            "SELECT pg_sleep(CASE WHEN count(*) > 100 THEN 30 ELSE 0 END) FROM orders;\n"
        }
    )
    rehearsed(place)
    place.sql("INSERT INTO public.orders VALUES (1000, 'new')")
    began = time.monotonic()
    said = place.release(status=2)
    assert "kept others off public.orders for longer than max_lock, 1.000s, and was stopped" in said
    assert time.monotonic() - began < 20
    assert place.versions == ["0001"]
