"""Each thing that the gate asks of a host, broken by hand: its own check turns red, and pg01.py puts it right."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.host.breaking import red
from tests.host.machine import Machine, deployed

pytestmark = [pytest.mark.docker, pytest.mark.long]

CONF = "/etc/postgresql/15/main"
UNIT = "postgresql@15-main"
EXPORTER = "prometheus-postgres-exporter"
SETTINGS = f"{CONF}/conf.d/pgdeploy.conf"


@dataclass(frozen=True)
class Break:
    """What somebody does by hand, and the checks that turn red. Where pg01.py may not put it right, `undo` does."""

    name: str
    script: str
    red: set[str]
    undo: str = ""
    together: bool = False
    """It neither hides nor brings back what others of these broke: one deploy puts several right."""


def file(path: str, field: str) -> str:
    return f"file[{path}].{field}"


# After chmod, chown or mv only the server knows which content it has loaded.
LOADED = {"hba[rules].loaded", "hba[outside].refused", "hba[outside].plain_text"}

BREAKS = [
    # services
    Break("postgresql stopped", f"systemctl stop {UNIT}", {f"service[{UNIT}].active"}),
    Break(
        "postgresql not at boot",
        f"systemctl disable -q {UNIT}; echo manual > {CONF}/start.conf; systemctl daemon-reload",
        {f"service[{UNIT}].enabled"},
        together=True,
    ),
    Break("postgresql masked", f"systemctl mask -q {UNIT}", {f"service[{UNIT}].enabled"}),
    Break("exporter stopped", f"systemctl stop {EXPORTER}", {f"service[{EXPORTER}].active"}, together=True),
    Break("exporter masked", f"systemctl mask -q {EXPORTER}", {f"service[{EXPORTER}].enabled"}),
    Break("clock source off", "systemctl stop chrony", {"service[chrony].active"}, together=True),
    Break("clock source not at boot", "systemctl disable -q chrony", {"service[chrony].enabled"}),
    Break(
        "firewall not at boot", "systemctl disable -q nftables", {"service[nftables].enabled"}, together=True
    ),
    # files
    Break(
        "data directory for all", "chmod 0755 /mnt/data/pg01", {file("/mnt/data/pg01", "mode")}, together=True
    ),
    Break("hba for all", f"chmod 0644 {CONF}/pg_hba.conf", {file(f"{CONF}/pg_hba.conf", "mode"), *LOADED}),
    Break("hba of root", f"chown root {CONF}/pg_hba.conf", {file(f"{CONF}/pg_hba.conf", "owner"), *LOADED}),
    Break(
        "key for all",
        f"chmod 0644 {CONF}/pgdeploy.key",
        {file(f"{CONF}/pgdeploy.key", "mode")},
        together=True,
    ),
    Break(
        "exporter's password for all",
        "chmod 0644 /etc/prometheus/pgdeploy-exporter-password",
        {file("/etc/prometheus/pgdeploy-exporter-password", "mode")},
        together=True,
    ),
    Break(
        "old logs kept",
        "rm /etc/tmpfiles.d/pgdeploy.conf",
        {file("/etc/tmpfiles.d/pgdeploy.conf", "exists")},
        together=True,
    ),
    Break(
        "newer majors let in",
        "echo > /etc/apt/preferences.d/pgdeploy.pref",
        {file("/etc/apt/preferences.d/pgdeploy.pref", "content")},
        together=True,
    ),
    # settings, in all their truths
    Break(
        "edited without a reload",
        f"sed -i 's/8MB/9MB/' {SETTINGS}",
        {file(SETTINGS, "content"), "setting[work_mem].value"},
    ),
    Break(
        "overridden in auto.conf",
        "echo \"ALTER SYSTEM SET work_mem TO '16MB'; SELECT pg_reload_conf();\" | runuser -u postgres psql",
        {"setting[work_mem].value"},
    ),
    Break(
        "an override in a file, taken out again without a reload",
        f"echo 'work_mem = 16MB' > {CONF}/conf.d/zz.conf && chown postgres {CONF}/conf.d/zz.conf"
        f" && systemctl reload {UNIT} && sleep 1 && rm {CONF}/conf.d/zz.conf",
        {"setting[work_mem].value"},
    ),
    Break(
        "an override of auto.conf, taken out by an older copy",
        "cd /mnt/data/pg01 && cp -p postgresql.auto.conf /root/auto.conf && touch -d yesterday /root/auto.conf"
        " && echo \"ALTER SYSTEM SET work_mem TO '16MB'; SELECT pg_reload_conf();\" | runuser -u postgres psql"
        " && sleep 1 && cp -p /root/auto.conf postgresql.auto.conf",
        {"setting[work_mem].value"},
    ),
    Break(
        "settings that the server may not read",
        f"chown root:root {SETTINGS} && chmod 600 {SETTINGS}",
        {file(SETTINGS, "owner"), file(SETTINGS, "group"), file(SETTINGS, "mode"), "setting[files].loaded"},
    ),
    Break(
        "waits for a restart",
        'echo "ALTER SYSTEM SET max_connections TO 60; SELECT pg_reload_conf();" | runuser -u postgres psql',
        {"setting[max_connections].value"},
    ),
    Break(
        "a second hba line above",
        f"sed -i '1i local nobody all trust' {CONF}/pg_hba.conf; sleep 1; systemctl reload {UNIT}",
        {file(f"{CONF}/pg_hba.conf", "content"), "hba[rules].undeclared"},
    ),
    Break(
        "a second line of a user name map",
        f"sed -i '1i admins nobody postgres' {CONF}/pg_ident.conf; sleep 1; systemctl reload {UNIT}",
        {file(f"{CONF}/pg_ident.conf", "content"), "ident[rules].undeclared"},
    ),
    Break(
        "hba edited without a reload",
        f"sleep 1; echo '# ' >> {CONF}/pg_hba.conf",
        {file(f"{CONF}/pg_hba.conf", "content"), "hba[rules].loaded"},
    ),
    # packages
    Break("hold taken off", "apt-mark unhold postgresql-15", {"package[postgresql-15].hold"}, together=True),
    Break("a package removed", "dpkg --force-depends -r chrony", {"package[chrony].installed"}),
    # exporter
    Break(
        "wrong password for the exporter",
        f"printf wrong > /etc/prometheus/pgdeploy-exporter-password && systemctl restart {EXPORTER} && sleep 1",
        {"exporter[postgres_exporter].pg_up"},
    ),
    Break(
        "exporter moved",
        f"sed -i s/9187/9188/ /etc/default/{EXPORTER} && systemctl restart {EXPORTER} && sleep 1",
        {file(f"/etc/default/{EXPORTER}", "content"), "socket[9187].addresses", "socket[others].undeclared"},
    ),
    # the network
    Break(
        "a port opened",
        "systemd-run -q --unit leak python3 -m http.server 8099 && sleep 1",
        {"socket[others].undeclared"},
        undo="systemctl stop leak",
    ),
    Break(
        "the firewall let everybody in",
        "nft insert rule inet pgdeploy input tcp dport 5432 accept",
        {"firewall[5432].sources"},
    ),
    Break("the firewall off", "nft delete table inet pgdeploy", {"firewall[table].loaded"}),
    # TLS
    Break(
        "certificate expired",
        f"cd {CONF} && openssl x509 -x509toreq -in pgdeploy.crt -signkey pgdeploy.key -copy_extensions copyall"
        " | openssl x509 -req -signkey pgdeploy.key -days 1 -copy_extensions copyall -out /root/new.crt"
        f" && cat /root/new.crt > pgdeploy.crt && systemctl reload {UNIT} && sleep 1",
        {"tls[certificate].expires"},
    ),
    Break(
        "certificate for another name",
        f"cd {CONF} && openssl req -x509 -key pgdeploy.key -subj /CN=other -days 300 -out /root/new.crt"
        " -addext subjectAltName=DNS:other.example.org"
        f" && cat /root/new.crt > pgdeploy.crt && systemctl reload {UNIT} && sleep 1",
        {"tls[certificate].names"},
    ),
    Break(
        "certificate changed without a reload",
        f"cd {CONF} && openssl req -x509 -key pgdeploy.key -subj /CN=other -days 300 -out /root/new.crt"
        " -addext subjectAltName=DNS:pg01.example.org,IP:127.0.0.1 && cat /root/new.crt > pgdeploy.crt",
        {"tls[certificate].served"},
    ),
    # the system
    Break(
        "the system's locale",
        "echo LANG=C > /etc/default/locale",
        {"locale[en_US.UTF-8].default"},
        together=True,
    ),
    Break(
        "another time zone",
        "ln -sf /usr/share/zoneinfo/Europe/Berlin /etc/localtime",
        {"clock[time_zone].value"},
        together=True,
    ),
    Break(
        "postgres in the docker group",
        "groupadd -f docker && usermod -aG docker postgres",
        {"osuser[postgres].groups"},
        undo="gpasswd -d postgres docker",
    ),
    Break(
        "another spec deployed",
        'sed -i \'s/"spec": "[0-9a-f]*/&0/\' /var/lib/pgdeploy/deployment.json',
        {"deployment[record].spec"},
        together=True,
    ),
    Break("no record", "rm /var/lib/pgdeploy/deployment.json", {"deployment[record].exists"}),
    Break(
        "checksums off",
        f"systemctl stop {UNIT} && runuser -u postgres -- /usr/lib/postgresql/15/bin/pg_checksums --disable"
        f" -D /mnt/data/pg01 && systemctl start {UNIT}",
        {"cluster[15-main].checksums"},
        undo=f"systemctl stop {UNIT} && runuser -u postgres -- /usr/lib/postgresql/15/bin/pg_checksums --enable"
        f" -D /mnt/data/pg01 && systemctl start {UNIT}",
    ),
    # the database
    Break(
        "a right taken away",
        "runuser -u postgres -- psql -c 'REVOKE pg_monitor FROM postgres_exporter'",
        {"membership[postgres_exporter in pg_monitor].granted"},
        together=True,
    ),
]


BATCH = 4


def batches() -> list[tuple[Break, ...]]:
    """Breaks that one deploy puts right."""
    together = [case for case in BREAKS if case.together]
    alone = [(case,) for case in BREAKS if not case.together]
    return [*alone, *(tuple(together[at : at + BATCH]) for at in range(0, len(together), BATCH))]


@pytest.fixture(scope="module", autouse=True)
def green(pg01: Machine) -> Iterator[None]:
    """Before the first, or nothing that follows would mean anything; and after the last, which no other comes after."""
    assert red(pg01) == set()
    yield
    assert red(pg01) == set()


@pytest.mark.parametrize("batch", batches(), ids=lambda batch: " + ".join(case.name for case in batch))
def test_broken_by_hand(batch: tuple[Break, ...], pg01: Machine) -> None:
    """That all is right again, the next one sees: nothing but its own is red there."""
    expected = set[str]()
    try:
        for case in batch:
            pg01.run(case.script)
            expected |= case.red
            assert red(pg01) == expected, case.name
    finally:
        if undo := batch[-1].undo:
            pg01.run(undo)
        else:
            deployed(pg01)
