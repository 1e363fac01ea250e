"""Each way to be root, each folder on the way, and each truth after the next restart: broken by hand, seen, mended."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.host.breaking import red
from tests.host.machine import Machine, deployed
from tests.host.test_break import CONF, UNIT, Break, file

pytestmark = [pytest.mark.docker, pytest.mark.long]

ROOT, EVERYBODY = {"osuser[postgres].root"}, {"osuser[postgres].root", "osuser[prometheus].root"}
SUDOERS = "/etc/sudoers.d/zz"


def sudoers(name: str, line: str, red: set[str] = ROOT) -> Break:
    return Break(name, f"echo '{line}' > {SUDOERS} && chmod 440 {SUDOERS}", red, undo=f"rm {SUDOERS}")


def left(name: str, script: str, undo: str, red: set[str] = ROOT) -> Break:
    """What pg01.py leaves to a person."""
    return Break(name, script, red, undo)


def unit(line: str) -> str:
    return f"printf '[Service]\\n{line}\\n' > /etc/systemd/system/x.service && systemctl daemon-reload"


NO_UNIT = "rm -f /etc/systemd/system/x.service; systemctl daemon-reload; rm -f /var/lib/postgresql/x.sh"
SCRIPT = "install -o postgres -m 755 /dev/null /var/lib/postgresql/x.sh"
KEY = "ssh-keygen -q -t ed25519 -N '' -f /root/x"

BREAKS = [
    # root by sudo
    sudoers("sudo by name", "postgres ALL=(ALL) NOPASSWD: ALL"),
    sudoers(
        "sudo by number",
        "#'$(id -u postgres)' ALL=(root) NOPASSWD: /bin/sh",
    ),
    sudoers("sudo by an alias", "User_Alias DBA = postgres, app\nDBA ALL = NOPASSWD: /usr/bin/vim"),
    sudoers("sudo by a group", "%postgres ALL=(ALL:ALL) ALL"),
    sudoers("sudo for everybody", "ALL ALL=(ALL) NOPASSWD: /usr/bin/less /var/log/syslog", EVERYBODY),
    sudoers("sudo with a program of its own", "postgres ALL=NOPASSWD: /var/lib/postgresql/backup.sh"),
    left(
        "a file that sudo includes from elsewhere",
        "echo 'postgres ALL=(ALL) ALL' > /opt/rules && chmod 440 /opt/rules"
        f" && echo '@include /opt/rules' > {SUDOERS} && chmod 440 {SUDOERS}",
        f"rm {SUDOERS} /opt/rules",
    ),
    # root by a group or a number
    left(
        "another root",
        "echo 'toor:x:0:0::/root:/bin/sh' >> /etc/passwd",
        "sed -i /^toor:/d /etc/passwd",
        EVERYBODY,
    ),
    left("root without a password", "passwd -qd root", "passwd -ql root; usermod -p '*' root", EVERYBODY),
    left(
        "the engine's socket is another group's",
        "groupadd containers && usermod -aG containers postgres && python3 -c"
        " 'import socket; socket.socket(socket.AF_UNIX).bind(\"/run/docker.sock\")'"
        " && chgrp containers /run/docker.sock && chmod 660 /run/docker.sock",
        "rm /run/docker.sock; gpasswd -d postgres containers; groupdel containers",
    ),
    # keys
    left(
        "somebody's key for postgres",
        f"{KEY} && install -d -o postgres -m 700 /var/lib/postgresql/.ssh"
        " && cp /root/x.pub /var/lib/postgresql/.ssh/authorized_keys",
        "rm -r /root/x /root/x.pub /var/lib/postgresql/.ssh",
        {"osuser[postgres].keys"},
    ),
    left(
        "a key of postgres for root",
        f"{KEY} && install -d -o postgres -m 700 /var/lib/postgresql/.ssh"
        " && cp /root/x /var/lib/postgresql/.ssh/id_ed25519 && cp /root/.ssh/authorized_keys /root/keys"
        " && cat /root/x.pub >> /root/.ssh/authorized_keys",
        "mv /root/keys /root/.ssh/authorized_keys; rm -r /root/x /root/x.pub /var/lib/postgresql/.ssh",
    ),
    left(
        "a key in another file of sshd's",
        f"{KEY} && echo 'AuthorizedKeysFile .ssh/authorized_keys /etc/ssh/keys/%u' > /etc/ssh/sshd_config.d/x.conf"
        " && mkdir /etc/ssh/keys && cp /root/x.pub /etc/ssh/keys/postgres",
        "rm -r /root/x /root/x.pub /etc/ssh/sshd_config.d/x.conf /etc/ssh/keys",
        {"osuser[postgres].keys"},
    ),
    # programs with root's rights
    left(
        "a setuid shell",
        "install -m 4755 /bin/dash /var/lib/postgresql/x",
        "rm /var/lib/postgresql/x",
        EVERYBODY,
    ),
    left("a setuid shell in /tmp", "install -m 4755 /bin/dash /tmp/.x", "rm /tmp/.x", EVERYBODY),
    left("a setuid find", "chmod u+s /usr/bin/find", "chmod u-s /usr/bin/find", EVERYBODY),
    left(
        "a capability",
        "install -m 755 /usr/bin/python3 /usr/local/bin/py && python3 -c 'import os, struct;"
        ' os.setxattr("/usr/local/bin/py", "security.capability", struct.pack("<IIIII", 0x2000001, 1 << 7, 0, 0, 0))\'',
        "rm /usr/local/bin/py",
        EVERYBODY,
    ),
    # what root runs
    left(
        "root's cron runs a file of postgres",
        f"{SCRIPT} && echo '5 4 * * * root /var/lib/postgresql/x.sh' > /etc/cron.d/x",
        "rm /etc/cron.d/x /var/lib/postgresql/x.sh",
    ),
    left(
        "root's own crontab, through a shell",
        f"{SCRIPT} && mkdir -p /var/spool/cron/crontabs"
        " && echo '@daily cd / && /bin/sh /var/lib/postgresql/x.sh >/dev/null' > /var/spool/cron/crontabs/root",
        "rm /var/spool/cron/crontabs/root /var/lib/postgresql/x.sh",
    ),
    left(
        "a unit runs a file of postgres", f"{SCRIPT} && {unit('ExecStart=/var/lib/postgresql/x.sh')}", NO_UNIT
    ),
    left(
        "a unit of another user has root start it",
        f"{SCRIPT} && {unit('User=postgres' + chr(92) + 'nExecStartPre=+/var/lib/postgresql/x.sh')}",
        NO_UNIT,
    ),
    left(
        "a unit that postgres can write",
        unit("ExecStart=/bin/true") + " && chown postgres /etc/systemd/system/x.service",
        NO_UNIT,
    ),
    left(
        "a unit that is a link to a file of postgres",
        f"{SCRIPT} && ln -s /var/lib/postgresql/x.sh /etc/systemd/system/x.service",
        NO_UNIT,
    ),
    left("a program that all can write", "chmod 777 /usr/bin/gzip", "chmod 755 /usr/bin/gzip", EVERYBODY),
    left(
        "/usr/local/sbin for the group",
        "chown :postgres /usr/local/sbin && chmod g+w /usr/local/sbin",
        "chown :root /usr/local/sbin; chmod g-w /usr/local/sbin",
    ),
    left("passwords for the group", "chgrp postgres /etc/shadow", "chgrp shadow /etc/shadow"),
    left(
        "polkit",
        "mkdir -p /etc/polkit-1/rules.d && echo 'polkit.addRule(function(action, subject)"
        ' { if (subject.user == "postgres") return polkit.Result.YES; });\' > /etc/polkit-1/rules.d/x.rules',
        "rm -r /etc/polkit-1",
    ),
    # folders on the way
    Break("the configuration's folder", f"chmod 777 {CONF}", {file(CONF, "writers")}),
    Break("the folder of settings", f"chmod o+w {CONF}/conf.d", {file(f"{CONF}/conf.d", "writers")}),
    Break("above the configuration", "chmod 777 /etc/postgresql", {file("/etc/postgresql", "writers")}),
    left(
        "another user's configuration folder",
        f"useradd eve; chown eve {CONF}/conf.d",
        f"chown postgres {CONF}/conf.d; userdel eve",
        {file(f"{CONF}/conf.d", "writers")},
    ),
    Break(
        "drop-ins for everybody",
        f"chmod 777 /etc/systemd/system/{UNIT}.service.d",
        {file(f"/etc/systemd/system/{UNIT}.service.d", "writers"), *EVERYBODY},
    ),
    left("above the data", "chmod 777 /mnt/data", "chmod 755 /mnt/data", {file("/mnt/data", "writers")}),
    left(
        "above the data, another user's",
        "chown nobody /mnt/data",
        "chown root /mnt/data",
        {file("/mnt/data", "writers")},
    ),
    left("above that", "chmod o+w /mnt", "chmod o-w /mnt", {file("/mnt", "writers")}),
    # after the next restart
    Break(
        "a key that does not fit",
        f"openssl genpkey -algorithm ed25519 -out /root/k && cat /root/k > {CONF}/pgdeploy.key",
        {"tls[certificate].key"},
    ),
    Break(
        "old TLS",
        "echo \"ALTER SYSTEM SET ssl_min_protocol_version TO 'TLSv1'; SELECT pg_reload_conf();\""
        " | runuser -u postgres psql && sleep 1",
        {"setting[ssl_min_protocol_version].value"},
    ),
    Break(
        "old TLS after the next reload",
        "echo \"ALTER SYSTEM SET ssl_min_protocol_version TO 'TLSv1.1'\" | runuser -u postgres psql",
        {"setting[ssl_min_protocol_version].value"},
    ),
    Break(
        "another key after the next reload",
        "echo \"ALTER SYSTEM SET ssl_key_file TO '/root/other.key'\" | runuser -u postgres psql",
        {"tls[settings].ssl_key_file"},
    ),
]

DAILY = {
    "a restart": f"systemctl restart {UNIT} && sleep 1",
    "a reload": f"systemctl reload {UNIT} && sleep 1",
    "the same value, spelled otherwise": "echo \"ALTER SYSTEM SET ssl_min_protocol_version TO 'tlsv1.2';"
    ' SELECT pg_reload_conf();" | runuser -u postgres psql && sleep 1',
    "sudo for a restart": f"echo 'postgres ALL=NOPASSWD: /bin/systemctl restart {UNIT}' > {SUDOERS}",
    "sudo as another user": f"echo 'postgres ALL=(nobody) NOPASSWD: ALL' > {SUDOERS}",
    "sudo for somebody else": f"id eve || useradd eve; echo 'eve ALL=(ALL) NOPASSWD: ALL' > {SUDOERS}",
    "a backup by cron": f"rm -f {SUDOERS}; {SCRIPT};"
    " echo '1 1 * * * postgres /var/lib/postgresql/x.sh' > /etc/cron.d/x;"
    " echo '1 2 * * * root su - postgres -c /var/lib/postgresql/x.sh' >> /etc/cron.d/x;"
    " echo '1 3 * * * root runuser -u postgres -- pg_dumpall -f /dev/null' >> /etc/cron.d/x",
    "a backup by a unit": unit("User=postgres" + chr(92) + "nExecStart=/var/lib/postgresql/x.sh"),
    "a backup's key, bound to its program": "install -d -o postgres -m 700 /var/lib/postgresql/.ssh; echo"
    f" 'restrict,command=\"pgbackrest\" ssh-ed25519 {'A' * 68}'"
    " > /var/lib/postgresql/.ssh/authorized_keys",
    "a backup's key, bound to its host": f"echo 'from=\"10.0.0.5\" ssh-ed25519 {'B' * 68}'"
    " >> /var/lib/postgresql/.ssh/authorized_keys",
    "a key of postgres for elsewhere": "runuser -u postgres --"
    " ssh-keygen -q -t ed25519 -N '' -f /var/lib/postgresql/.ssh/id",
    "a backup": "runuser -u postgres -- pg_dumpall -f /var/lib/postgresql/all.sql",
    "logrotate": "test ! -x /usr/sbin/logrotate || logrotate -f /etc/logrotate.conf",
    "apt-get update": "apt-get update -qq || true",
    "a login": "su - postgres -c 'psql -c \"SELECT 1\"'",
    "a listener for the host alone": "systemd-run -q --unit mine"
    " python3 -m http.server -b 127.0.0.1 8098 && sleep 1",
    "a sticky folder for all": "mkdir -m 1777 -p /srv/all && install -d -m 1777 /etc/postgresql/15/drop",
    "a renewed certificate": f"cd {CONF} && openssl req -x509 -key pgdeploy.key -subj /CN=x -days 300"
    " -out /root/new.crt -addext subjectAltName=DNS:pg01.example.org,IP:127.0.0.1"
    f" && cat /root/new.crt > pgdeploy.crt && systemctl reload {UNIT} && sleep 1",
}


@pytest.fixture(scope="module", autouse=True)
def green(pg01: Machine) -> Iterator[None]:
    """Before the first, or nothing that follows would mean anything; and after the last, which no other comes after."""
    assert red(pg01) == set()
    yield
    assert red(pg01) == set()


@pytest.mark.parametrize("case", BREAKS, ids=lambda case: case.name)
def test_broken_by_hand(case: Break, pg01: Machine) -> None:
    """That all is right again, the next one sees: nothing but its own is red there."""
    try:
        pg01.run(case.script)
        assert red(pg01) == case.red
    finally:
        if case.undo:
            pg01.run(case.undo)
        else:
            deployed(pg01)


def test_what_people_do_every_day_stays_green(pg01: Machine) -> None:
    """One after the other, and all of it is there at the end."""
    for name, script in DAILY.items():
        pg01.run(script)
        actual = red(pg01)
        assert actual == set(), name
