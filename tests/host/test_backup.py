"""Backups by pgBackRest on a real host: made by pg01.py, each check broken by hand, restored to any moment."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.host.breaking import red
from tests.host.machine import SECRETS, Machine, booted, deploy, deployed, said
from tests.host.texts import BACKUP, pg15
from tests.wait import until

pytestmark = [pytest.mark.docker, pytest.mark.long]

REPOSITORY = "/var/lib/pgbackrest"
CONFIG = "/etc/pgbackrest/pgbackrest.conf"
DATA = "/mnt/data/pg01"
SHOP = """
CREATE SCHEMA app;
CREATE TABLE app.orders AS SELECT g AS id FROM generate_series(1, 100) g;
CREATE TABLE app.notes (note text);
"""


@pytest.fixture(scope="module")
def town(bookworm_deployed: str) -> Iterator[Machine]:
    """A host that pg01.py was at before its spec had `backup:`, and after; its newest backup is proved."""
    # a container's own disk has directories that cannot be renamed
    with booted(bookworm_deployed, options=["-v", "/mnt/data"]) as machine:
        machine.spec(pg15() + BACKUP)
        text = deployed(machine, "-vvv", "--diff")
        assert SECRETS["PG01_BACKUP_PASSPHRASE"] not in text
        machine.sql(SHOP, "shop")
        proved = machine.pgdeploy("backup", "prod-pg01", "prove")
        assert proved.returncode == 0, said(proved)
        yield machine


def backup(machine: Machine, *words: str, status: int = 0) -> str:
    done = machine.pgdeploy("backup", "prod-pg01", *words)
    assert done.returncode == status, said(done)
    return said(done)


def restore(machine: Machine, *words: str, status: int = 0) -> str:
    done = machine.pgdeploy("restore", "prod-pg01", "--yes", *words)
    assert done.returncode == status, said(done)
    return said(done)


def now(machine: Machine) -> str:
    """The server's time, with a transaction before it and none at it."""
    time.sleep(0.2)
    found = machine.sql("SELECT clock_timestamp()")
    time.sleep(0.2)
    return found


def count(machine: Machine, table: str) -> int:
    return int(machine.sql(f"SELECT count(*) FROM app.{table}", "shop"))


def note(machine: Machine, text: str) -> None:
    machine.sql(f"INSERT INTO app.notes VALUES ('{text}')", "shop")


# -- made so -------------------------------------------------------------------------------------------


def test_a_second_deploy_changes_nothing(town: Machine) -> None:
    before = town.run("stat -c %Y /etc/pgbackrest/* /etc/systemd/system/pgdeploy-backup*")
    assert "No changes" in deployed(town)
    assert town.run("stat -c %Y /etc/pgbackrest/* /etc/systemd/system/pgdeploy-backup*") == before
    assert red(town) == set()


def test_secrets_are_in_one_file(town: Machine) -> None:
    """Not in the server's log, the journal, a unit, a record or any other file that is ours."""
    canary = SECRETS["PG01_BACKUP_PASSPHRASE"]
    places = "/etc /var/log /var/lib/pgdeploy /run/systemd /run/pgdeploy-proof /mnt/data /tmp /root"
    assert town.run(f"grep -rlF {canary} {places} 2>/dev/null", check=False) == CONFIG
    assert town.run(f"journalctl | grep -cF {canary}", check=False) == "0"


def test_another_cluster_is_no_backup_of_this_one(town: Machine) -> None:
    """A stanza of another system identifier is left alone, with a word of what to do."""
    fake = "printf '#!/bin/sh\\n/usr/lib/postgresql/15/bin/pg_controldata.real \"$@\" | sed s/7[0-9]*$/7/\\n'"
    program = "/usr/lib/postgresql/15/bin/pg_controldata"
    town.run(f"mv {program} {program}.real && {fake} > {program} && chmod 755 {program}")
    try:
        done = deploy(town)
        assert done.returncode != 0
        assert "stanza main of another cluster" in said(done)
        assert "write another name into backup: stanza:" in said(done)
    finally:
        town.run(f"mv {program}.real {program}")


# -- broken by hand ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Break:
    """What somebody does by hand, the checks that turn red, and how it is undone."""

    name: str
    script: str
    red: set[str]
    undo: str


AS_SERVER = "runuser -u postgres --"
SWITCH = (
    f"{AS_SERVER} psql -qc 'INSERT INTO app.notes VALUES (1)' -c 'SELECT pg_switch_wal()' shop >/dev/null"
)
SETTLE = "sleep 1"
AWAY = f"mv {REPOSITORY}/archive {REPOSITORY}/away"
BACK = f"mv {REPOSITORY}/away {REPOSITORY}/archive"

BREAKS = [
    Break(
        "repository gone",
        f"mv {REPOSITORY} /root/gone && install -d -o postgres -m 750 {REPOSITORY}",
        {"backup[repository 1].reachable"},
        f"rmdir {REPOSITORY} && mv /root/gone {REPOSITORY}",
    ),
    Break(
        "wrong passphrase",
        f"cp -p {CONFIG} /root/conf && sed -i s/cipher-pass=.*/cipher-pass=wrong/ {CONFIG}",
        {"backup[repository 1].reachable"},
        f"cp -p /root/conf {CONFIG}",
    ),
    Break(
        "passphrase for all",
        f"chmod 644 {CONFIG}",
        {"backup[configuration].access"},
        f"chmod 640 {CONFIG}",
    ),
    Break(
        "another option",
        f"cp -p {CONFIG} /root/conf && sed -i s/process-max=2/process-max=3/ {CONFIG}",
        {"backup[configuration].text"},
        f"cp -p /root/conf {CONFIG}",
    ),
    Break(
        "timer off",
        "systemctl stop pgdeploy-backup-incr.timer",
        {"backup[incr timer].active"},
        "systemctl start pgdeploy-backup-incr.timer",
    ),
    Break(
        "timer not at boot",
        "systemctl disable -q pgdeploy-backup-full.timer",
        {"backup[full timer].active"},
        "systemctl enable -q pgdeploy-backup-full.timer",
    ),
    Break(
        "last run failed",
        f"{AWAY}; systemctl start pgdeploy-backup-incr.service; {BACK}",
        {"backup[incr timer].last"},
        "systemctl start pgdeploy-backup-incr.service",
    ),
    Break(
        "no record of a restore",
        "mv /var/lib/pgdeploy/restores /root/restores",
        {"backup[restore].proved"},
        "mv /root/restores /var/lib/pgdeploy/restores",
    ),
    Break(
        "WAL cannot be archived",
        f"chmod 500 {REPOSITORY}/archive/main/15-1/* {REPOSITORY}/archive/main/15-1; {SWITCH}; sleep 3",
        {"backup[wal].archiving"},
        f"chmod 750 {REPOSITORY}/archive/main/15-1 {REPOSITORY}/archive/main/15-1/*; {SWITCH}; sleep 3",
    ),
    Break(
        "more full backups than are kept",
        f"sed -i s/retention-full=2/retention-full=9/ {CONFIG}; for i in 1 2 3; do"
        f" {AS_SERVER} pgbackrest --stanza=main --type=full backup; done;"
        f" sed -i s/retention-full=9/retention-full=2/ {CONFIG}",
        {"backup[repository 1].retention"},
        f"{AS_SERVER} pgbackrest --stanza=main expire",
    ),
    Break(
        "archive_command that does nothing",
        f"{AS_SERVER} psql -qc \"ALTER SYSTEM SET archive_command = 'true'\" -c 'SELECT pg_reload_conf()';"
        f" {SETTLE}; {SWITCH}; {SETTLE}",
        {"backup[setting].archive_command", "backup[wal 1].stored"},
        f"{AS_SERVER} psql -qc 'ALTER SYSTEM RESET archive_command' -c 'SELECT pg_reload_conf()'; {SETTLE};"
        f" {SWITCH}; {AS_SERVER} pgbackrest --stanza=main --type=full backup",
    ),
]


@pytest.mark.parametrize("case", BREAKS, ids=lambda case: case.name)
def test_broken_by_hand(case: Break, town: Machine) -> None:
    try:
        town.run(case.script)
        assert red(town) == case.red
    finally:
        town.run(case.undo)
    assert red(town) == set()


@pytest.mark.parametrize(
    ("recovery", "expected"),
    [
        ("{newest: 1ms}", {"backup[newest 1].age"}),
        ("{full: 1ms}", {"backup[full 1].age"}),
        ("{rto: 1ms}", {"backup[restore].rto"}),
        ("{restore_every: 1ms}", {"backup[restore].age"}),
    ],
)
def test_older_or_slower_than_allowed(recovery: str, expected: set[str], town: Machine) -> None:
    """The deployment record knows that the spec is another one now."""
    town.spec(pg15() + BACKUP + f"  recovery: {recovery}\n")
    try:
        assert red(town) == expected | {"deployment[record].spec"}
    finally:
        town.spec(pg15() + BACKUP)


def test_the_same_in_an_unusual_spelling(town: Machine) -> None:
    """Order, comments and blanks of the configuration mean nothing."""
    town.run(f"cp -p {CONFIG} /root/conf && sed -i -e 's/=/ = /' -e '1i ; x' {CONFIG} && sed -i 1d {CONFIG}")
    town.run(f"sed -i '2i\\\\n# a comment' {CONFIG}")
    try:
        assert red(town) == set()
    finally:
        town.run(f"cp -p /root/conf {CONFIG}")


def test_a_record_that_no_trusted_key_signed_does_not_count(town: Machine) -> None:
    key = town.folder / "signing"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    public = key.with_suffix(".pub").read_text().strip()
    town.spec(pg15() + BACKUP + f"  signing: {{trusted: ['{public}'], key: {{file: {key}}}}}\n")
    changed = {"deployment[record].spec"}
    try:
        assert red(town) == changed | {"backup[restore].proved"}
        backup(town, "prove")
        assert red(town) == changed
        newest = "$(ls -t /var/lib/pgdeploy/restores/*.json | head -1)"
        town.run(f'sed -i \'s/"sig": "[^"]*"/"sig": "00"/\' {newest}')
        assert red(town) == changed | {"backup[restore].proved"}
        town.run(f"rm {newest}")
    finally:
        town.spec(pg15() + BACKUP)
    assert red(town) == set()


# -- files of the repository ---------------------------------------------------------------------------


CORRUPT = f"f=$(find {REPOSITORY}/backup/main/*F/pg_data -size +1k -name '*.zst' | sort | tail -1); cp -p $f /root/f"


@pytest.mark.parametrize(
    ("script", "undo", "words"),
    [
        (f"{CORRUPT}; echo x >> $f", "cp -p /root/f $f", "checksum invalid"),
        (f"{CORRUPT}; rm $f", "cp -p /root/f $f", "missing"),
    ],
    ids=["corrupted", "removed"],
)
def test_a_file_of_a_backup(script: str, undo: str, words: str, town: Machine) -> None:
    """pgBackRest's own verify exits 0; ours does not, and a restore decides."""
    path = town.run(f"{script}; echo $f")
    try:
        assert words in backup(town, "verify", status=2)
        assert "pgBackRest could not restore it" in backup(town, "prove", status=2)
    finally:
        town.run(undo.replace("$f", path))
    assert "faults: 0" in backup(town, "verify")
    backup(town, "prove")


def test_a_file_of_wal_that_is_missing(town: Machine) -> None:
    """Nothing but a restore that must reach a point after it finds it, and the next backup mends it."""
    town.run(SWITCH)
    last = town.sql("SELECT last_archived_wal FROM pg_stat_archiver")
    path = town.run(f"ls {REPOSITORY}/archive/main/15-1/*/{last}-*")
    town.run(f"mv {path} /root/wal")
    try:
        assert "recovery ended before configured recovery target was reached" in backup(
            town, "prove", status=2
        )
        assert red(town) == {"backup[restore].proved"}
        backup(town, "now", "--type", "full")
        backup(town, "prove")
        assert red(town) == set()
    finally:
        town.run(f"mv /root/wal {path}")


# -- restores ------------------------------------------------------------------------------------------


def test_to_a_moment_twice_over_timelines(town: Machine) -> None:
    """Before a DROP TABLE; from there on again; then back to what the first restore left behind."""
    note(town, "first")
    before = now(town)
    town.sql("DROP TABLE app.orders", "shop")
    note(town, "lost with the first restore")
    dropped = now(town)
    note(town, "after that")

    said = restore(town, "--time", before)
    assert "on timeline 2" in said
    assert "new backup: " in said
    assert (count(town, "orders"), count(town, "notes")) == (100, count_of(said, town))
    note(town, "second")
    again = now(town)
    town.sql("TRUNCATE app.orders", "shop")

    restore(town, "--time", again, "--no-backup")
    assert count(town, "orders") == 100
    assert notes(town) == ["first", "second"]

    restore(town, "--time", dropped, "--timeline", "1", "--no-backup")
    assert notes(town) == ["first", "lost with the first restore"]
    assert town.sql("SELECT to_regclass('app.orders') IS NULL", "shop") == "t"

    restore(town, "--time", again, "--timeline", "2", "--no-backup")
    assert notes(town) == ["first", "second"]
    assert count(town, "orders") == 100
    town.run(f"rm -r {DATA}.before-*")
    backup(town, "now", "--type", "full")
    backup(town, "prove")
    assert red(town) == set()


def notes(machine: Machine) -> list[str]:
    found = machine.sql("SELECT note FROM app.notes WHERE note !~ '^[0-9]+$' ORDER BY ctid", "shop")
    return found.splitlines()


def count_of(said: str, machine: Machine) -> int:
    """All notes that were there before the table was dropped."""
    assert notes(machine) == ["first"], said
    return count(machine, "notes")


def test_a_moment_that_wal_does_not_reach_leaves_all_as_it_was(town: Machine) -> None:
    note(town, "kept")
    said = restore(town, "--time", "2999-01-01 00:00:00+00", status=1)
    assert "recovery ended before configured recovery target was reached" in said
    assert "the old data directory is back, and the server runs" in said
    assert "kept" in notes(town)
    assert town.run("ls /mnt/data") == "pg01"


@pytest.mark.parametrize(
    ("option", "query"),
    [
        ("--lsn", "SELECT pg_current_wal_insert_lsn()"),
        ("--point", "SELECT split_part('before it', '/', 1) FROM pg_create_restore_point('before it')"),
        ("--xid", "INSERT INTO app.notes VALUES ('with it') RETURNING xmin"),
    ],
)
def test_to_a_position_a_restore_point_or_a_transaction(option: str, query: str, town: Machine) -> None:
    before = notes(town)
    value = town.sql(query, "shop")
    note(town, "after it")
    restore(town, option, value, "--database", "shop", "--as", "shop_then")
    found = town.sql("SELECT note FROM app.notes WHERE note !~ '^[0-9]+$' ORDER BY ctid", "shop_then")
    assert found.splitlines() == before + ["with it"] * (option == "--xid")
    town.sql("DROP DATABASE shop_then")


def test_over_the_old_data_directory(town: Machine) -> None:
    """For want of room: nothing is kept, and what fails can be done again."""
    note(town, "stays")
    before = now(town)
    note(town, "goes")
    said = restore(town, "--overwrite", "--time", "2999-01-01 00:00:00+00", status=1)
    assert "the server is stopped, and its data directory is as the restore left it" in said
    said = restore(town, "--overwrite", "--time", before, "--no-backup")
    assert "is kept" not in said
    assert town.run("ls /mnt/data") == "pg01"
    assert notes(town)[-1] == "stays"
    assert red(town) == set()


def test_a_standby_of_the_old_timeline_is_named(town: Machine) -> None:
    hba = "/etc/postgresql/15/main/pg_hba.conf"
    town.run(f"cp -p {hba} /root/hba && echo 'local replication postgres peer' >> {hba}")
    town.sql("SELECT pg_reload_conf()")
    standby, programs = "/mnt/data/standby", "/usr/lib/postgresql/15/bin"
    options = f"-c data_directory={standby} -c port=5999 -c cluster_name=follower -c archive_mode=off"
    try:
        town.run(f"install -d -o postgres -m 700 {standby}")
        town.run(f"{AS_SERVER} {programs}/pg_basebackup -D {standby} -R -c fast")
        town.run(
            f"{AS_SERVER} {programs}/pg_ctl -D /etc/postgresql/15/main -w -l /tmp/standby.log -o '{options}' start"
        )
        # red, for the line in pg_hba.conf
        said = restore(town, "--no-backup", status=2)
        assert "standby follower followed the old timeline: make it anew" in said
    finally:
        town.run(f"{AS_SERVER} {programs}/pg_ctl -D {standby} -m immediate stop", check=False)
        town.run(f"rm -rf {standby} {DATA}.before-*; cp -p /root/hba {hba}; sleep 1")
        town.sql("SELECT pg_reload_conf()")
    assert red(town) == set()


def test_one_database_of_the_cluster(town: Machine) -> None:
    before = now(town)
    town.sql("DELETE FROM app.orders", "shop")
    note(town, "not undone by a copy")
    restore(town, "--time", before, "--database", "shop", "--as", "shop_before")
    assert town.sql("SELECT count(*) FROM app.orders", "shop_before") == "100"
    assert count(town, "orders") == 0
    said = restore(town, "--time", before, "--database", "shop")
    assert "is kept as shop_before_2" in said
    assert count(town, "orders") == 100
    for name in town.sql("SELECT datname FROM pg_database WHERE datname ~ '^shop_'").splitlines():
        town.sql(f"DROP DATABASE {name}")


def test_into_a_folder_of_the_host(town: Machine) -> None:
    restore(town, "--into", "/mnt/data/copy")
    assert town.run("cat /mnt/data/copy/data/PG_VERSION") == "15"
    assert "is there already" in restore(town, "--into", "/mnt/data/copy", status=1)
    town.run("rm -r /mnt/data/copy")


def test_a_dry_run_changes_nothing(town: Machine) -> None:
    backup(town, "prove")
    before = town.run("ls -la --time-style=full-iso /mnt/data /var/lib/pgdeploy")
    said = restore(town, "--dry-run")
    assert "its last restore took" in said
    assert f"{DATA} is kept under another name" in said
    assert town.run("ls -la --time-style=full-iso /mnt/data /var/lib/pgdeploy") == before


# -- faults --------------------------------------------------------------------------------------------

SLOW = "/usr/local/bin/pgbackrest"


def slowed(machine: Machine, command: str) -> None:
    """pgBackRest waits a minute before it does this."""
    script = f'#!/bin/sh\ncase "$*" in *{command}*) sleep 60;; esac\nexec /usr/bin/pgbackrest "$@"\n'
    machine.run(f"cat > {SLOW} && chmod 755 {SLOW}", stdin=script)


def in_the_background(machine: Machine, *words: str) -> subprocess.Popen[str]:
    import sys

    from tests.host.machine import ROOT, environment

    command = [sys.executable, "-m", "pgdeploy", *words, "--ssh-config", str(machine.ssh_config)]
    return subprocess.Popen(
        command,
        env=environment(machine),
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def wait_for(machine: Machine, words: str) -> None:
    until(lambda: machine.run(f"pgrep -f '{words}'", check=False))


def test_killed_in_the_middle_of_a_restore(town: Machine) -> None:
    """The server is down, and its data directory safe; the next restore goes on from there."""
    before = notes(town)
    slowed(town, "restore")
    running = in_the_background(town, "restore", "prod-pg01", "--yes")
    try:
        wait_for(town, "[s]leep 60")
        town.run("pkill -9 -f '[p]ython3 -I'; pkill -9 -x sleep", check=False)
        running.communicate(timeout=240)
    finally:
        town.run(f"rm {SLOW}")
    assert running.returncode == 1
    (kept,) = town.run(f"ls -d {DATA}.before-*").splitlines()
    assert town.run(f"test -f {kept}/PG_VERSION && echo whole") == "whole"
    said = restore(town)
    assert f"is kept as {kept}" in said
    assert notes(town) == before
    assert red(town) == set()
    town.run(f"rm -r {DATA}.before-*")


def test_killed_when_the_restored_server_ran_already(town: Machine) -> None:
    """Somebody may have written on it since: it is what is there now, and the next restore keeps it, too."""
    town.run(f"mkdir -p {DATA}.before-x && chown postgres: {DATA}.before-x")
    mark = f'{{"data": "{DATA}", "kept": "{DATA}.before-x"}}'
    town.run("cat > /var/lib/pgdeploy/restore.json", stdin=mark)
    note(town, "written since")
    said = restore(town, "--no-backup")
    assert f"is kept as {DATA}.before-2" in said
    assert town.run(f"test -f {DATA}.before-2*/PG_VERSION && echo whole") == "whole"
    assert "written since" in notes(town)
    town.run(f"rm -r {DATA}.before-*")


def test_killed_in_the_middle_of_a_proof(town: Machine) -> None:
    """What it left is gone after the next."""
    slowed(town, "restore")
    running = in_the_background(town, "backup", "prod-pg01", "prove")
    try:
        wait_for(town, "[s]leep 60")
        running.kill()
        town.run("pkill -9 -f '[p]ython3 -I'; pkill -9 -x sleep", check=False)
        running.communicate(timeout=240)
    finally:
        town.run(f"rm {SLOW}")
    backup(town, "prove")
    assert town.run("ls -A /mnt/data") == "pg01"
    assert town.run("systemctl list-units --all --no-legend 'pgdeploy-proof*'") == ""


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("backup", "prod-pg01", "prove"), "another restore is being proved there"),
        (("restore", "prod-pg01", "--yes", "--no-backup"), "another restore is running there"),
    ],
    ids=["proofs", "restores"],
)
def test_two_at_once(words: tuple[str, ...], says: str, town: Machine) -> None:
    slowed(town, "restore")
    running = in_the_background(town, *words)
    try:
        wait_for(town, "[s]leep 60")
        second = town.pgdeploy(*words)
        assert second.returncode == 1
        assert says in said(second)
    finally:
        town.run(f"rm {SLOW}; pkill -x sleep")
    printed, _ = running.communicate(timeout=240)
    assert running.returncode == 0, printed
    town.run(f"rm -rf {DATA}.before-*")


def test_no_room_for_a_copy(town: Machine) -> None:
    town.run("mkdir -p /mnt/small && mount -t tmpfs -o size=1m none /mnt/small")
    town.spec(pg15() + BACKUP + "  scratch: /mnt/small/copy\n")
    try:
        said = backup(town, "prove", status=1)
        assert "bytes, and only" in said
        assert "backup: scratch:" in said
    finally:
        town.spec(pg15() + BACKUP)
        town.run("umount /mnt/small")


def test_the_disk_of_the_repository_is_full(town: Machine) -> None:
    """WAL waits on the server until there is room, and nothing of it is lost."""
    town.run(
        f"mkdir /mnt/kept && cp -a {REPOSITORY}/. /mnt/kept && mount -t tmpfs -o size=60m,mode=750 none {REPOSITORY}"
        f" && chown postgres: {REPOSITORY} && cp -a /mnt/kept/. {REPOSITORY}"
    )
    try:
        town.run(f"cat /dev/zero > {REPOSITORY}/full", check=False)
        town.run(f"{SWITCH}; sleep 4")
        assert "backup[wal].archiving" in red(town)
        # it would try again by itself within a minute
        town.run(
            f"rm {REPOSITORY}/full; {AS_SERVER} psql -qc 'SELECT pg_reload_conf()'; sleep 2; {SWITCH}; sleep 2"
        )
        backup(town, "now")
        backup(town, "prove")
        assert red(town) == set()
    finally:
        town.run(
            f"cp -a {REPOSITORY}/. /mnt/kept; umount {REPOSITORY}; cp -a /mnt/kept/. {REPOSITORY}; rm -r /mnt/kept"
        )
