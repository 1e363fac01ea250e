"""Each thing that the gate asks of a host, broken by hand: its own check turns red, and pg01.py puts it right."""

from __future__ import annotations

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
    ),
    Break("postgresql masked", f"systemctl mask -q {UNIT}", {f"service[{UNIT}].enabled"}),
    Break("exporter stopped", f"systemctl stop {EXPORTER}", {f"service[{EXPORTER}].active"}),
    Break("exporter masked", f"systemctl mask -q {EXPORTER}", {f"service[{EXPORTER}].enabled"}),
    Break("clock source off", "systemctl stop chrony", {"service[chrony].active"}),
    Break("clock source not at boot", "systemctl disable -q chrony", {"service[chrony].enabled"}),
    Break("firewall not at boot", "systemctl disable -q nftables", {"service[nftables].enabled"}),
    # files
    Break("data directory for all", "chmod 0755 /mnt/data/pg01", {file("/mnt/data/pg01", "mode")}),
    Break("hba for all", f"chmod 0644 {CONF}/pg_hba.conf", {file(f"{CONF}/pg_hba.conf", "mode"), *LOADED}),
    Break("hba of root", f"chown root {CONF}/pg_hba.conf", {file(f"{CONF}/pg_hba.conf", "owner"), *LOADED}),
    Break("key for all", f"chmod 0644 {CONF}/pgdeploy.key", {file(f"{CONF}/pgdeploy.key", "mode")}),
    Break(
        "exporter's password for all",
        "chmod 0644 /etc/prometheus/pgdeploy-exporter-password",
        {file("/etc/prometheus/pgdeploy-exporter-password", "mode")},
    ),
    Break(
        "old logs kept", "rm /etc/tmpfiles.d/pgdeploy.conf", {file("/etc/tmpfiles.d/pgdeploy.conf", "exists")}
    ),
    Break(
        "newer majors let in",
        "echo > /etc/apt/preferences.d/pgdeploy.pref",
        {file("/etc/apt/preferences.d/pgdeploy.pref", "content")},
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
    Break("hold taken off", "apt-mark unhold postgresql-15", {"package[postgresql-15].hold"}),
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
    Break("the system's locale", "echo LANG=C > /etc/default/locale", {"locale[en_US.UTF-8].default"}),
    Break(
        "another time zone",
        "ln -sf /usr/share/zoneinfo/Europe/Berlin /etc/localtime",
        {"clock[time_zone].value"},
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
    ),
]


@pytest.fixture(scope="module", autouse=True)
def green(pg01: Machine) -> None:
    """Or nothing that follows would mean anything."""
    assert red(pg01) == set()


@pytest.mark.parametrize("case", BREAKS, ids=lambda case: case.name)
def test_broken_by_hand(case: Break, pg01: Machine) -> None:
    pg01.run(case.script)
    try:
        assert red(pg01) == case.red
    finally:
        if case.undo:
            pg01.run(case.undo)
        else:
            deployed(pg01)
    assert red(pg01) == set()
