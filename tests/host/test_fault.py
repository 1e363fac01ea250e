"""What goes wrong in the middle: nothing is lost, the message says what it was, and the next run finishes the work."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.host.machine import ROOT, Machine, booted, deploy, deployed, environment, pyinfra, said
from tests.host.texts import pg15

pytestmark = [pytest.mark.docker, pytest.mark.long]

SETTINGS = "/etc/postgresql/15/main/conf.d/pgdeploy.conf"

KEPT = "precious"


def failed(machine: Machine, *options: str) -> str:
    """Deploy, which must fail; gives what was said."""
    return _said_failing(deploy(machine, *options))


def _said_failing(done: subprocess.CompletedProcess[str]) -> str:
    told = said(done)
    assert done.returncode == 1, told
    assert "Traceback" not in told, told
    return told


def converges(machine: Machine) -> None:
    """One run finishes the work, and another has none."""
    deployed(machine)
    unchanged(machine)


def unchanged(machine: Machine) -> None:
    told = re.sub(r"\x1b\[[0-9;]*m", "", deployed(machine))
    (line,) = re.findall(r"Grand total +\d+ +(\S+) +(\S+) +\S+", told)
    assert line == ("-", "-"), told


@contextmanager
def in_the_background(machine: Machine) -> Iterator[subprocess.Popen[str]]:
    """A deploy at work, while the test does it harm."""
    with subprocess.Popen(
        pyinfra("-y"),
        env=environment(machine),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        except AssertionError as error:
            process.terminate()
            error.add_note(said(outcome(process)))
            raise


def outcome(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    out, error = process.communicate(timeout=240)
    return subprocess.CompletedProcess(process.args, process.returncode, out, error)


def when(machine: Machine, sign: str, then: str = "") -> None:
    """Wait until the machine shows this sign, and do that on it at once."""
    machine.run(
        f"for i in $(seq 3000); do if {sign}; then {then or ':'}; exit 0; fi; sleep 0.01; done; exit 1"
    )


UNPACKING = "pgrep -f 'dpkg .*[-]-unpack' >/dev/null"
HANG_UP = "pkill -KILL -f '^sshd: root'"


# -- on the way to the first server --------------------------------------------------------------------


@pytest.fixture(scope="module")
def hard_luck(bookworm: str) -> Iterator[Machine]:
    """A bare machine, which one fault after another keeps from becoming a server."""
    with booted(bookworm) as machine:
        machine.spec(pg15().replace("{free: 100MB}", "{free: 1MB}"))
        yield machine


LOCK = """\
import fcntl, sys, time
file = open("/var/lib/dpkg/lock-frontend", "w")
fcntl.lockf(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(float(sys.argv[1]))
"""


@contextmanager
def locked(machine: Machine, seconds: float) -> Iterator[None]:
    words = ["docker", "exec", machine.container, "python3", "-c", LOCK, str(seconds)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield
        machine.run("pkill -f lock-fronten[d]", check=False)


def test_somebody_elses_apt_does_not_end(hard_luck: Machine) -> None:
    with locked(hard_luck, 60):
        told = failed(hard_luck, "--data", "apt_patience=1")
    assert re.search(r"/var/lib/dpkg/lock-frontend is held by process \d+ \(python3\), for 1 s", told)


def test_a_full_disk_while_packages_are_unpacked(hard_luck: Machine) -> None:
    """And somebody else's apt, which is waited for."""
    hard_luck.run("mkdir -p /usr/lib/postgresql && mount -t tmpfs -o size=2m none /usr/lib/postgresql")
    try:
        with locked(hard_luck, 3):
            told = failed(hard_luck)
    finally:
        hard_luck.run("umount /usr/lib/postgresql")
    assert "No space left on device" in told


def test_the_connection_is_cut_while_packages_are_installed(hard_luck: Machine) -> None:
    with in_the_background(hard_luck) as process:
        when(hard_luck, UNPACKING, HANG_UP)
        told = _said_failing(outcome(process))
    assert "the connection is lost" in told, told


def test_pyinfra_is_killed_while_packages_are_installed(hard_luck: Machine) -> None:
    """Its apt-get goes on without it for a while, and the next run waits for that."""
    with in_the_background(hard_luck) as process:
        when(hard_luck, UNPACKING)
        process.kill()
    assert hard_luck.run("ls /etc/postgresql/15", check=False) == ""


def test_a_full_disk_in_initdb(hard_luck: Machine) -> None:
    hard_luck.run("mkdir -p /mnt/data && mount -t tmpfs -o size=20m none /mnt/data")
    try:
        told = failed(hard_luck)
    finally:
        hard_luck.run("umount /mnt/data")
    # initdb's own words for it are these or those, as the last block is written
    assert "No space left on device" in told or "Check free disk space" in told, told


def test_pyinfra_is_killed_in_initdb(hard_luck: Machine) -> None:
    with in_the_background(hard_luck) as process:
        when(hard_luck, "pgrep -x initdb >/dev/null")
        process.kill()


def test_all_is_killed_in_initdb(hard_luck: Machine) -> None:
    """As by a power cut: half a data directory is left, which nobody but us would dare to remove."""
    hard_luck.run("pg_dropcluster --stop 15 main; rm -rf /mnt/data", check=False)
    with in_the_background(hard_luck) as process:
        when(
            hard_luck,
            "test -e /mnt/data/pg01/PG_VERSION",
            "pkill -KILL -f 'python3 -$|pg_[c]reatecluster|[i]nitdb'",
        )
        told = _said_failing(outcome(process))
    assert hard_luck.run("ls /mnt/data/pg01")
    assert "Cluster 15/main" in told


def test_after_all_that_it_becomes_a_server(hard_luck: Machine) -> None:
    converges(hard_luck)
    assert hard_luck.sql("SELECT rolname FROM pg_roles WHERE rolname = 'app'") == "app"


# -- a server at work ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(bookworm_deployed: str) -> Iterator[Machine]:
    """A deployed machine with data of its user's."""
    with booted(bookworm_deployed) as machine:
        machine.spec(pg15())
        machine.run("systemctl start postgresql@15-main")
        machine.sql(f"CREATE TABLE notes AS SELECT '{KEPT}' AS note", "shop")
        yield machine


@pytest.fixture(autouse=True)
def _nothing_is_lost(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "server" in request.fixturenames:
        machine: Machine = request.getfixturevalue("server")
        assert machine.sql("SELECT note FROM notes", "shop") == KEPT


def started(machine: Machine) -> str:
    """When the server was started, and when it last read its files."""
    return machine.sql("SELECT pg_postmaster_start_time(), pg_conf_load_time()")


def with_setting(line: str) -> str:
    return pg15().replace("  work_mem: 8MB\n", f"  work_mem: 8MB\n  {line}\n")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("log_timezone: Nowhere/Land", "log_timezone"),
        ("timezone_abbreviations: Nowhere", "timezone_abbreviations"),
    ],
)
def test_a_setting_that_the_server_refuses(server: Machine, line: str, reason: str) -> None:
    before, good = started(server), server.run(f"cat {SETTINGS}")
    server.spec(with_setting(line))
    told = failed(server)
    assert "PostgreSQL refuses the settings, nothing is changed" in told
    assert reason in told
    assert (started(server), server.run(f"cat {SETTINGS}")) == (before, good)
    server.spec(pg15())
    unchanged(server)


def test_maps_that_the_server_refuses(server: Machine) -> None:
    before, good = started(server), server.run("cat /etc/postgresql/15/main/pg_ident.conf")
    server.spec(pg15().replace("ident:\n", "ident:\n  - {map: admins, system: '/^((x)', role: '\\1'}\n", 1))
    told = failed(server)
    assert "PostgreSQL refuses the new files, so the old ones stay" in told
    assert re.search(r"pg_ident.conf:\d+: ", told)
    assert (started(server), server.run("cat /etc/postgresql/15/main/pg_ident.conf")) == (before, good)
    server.spec(pg15())
    # the old file is younger than what the server has read, and is read once more
    converges(server)


def test_rules_that_the_server_refuses(server: Machine) -> None:
    rule = "{type: host, database: all, user: all, address: 192.0.2.0/24, method: sspi}"
    before, good = started(server), server.run("cat /etc/postgresql/15/main/pg_hba.conf")
    server.spec(pg15().replace("roles:\n  postgres:", f"  - {rule}\nroles:\n  postgres:", 1))
    told = failed(server)
    assert "PostgreSQL refuses the new files, so the old ones stay" in told
    assert re.search(r"pg_hba.conf:\d+: ", told)
    assert (started(server), server.run("cat /etc/postgresql/15/main/pg_hba.conf")) == (before, good)
    server.spec(pg15())
    # the old file is younger than what the server has read, and is read once more
    converges(server)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("shared_preload_libraries: nowhere", 'could not access file "nowhere"'),
        ("huge_pages: 'on'", "shared memory"),
    ],
)
def test_a_restart_that_fails(server: Machine, line: str, reason: str) -> None:
    good = server.run(f"cat {SETTINGS}")
    server.spec(with_setting(line))
    told = failed(server)
    assert "PostgreSQL did not start with the new files" in told
    assert "the old ones are back, and it runs again with them" in told
    assert reason in told
    assert server.run(f"cat {SETTINGS}") == good
    server.spec(with_setting("max_wal_senders: 7"))
    converges(server)
    assert server.sql("SHOW max_wal_senders") == "7"


def test_a_library_that_would_end_every_login(server: Machine) -> None:
    good = server.run(f"cat {SETTINGS}")
    server.spec(with_setting("session_preload_libraries: nowhere"))
    told = failed(server)
    assert "PostgreSQL lets us in no more with the new files" in told
    assert 'could not access file "nowhere"' in told
    assert "the old ones are back" in told
    assert (server.run(f"cat {SETTINGS}"), server.sql("SELECT 1")) == (good, "1")
    server.spec(pg15())
    converges(server)


def test_all_is_killed_while_the_server_gets_its_files(server: Machine) -> None:
    """The next run finds the journal, and begins with what was good."""
    server.spec(with_setting("max_connections: 60").replace("  max_connections: 50\n", "", 1))
    with in_the_background(server) as process:
        when(server, "test -e /var/lib/pgdeploy/configuration/complete", "pkill -KILL -f 'python3 -$'")
        _said_failing(outcome(process))
    assert server.run("ls /var/lib/pgdeploy/configuration")
    converges(server)
    assert server.sql("SHOW max_connections") == "60"
    assert server.run("ls /var/lib/pgdeploy") == "deployment.json"


def test_the_connection_is_cut_while_the_server_gets_its_files(server: Machine) -> None:
    server.spec(with_setting("max_connections: 70").replace("  max_connections: 50\n", "", 1))
    with in_the_background(server) as process:
        when(server, "test -e /var/lib/pgdeploy/configuration/complete", HANG_UP)
        told = _said_failing(outcome(process))
    assert "the connection is lost" in told, told
    converges(server)
    assert server.sql("SHOW max_connections") == "70"


@contextmanager
def roles_locked(machine: Machine) -> Iterator[None]:
    """Nobody can change a role until this ends, however long the other side takes to get there."""
    client = ["runuser", "-u", "postgres", "--", "psql", "-XqAt", "-d", "postgres"]
    with subprocess.Popen(
        ["docker", "exec", "-i", machine.container, *client],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        print("BEGIN; LOCK TABLE pg_authid IN SHARE MODE; SELECT 'held';", file=holder.stdin, flush=True)
        assert holder.stdout.readline() == "held\n"
        try:
            yield
        finally:
            holder.stdin.close()


@pytest.mark.parametrize("harm", ["kill", "cut"])
def test_in_the_middle_of_the_sql(server: Machine, harm: str) -> None:
    """A lock makes its first change wait, so that there is a middle."""
    server.spec(pg15())
    deployed(server)
    server.sql("ALTER ROLE app NOLOGIN")
    # what it says is not shown: a verifier is in it
    waits = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'pgdeploy'"
    sign = f'runuser -u postgres -- psql -XAtc "{waits}" | grep -q 1'
    with roles_locked(server), in_the_background(server) as process:
        when(server, sign, HANG_UP if harm == "cut" else "")
        if harm == "kill":
            process.kill()
            process.wait()
        else:
            told = _said_failing(outcome(process))
            assert "the connection is lost" in told, told
    converges(server)
    assert server.sql("SELECT rolcanlogin FROM pg_roles WHERE rolname = 'app'") == "t"


def test_two_runs_at_once(server: Machine) -> None:
    """Both may do the work, or one says that it could not; the server is whole."""
    server.spec(with_setting("max_connections: 80").replace("  max_connections: 50\n", "", 1))
    server.sql("ALTER ROLE app NOLOGIN")
    server.run("apt-mark unhold postgresql-15; rm /etc/tmpfiles.d/pgdeploy.conf /etc/nftables.d/pgdeploy.nft")
    with in_the_background(server) as one, in_the_background(server) as other:
        told = [said(outcome(process)) for process in (one, other)]
    assert not [text for text in told if "Traceback" in text]
    converges(server)
    assert server.sql("SHOW max_connections") == "80"
