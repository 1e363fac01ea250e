"""Backups of a real server by pg_dump: each promise is broken by hand, and exactly its check turns red."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from pgdeploy.core.check import Finding, Verdict
from pgdeploy.errors import SpecError
from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.gate.target import load_target
from pgdeploy.layers.backup.repository import Repository
from pgdeploy.reach.embedded import Cluster
from tests.backups.town import remeasure
from tests.conftest import cluster, require_programs
from tests.program import pgdeploy as pgdeploy_program

SPEC = """\
postgres: 15
roles:
  postgres: {superuser: true, login: true}
  owner: {}
  reader: {login: true}
databases:
  shop:
    owner: owner
    schemas: {app: {owner: owner}}
    grants:
      - {grant: [USAGE], on: {schema: app}, to: [reader]}
      - {grant: [SELECT], on: {schema: app, all: tables}, to: [reader]}
  "a town": {owner: owner}
backup:
  repository: {path: kept}
  retention: {count: 2}
  recovery: {rpo: 1h, rto: 5min, restore_every: 1d}
  invariants:
    shop:
      - {sql: SELECT count(*) FROM app.orders, returns: 1000}
      - {sql: SELECT max(id) FROM app.orders, at_least: 1000}
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Cluster]:
    for made in cluster(15):
        with made.open() as connection:
            for text in (
                "CREATE ROLE owner",
                "CREATE ROLE reader LOGIN PASSWORD 'a canary of reader'",
                "CREATE DATABASE shop OWNER owner",
                'CREATE DATABASE "a town" OWNER owner',
            ):
                connection.execute(text.encode())
        with made.open("shop") as connection:
            connection.execute(
                b"""CREATE SCHEMA app AUTHORIZATION owner; SET ROLE owner;
                CREATE TABLE app.orders AS SELECT g AS id FROM generate_series(1, 1000) g;
                GRANT USAGE ON SCHEMA app TO reader; GRANT SELECT ON app.orders TO reader"""
            )
        with made.open("a town") as connection:
            connection.execute(b"CREATE TABLE public.hidden ()")
        yield made


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/town.yaml").write_text(SPEC)
    return tmp_path


def backup(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return pgdeploy_program("backup", "town", *words, cwd=place)


def prove(place: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return backup(place, "prove", "--bin-dir", str(require_programs(15)), *words)


def findings(place: Path, server: Cluster) -> Mapping[str, Finding]:
    gate = Gate(load_target(place / "specs/town.yaml"), ConnectionOptions(), probes=False, server=server)
    gate.ask_layer("backup")
    return {finding.check.id: finding for finding in gate.ask()}


def red(found: Mapping[str, Finding]) -> list[str]:
    return [name for name, finding in found.items() if finding.verdict is Verdict.DRIFTS]


def kept(place: Path) -> Path:
    return place / "specs/kept"


def newest(place: Path) -> Path:
    return max(folder for folder in kept(place).iterdir() if folder.name[0] == "2")


@pytest.fixture(scope="module")
def proved(server: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A place with a backup that was proved."""
    place = tmp_path_factory.mktemp("proved")
    (place / "specs").mkdir()
    (place / "specs/town.yaml").write_text(SPEC)
    made = backup(place, "now", "--dsn", server.dsn)
    assert (made.returncode, "shop, a town, " in made.stdout) == (0, True), made.stderr
    tried = prove(place)
    assert (tried.returncode, "checks, 0 do not hold" in tried.stdout) == (0, True), (
        tried.stdout + tried.stderr
    )
    return place


@pytest.fixture
def whole(proved: Path, tmp_path: Path) -> Path:
    """A copy of it to break."""
    shutil.copytree(proved, tmp_path / "copy")
    return tmp_path / "copy"


def test_what_was_proved_is_green(proved: Path, server: Cluster) -> None:
    found = findings(proved, server)
    assert {finding.verdict for finding in found.values()} == {Verdict.CONFORMS}
    assert sorted(found) == [
        "backup[newest].age",
        "backup[newest].databases",
        "backup[newest].exists",
        "backup[repository].retention",
        "backup[repository].whole",
        "backup[restore].age",
        "backup[restore].proved",
        "backup[restore].rto",
    ]
    measured = found["backup[restore].rto"].measured
    assert measured is not None
    assert (measured.unit, measured.at_most) == ("s", 300)
    said = b"".join(file.read_bytes() for file in kept(proved).rglob("*") if file.is_file())
    assert b"canary" not in said
    assert b"SCRAM" not in said
    assert all(folder.stat().st_mode & 0o77 == 0 for folder in kept(proved).iterdir() if folder.is_dir())


def of_manifest(place: Path, **values: object) -> None:
    file = newest(place) / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def copied(place: Path, *labels: str, **values: object) -> None:
    """More backups with the contents of the newest."""
    source = newest(place)
    for label in labels:
        data = json.loads((source / "manifest.json").read_text()) | {"label": label, **values}
        shutil.copytree(source, kept(place) / label)
        (kept(place) / label / "manifest.json").write_text(json.dumps(data))


def without_database(place: Path, name: str) -> None:
    databases = json.loads((newest(place) / "manifest.json").read_text())["databases"]
    del databases[name]
    of_manifest(place, databases=databases)


def of_record(place: Path, **values: object) -> None:
    (file,) = (kept(place) / "records").iterdir()
    file.write_text(json.dumps(json.loads(file.read_text()) | values))


def in_spec(place: Path, old: str, new: str) -> None:
    file = place / "specs/town.yaml"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


def _truncated(place: Path) -> None:
    data = max(newest(place).rglob("*.dat.gz"), key=lambda file: file.stat().st_size)
    data.write_bytes(data.read_bytes()[:-20])
    remeasure(place)


def _other_bytes(place: Path) -> None:
    (newest(place) / "roles.sql").write_text("")


def _garbled(place: Path) -> None:
    """A statement of it is not SQL."""
    contents = newest(place) / "databases/0/toc.dat"
    contents.write_bytes(contents.read_bytes().replace(b"CREATE SCHEMA app;", b"CREATE SCHEMA ap(;"))
    remeasure(place)


def _without_manifest(place: Path) -> None:
    other = kept(place) / "20200101T000000Z"
    shutil.copytree(newest(place), other)
    (other / "manifest.json").unlink()


NO_MORE = ["backup[newest].exists", "backup[repository].whole"]
"""A folder that is no backup any more, and was the only one."""

BROKEN: dict[str, tuple[Callable[[Path], object], list[str]]] = {
    "old": (lambda place: of_manifest(place, started=time.time() - 3700), ["backup[newest].age"]),
    "of the future": (lambda place: of_manifest(place, started=time.time() + 3700), ["backup[newest].age"]),
    "a database is missing": (lambda place: without_database(place, "a town"), ["backup[newest].databases"]),
    "another's manifest": (lambda place: of_manifest(place, label="20200101T000000Z"), NO_MORE),
    "files of others": (lambda place: of_manifest(place, files={"../x": [0, ""]}), NO_MORE),
    "no manifest": (_without_manifest, ["backup[repository].whole"]),
    "too many": (
        lambda place: copied(place, "20200101T000000Z", "20200102T000000Z"),
        ["backup[repository].retention"],
    ),
    "no restore": (lambda place: shutil.rmtree(kept(place) / "records"), ["backup[restore].proved"]),
    "a bad restore": (lambda place: of_record(place, failed=["x: y"]), ["backup[restore].proved"]),
    "a restore long ago": (lambda place: of_record(place, started=time.time() - 90_000), ["backup[restore].age"]),
    "a slow restore": (lambda place: of_record(place, seconds=301.0), ["backup[restore].rto"]),
    "nothing": (lambda place: shutil.rmtree(kept(place)), ["backup[newest].exists", "backup[restore].proved"]),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_broken_is_red_and_nothing_else(case: str, whole: Path, server: Cluster) -> None:
    breaking, expected = BROKEN[case]
    breaking(whole)
    found = findings(whole, server)
    assert red(found) == expected
    assert all(found[name].remedy for name in expected)
    assert {finding.verdict for finding in found.values()} <= {
        Verdict.CONFORMS,
        Verdict.DRIFTS,
        Verdict.BLOCKED,
    }


def test_a_repository_that_cannot_be_read_is_not_green(whole: Path, server: Cluster) -> None:
    shutil.rmtree(kept(whole))
    kept(whole).write_text("")
    found = findings(whole, server)
    assert {finding.verdict for finding in found.values()} == {Verdict.UNREADABLE}
    made = backup(whole, "now", "--dsn", server.dsn)
    assert (made.returncode, "File exists" in made.stderr) == (1, True)


def test_verify_reads_every_file(whole: Path) -> None:
    good = backup(whole, "verify")
    assert (good.returncode, good.stdout.endswith(" files read, 0 not as they were written\n")) == (0, True)
    data = max(newest(whole).rglob("*.dat.gz"), key=lambda file: file.stat().st_size)
    data.write_bytes(data.read_bytes()[:-1] + b"x")
    (newest(whole) / "roles.sql").unlink()
    bad = backup(whole, "verify")
    assert bad.returncode == 2
    assert f"{data.name}: has other bytes" in bad.stdout
    assert "roles.sql: No such file or directory" in bad.stdout


@pytest.mark.parametrize(
    ("breaking", "said"),
    [
        (
            lambda place: in_spec(place, "returns: 1000", "returns: 999"),
            "database shop: invariant SELECT count(*)",
        ),
        (
            lambda place: in_spec(place, "at_least: 1000", "at_least: 1001"),
            "it returns 1000, and not at least 1001",
        ),
        (lambda place: in_spec(place, "grant: [SELECT]", "grant: [SELECT, INSERT]"), "grant[shop: "),
        (_truncated, "database shop cannot be restored: "),
        (_garbled, "database shop cannot be restored: "),
        (_other_bytes, "/roles.sql: has 0 bytes, not "),
    ],
)
def test_a_restore_that_does_not_hold_is_kept_as_such(
    breaking: Callable[[Path], object], said: str, whole: Path, server: Cluster
) -> None:
    breaking(whole)
    tried = prove(whole)
    assert (tried.returncode, said in tried.stdout) == (2, True), tried.stdout + tried.stderr
    assert red(findings(whole, server)) == ["backup[restore].proved"]


def test_expire_keeps_the_newest(whole: Path) -> None:
    for number in (1, 2, 3):
        copied(whole, f"2020010{number}T000000Z", started=1_577_836_800 + 86_400 * number)
    gone = backup(whole, "expire")
    assert gone.stdout.splitlines() == ["20200102T000000Z: removed", "20200101T000000Z: removed"]
    assert sorted(folder.name for folder in kept(whole).glob("2*")) == [
        "20200103T000000Z",
        newest(whole).name,
    ]
    assert backup(whole, "expire").stdout == "nothing to remove\n"


def test_what_is_restored_is_not_removed(whole: Path) -> None:
    for number in (1, 2):
        copied(whole, f"2020010{number}T000000Z", started=1_577_836_800 + 86_400 * number)
    with Repository(str(kept(whole))).in_use("20200101T000000Z"):
        done = backup(whole, "expire")
        assert done.stdout == "20200101T000000Z: not removed, as a restore of it is running\n"
    assert backup(whole, "expire").stdout == "20200101T000000Z: removed\n"


def test_a_backup_is_made_while_another_is_proved(whole: Path, server: Cluster) -> None:
    with Repository(str(kept(whole))).in_use(newest(whole).name):
        assert backup(whole, "now", "--dsn", server.dsn).returncode == 0


def test_a_kill_leaves_no_backup_and_the_next_goes_on(place: Path, server: Cluster) -> None:
    with server.open("shop") as connection:
        connection.execute(b"BEGIN; LOCK TABLE app.orders")
        command = [sys.executable, "-m", "pgdeploy", "backup", "town", "now", "--dsn", server.dsn]
        with subprocess.Popen(
            command, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as running:
            end = time.monotonic() + 20
            while not list(kept(place).glob(".making-*/databases/0")) and time.monotonic() < end:
                time.sleep(0.05)
            second = backup(place, "now", "--dsn", server.dsn)
            assert (second.returncode, "another pgdeploy is using it" in second.stderr) == (1, True)
            running.kill()
        left = list(kept(place).glob(".making-*"))
        assert len(left) == 1
        assert backup(place, "list").stdout == "no backup\n"
        # its pg_dump goes on, and nobody works beside it
        third = backup(place, "now", "--dsn", server.dsn)
        assert (third.returncode, "another pgdeploy is using it" in third.stderr) == (1, True)
        connection.execute(b"ROLLBACK")
    subprocess.run(["pkill", "-f", str(left[0])], check=False)
    made = backup(place, "now", "--dsn", server.dsn)
    assert (made.returncode, made.stderr.count("dumping")) == (0, 3)
    assert list(kept(place).glob(".making-*")) == []


def test_what_cannot_be_dumped_leaves_nothing(place: Path, server: Cluster) -> None:
    made = backup(place, "now", "--dsn", f"{server.dsn} user=reader password='a canary of reader'")
    assert made.returncode == 1
    assert "no backup was made: pg_dump of a town: " in made.stderr
    assert "permission denied for table hidden" in made.stderr
    in_spec(place, '"a town": {owner: owner}', "gone: {}")
    made = backup(place, "now", "--dsn", server.dsn)
    assert made.returncode == 1
    assert "no backup was made: database gone does not exist" in made.stderr
    assert os.listdir(kept(place)) == [".lock"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "path: kept}",
            "path: kept}\n  databases: [shp]",
            "database shp is not declared; did you mean shop?",
        ),
        (
            "    shop:\n      - {sql: SELECT c",
            "    shp:\n      - {sql: SELECT c",
            "database shp is not backed up",
        ),
        (
            '"a town": {owner: owner}\nbackup:',
            '"a town": {allow_connections: false}\nbackup:\n  databases: [a town]',
            "database a town allows no connections",
        ),
        (", returns: 1000", "", "either returns: or at_least:"),
        ("rpo: 1h", "rpo: 1", "backup.recovery.rpo: read 1; allowed: "),
    ],
)
def test_what_is_wrong_in_a_spec(old: str, new: str, said: str, place: Path) -> None:
    in_spec(place, old, new)
    with pytest.raises(SpecError, match=said.replace("?", r"\?")):
        load_target(place / "specs/town.yaml")
