"""No secret is anywhere but where it belongs: canaries for passwords and a key, looked for on both ends."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.host.machine import SECRETS, Machine, booted, deploy, pyinfra, run, said
from tests.host.texts import pg15

pytestmark = [pytest.mark.docker, pytest.mark.long]

LOUD = ("-vvv", "--diff", "--debug", "--debug-all")

PASSWORD_FILE = "/etc/prometheus/pgdeploy-exporter-password"
KEY_FILE = "/etc/postgresql/15/main/pgdeploy.key"

SAMPLER = """\
import glob, select, sys
seen = set()
while not select.select([sys.stdin], [], [], 0.005)[0]:
    for path in glob.glob("/proc/[0-9]*/cmdline") + glob.glob("/proc/[0-9]*/environ"):
        try:
            with open(path, "rb") as file:
                seen.add(file.read())
        except OSError:
            pass
for text in seen:
    print(text.replace(b"\\0", b" ").decode("utf-8", "replace"))
"""

ACTIVITY = """\
BEGIN;
LOCK TABLE pg_authid IN SHARE MODE;
DO $$ BEGIN
  FOR i IN 1..3000 LOOP
    PERFORM pg_stat_clear_snapshot();
    EXIT WHEN EXISTS (SELECT FROM pg_stat_activity
                      WHERE wait_event_type = 'Lock' AND backend_type = 'client backend');
    PERFORM pg_sleep(0.02);
  END LOOP;
END $$;
SELECT query FROM pg_stat_activity;
COMMIT;
"""
"""Makes the first statement that changes a role wait, so that it can be seen; then lets it go."""


def key_pair(folder: Path) -> tuple[Path, str]:
    """A certificate's file, and its key in PEM."""
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    words += [
        "-days",
        "90",
        "-subj",
        "/CN=pg01.example.org",
        "-addext",
        "subjectAltName=DNS:pg01.example.org",
    ]
    certificate, key = folder / "pg01.crt", folder / "pg01.pem"
    subprocess.run(
        ["openssl", *words, "-keyout", str(key), "-out", str(certificate)], check=True, capture_output=True
    )
    text = key.read_text()
    key.unlink()
    return certificate, text


@dataclass
class Run:
    """What one deploy said, and what could be seen meanwhile by who looks over its shoulder."""

    secrets: Mapping[str, str]
    output: str = ""
    there: str = ""
    here: set[str] = field(default_factory=set)

    @property
    def canaries(self) -> list[str]:
        """What must not be seen; of the key the lines that hold its private part."""
        words = [value for name, value in self.secrets.items() if "PEM" not in name]
        return words + self.secrets["PG01_KEY_PEM"].splitlines()[1:3]

    def seen_in(self, text: str) -> list[str]:
        return [canary for canary in self.canaries if canary in text]


@contextmanager
def sampled(machine: Machine, record: Run) -> Iterator[None]:
    """The processes of both ends, as often as it goes; the canaries themselves stay out of it."""
    words = ["docker", "exec", "-i", machine.container, "python3", "-c", SAMPLER]
    there = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    done = threading.Event()
    here = threading.Thread(target=_sample_here, args=(record, done))
    here.start()
    try:
        yield
    finally:
        done.set()
        here.join()
        record.there = there.communicate("\n")[0]


def _sample_here(record: Run, done: threading.Event) -> None:
    while not done.wait(0.01):
        for path in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                record.here.add(path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
            except OSError:
                continue


def with_key(certificate: Path) -> str:
    """The spec with a certificate of ours, and a server that logs all that it is asked."""
    old = "tls: {self_signed: true, names: [pg01.example.org, 127.0.0.1]}"
    new = f"tls: {{certificate: {certificate}, key: {{env: PG01_KEY_PEM}}}}"
    spec = pg15()
    assert old in spec
    return spec.replace(old, new).replace("  work_mem: 8MB\n", "  work_mem: 8MB\n  log_statement: all\n")


def watched(machine: Machine, secrets: Mapping[str, str]) -> Run:
    """A deploy that is as talkative as pyinfra can be."""
    record = Run(secrets)
    for options in (("--dry", "--json", *LOUD), ("--debug-operations", *LOUD), ("--dry", *LOUD)):
        record.output += said(run(pyinfra(*options), machine, **secrets))
    with sampled(machine, record):
        done = deploy(machine, *LOUD, **secrets)
    assert done.returncode == 0, said(done)
    record.output += said(done)
    return record


@pytest.fixture(scope="module")
def machine(bookworm: str) -> Iterator[Machine]:
    with booted(bookworm) as found:
        yield found


@pytest.fixture(scope="module")
def first(machine: Machine) -> Run:
    """A bare machine is deployed."""
    certificate, key = key_pair(machine.folder)
    machine.spec(with_key(certificate))
    return watched(machine, {**SECRETS, "PG01_KEY_PEM": key})


@pytest.fixture(scope="module")
def second(machine: Machine, first: Run) -> Run:
    """All passwords and the key are others now."""
    _, key = key_pair(machine.folder)
    secrets = {name: value.replace("canary", "canary-new") for name, value in SECRETS.items()}
    words = ["docker", "exec", "-i", machine.container, "runuser", "-u", "postgres", "--", "psql", "-XAtq"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as activity:
        assert activity.stdin is not None
        assert activity.stdout is not None
        activity.stdin.write(ACTIVITY)
        activity.stdin.close()
        record = watched(machine, {**secrets, "PG01_KEY_PEM": key})
        record.there += activity.stdout.read()
    return record


@pytest.fixture(params=["first", "second"])
def record(request: pytest.FixtureRequest) -> Run:
    found: Run = request.getfixturevalue(request.param)
    return found


def test_nothing_is_said(record: Run) -> None:
    assert "The exporter's password file" in record.output
    assert "Certificate and key" in record.output
    assert record.seen_in(record.output) == []


def test_nothing_is_seen_in_the_machines_processes(record: Run) -> None:
    assert "python3 -" in record.there, "the sampler saw nothing"
    assert record.seen_in(record.there) == []


def test_nothing_is_seen_in_our_processes(record: Run) -> None:
    here = "\n".join(record.here)
    assert "pgdeploy apply" in here, "the sampler saw nothing"
    assert record.seen_in(here) == []


def test_the_server_showed_no_statement_with_a_secret(second: Run) -> None:
    assert "ALTER ROLE" in second.there, "pg_stat_activity was not seen"


def test_the_files_of_the_machine(machine: Machine, first: Run, second: Run) -> None:
    """The whole disk, logs, data and /run with it. A secret that is no longer in use is nowhere at all."""
    look = "find / /run -xdev -type f -print0 | xargs -0 grep -lF -e {} 2>/dev/null || true"
    found = {}
    for record in (first, second):
        for canary in record.canaries:
            found[canary] = machine.run("read -r canary; " + look.format('"$canary"'), stdin=f"{canary}\n")
    wanted = dict.fromkeys([*first.canaries, *second.canaries], "")
    wanted[second.secrets["PG01_EXPORTER_PASSWORD"]] = PASSWORD_FILE
    wanted |= dict.fromkeys(second.canaries[-2:], KEY_FILE)
    assert found == wanted


def test_the_journal(machine: Machine, first: Run, second: Run) -> None:
    text = machine.run("journalctl -a --no-pager -o verbose")
    assert "postgresql@15-main.service" in text
    assert [*first.seen_in(text), *second.seen_in(text)] == []


def test_who_may_read_them(machine: Machine, second: Run) -> None:
    assert machine.run(f"stat -c '%a %U %G' {PASSWORD_FILE}") == "640 root prometheus"
    assert machine.run(f"stat -c '%a %U %G' {KEY_FILE}") == "600 postgres postgres"


def test_a_secret_that_cannot_be_written(machine: Machine, second: Run) -> None:
    """What fails says why in one line, and not what it was to write."""
    machine.run(f"rm {PASSWORD_FILE} && mkdir {PASSWORD_FILE}")
    try:
        done = deploy(machine, *LOUD, **second.secrets)
    finally:
        machine.run(f"rmdir {PASSWORD_FILE}")
    told = said(done)
    assert done.returncode == 1
    assert f"{PASSWORD_FILE}: Is a directory" in told
    assert "Traceback" not in told
    assert second.seen_in(told) == []
    assert machine.run("ls -A /etc/prometheus | grep pgdeploy-", check=False) == ""
