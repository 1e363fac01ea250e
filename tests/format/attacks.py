"""Specs that want more from a file, a command or an API than their words say, and honest ones that look like them."""

from __future__ import annotations

from json import dumps
from typing import NamedTuple

_HEAD = """\
postgres: 16
connect: {ssh: {host: h}}
"""
_ROLES = """\
roles:
  postgres: {superuser: true, login: true}
  postgres_exporter: {login: true, password: {env: X}, member_of: [pg_monitor]}
"""

_VM = """\
vm:
  proxmox: {host: pve, user: pgdeploy@pve, token: gate, secret: {env: X}}
  id: 2002
  name: prod-pg01
  node: pve1
  template: 9000
  cores: 4
  memory: 48GB
  disks:
    scsi0: {storage: local-zfs, size: 32GB}
    scsi1: {storage: local-zfs, size: 250GB, mount: MOUNT}
  network: {bridge: vmbr0, address: 'ADDRESS', gateway: GATEWAY}
  cloud_init: {ssh_keys: [KEY]}
"""
_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"


def spec(*lines: str) -> str:
    """A spec of a host with this in it."""
    return f"{_HEAD}{_ROLES}" + "\n".join([*lines, ""])


def with_role(role: str, exporter: str) -> str:
    """The same, with a role for the exporter."""
    return (
        f"{_HEAD}{_ROLES}  {role}: {{login: true, password: {{env: X}}, member_of: [pg_monitor]}}\n"
        f"host: {{exporter: {{role: {role}, {exporter}}}}}\n"
    )


def rule(words: str) -> str:
    """The same, with a rule of pg_hba.conf."""
    return spec("hba:", f" - {{{words}}}", "host: {}")


def vm(
    mount: str = "/mnt/data", address: str = "10.0.0.2/24", gateway: str = "10.0.0.1", key: str = _KEY
) -> str:
    """A spec of a VM, without a host's name."""
    text = _VM.replace("MOUNT", dumps(mount)).replace("ADDRESS", address).replace("GATEWAY", gateway)
    settings = f"settings: {{data_directory: {dumps(mount + '/x')}}}\n"
    return f"postgres: 16\n{_ROLES}{settings}host: {{}}\n{text.replace('KEY', key)}"


class Attack(NamedTuple):
    """`line` is what must be in no file; without one, the spec must be refused, as it reaches a command or an API."""

    name: str
    text: str
    line: str | None = None


_MIRROR = "host: {packages: {source: {uri: URI, suite: SUITE, components: [COMPONENT], key: k}}}"


def mirror(uri: str = "https://m/", suite: str = "s", component: str = "main") -> str:
    text = _MIRROR.replace("URI", uri).replace("SUITE", suite).replace("COMPONENT", component)
    return spec(text)


PEER = "type: local, database: all, user: all, method: peer, "

ATTACKS = (
    Attack("apt: a field, by a component", mirror(component=r'"main\nTrusted: yes"'), r"(?m)^Trusted:"),
    Attack("apt: a component more, by a blank", mirror(component='"main evil"'), r"(?m)^Components: main evil$"),
    Attack("apt: a field, by a suite", mirror(suite=r'"s\x01\u2028Trusted: yes"'), r"Trusted:"),
    Attack("systemd: a command of root, by a role",
           with_role(r'"x\nExecStartPre=+/bin/true"', "login: peer"), r"(?m)^ExecStartPre"),
    Attack("systemd: another user, by a specifier in a role", with_role('"%i"', "login: peer"), r"(?m)^User=%i$"),
    Attack("tmpfiles: a file of cron, by log_directory",
           spec(r'settings: {log_directory: "/x - - - -\nf+ /etc/cron.d/x 0644 root root - * * * * * root id"}',
                "host: {keep_logs: 14d}"), r"(?m)^f\+ "),
    Attack("tmpfiles: another folder, by a blank",
           spec('settings: {log_directory: "/var/log/a b"}', "host: {keep_logs: 14d}"), r"(?m)^e /var/log/a b "),
    Attack("tmpfiles: all of /home, by a pattern",
           spec('settings: {log_directory: "/home/*"}', "host: {keep_logs: 14d}"), r"(?m)^e /home/\* "),
    Attack("tmpfiles: the server's data, by an empty folder",
           spec('settings: {log_directory: ""}', "host: {keep_logs: 14d}"), r"(?m)^e /var/lib/postgresql/16/main/? "),
    Attack("environment: LD_PRELOAD, by the socket's folder",
           spec(r'settings: {unix_socket_directories: "/run\"\nLD_PRELOAD=/x\n#"}', "host: {exporter: {}}"),
           r"(?m)^LD_PRELOAD"),
    Attack("environment: LD_PRELOAD, by a role with a password",
           with_role(r'"x\"\nLD_PRELOAD=/x\n#"', "login: password"), r"(?m)^LD_PRELOAD"),
    Attack("environment: an option of the exporter, by the zone of an address",
           spec('host: {exporter: {listen: "[fe80::1%a --web.config.file=x]:9187"}}'), r"--web\.config\.file"),
    Attack("data source: another server, by a blank in the socket's folder",
           spec('settings: {unix_socket_directories: "/run/x host=evil"}', "host: {exporter: {}}"), r"host=evil"),
    Attack("sysctl: another setting, by a value",
           spec(r'host: {kernel: {sysctl: {vm.swappiness: "1\nkernel.core_pattern = |/x"}}}'),
           r"(?m)^kernel\.core_pattern"),
    Attack("sysctl: a file elsewhere, by slashes", spec("host: {kernel: {sysctl: {kernel.//.//.//.tmp.x: 1}}}"),
           r"(?m)^kernel\.//"),
    Attack("pg_ident.conf: another line, by a role",
           spec("ident:", r' - {map: m, system: a, role: "b\"\nm mallory postgres #"}', "host: {}"), r"(?m)^m mallory"),
    Attack("pg_ident.conf: another role, by a quote",
           spec("ident:", """ - {map: m, system: 'a" postgres #', role: b}""", "host: {}"), r'(?m)^"m" "a" postgres'),
    Attack("pg_hba.conf: trust, by an option's value",
           rule(PEER + r'options: {map: "x\"\nhost all all all trust #"}'),
           r"(?m)^host all all all trust"),
    Attack("pg_hba.conf: trust, by an option's name",
           rule(PEER + r'options: {"m=x\nhost all all all trust #": "y"}'),
           r"(?m)^host all all all trust"),
    Attack("pg_hba.conf: another option, by a quote",
           rule("type: host, database: all, user: all, address: all, method: radius, "
                """options: {radiusservers: 'a" radiussecrets="x'}"""), r'radiusservers="a" radiussecrets="x"'),
    Attack("pg_hba.conf: trust, by the zone of an address",
           rule(r'type: host, database: all, user: all, address: "fe80::%\nhost all all all trust #", method: md5'),
           r"(?m)^host all all all trust"),
    Attack("pg_hba.conf: trust, by a tab in a host's name",
           rule(r'type: host, database: all, user: all, address: "all\ttrust", method: md5'), r"all\ttrust"),
    Attack("pg_hba.conf: a file's names, by an address", rule(
        'type: host, database: all, user: all, address: "@names", method: md5'), r"(?m) @names"),
    Attack("conf.d: fsync, by a setting's name",
           spec(r'settings: {"plpgsql.x\nfsync = off #": "1"}', "host: {}"), r"(?m)^fsync = off"),
    Attack("conf.d: a file that no server reads, by a setting's name",
           spec("settings: {plpgsql.a.b: 1}", "host: {}"), r"(?m)^plpgsql\.a\.b"),
    Attack("nftables: everybody, by the zone of a network",
           spec(r'host: {firewall: {ssh: ["fe80::%x/128", "fe80::%} accept; #"]}}'), r"accept; #"),
    Attack("unit: another mount, by a quote", vm(mount='/mnt/a"x'), r'(?m)^RequiresMountsFor=/mnt/a"x$'),
    Attack("compose: another key, by the folder",
           with_role("app", r'run: compose, login: password, image: "i:1", folder: "/x\ny"')),
    Attack("apt-get: a command of root, by packages.extra",
           spec('host: {packages: {extra: ["-oDPkg::Pre-Invoke::=touch /x"]}}')),
    Attack("apt-get: PostgreSQL goes, by packages.extra", spec("host: {packages: {extra: [postgresql-16-]}}")),
    Attack("useradd: a command, by a role", with_role('"x; touch /x #"', "login: peer")),
    Attack("useradd: root for an exporter", with_role("root", "login: peer")),
    Attack("openssl: a CA, by a name of the certificate",
           spec(r'host: {tls: {self_signed: true, names: ["a\nbasicConstraints=CA:TRUE"]}}')),
    Attack("openssl: more names, by a comma", spec('host: {tls: {self_signed: true, names: ["a,DNS:b"]}}')),
    Attack("pg_createcluster: a path that Debian writes otherwise",
           spec(r'''settings: {data_directory: "/mnt/a\\' #"}''', "host: {}")),
    Attack("pg_createcluster: an option, by the locale", spec("host: {cluster: {locale: --pwfile}}")),
    Attack("ssh: a command of the user's own ProxyCommand",
           spec("host: {}").replace("host: h", "host: '$(touch${IFS}x)'")),
    Attack("Proxmox: another option, by the zone of the gateway",
           vm(address="fe80::2/64", gateway="'fe80::1%x,ip=dhcp'")),
    Attack("cloud-init: another key, by a line break of Unicode", vm(key=rf'"{_KEY}\u2028{_KEY}"')),
)  # fmt: skip


class Honest(NamedTuple):
    """`line` is in one of the files, exactly so."""

    name: str
    text: str
    line: str


_SWAP = "host: {kernel: {sysctl: "

HONEST = (
    Honest("a blank in log_directory", spec('settings: {log_directory: "/var/log/a b"}', "host: {keep_logs: 1d}"),
           'e "/var/log/a b" - - - 86400s'),
    Honest("per cent and quotes in log_directory",
           spec("""settings: {log_directory: '/var/log/50%"x'}""", "host: {keep_logs: 1d}"),
           r'e "/var/log/50%%\"x" - - - 86400s'),
    Honest("logs beside the data directory", spec('settings: {log_directory: "../log"}', "host: {keep_logs: 1d}"),
           "e /var/lib/postgresql/16/log - - - 86400s"),
    Honest("names with quotes, blanks, commas and # in a rule",
           rule("""type: local, database: ['a "b"', 'c,d#', '@e', sameuser], user: ['+f g', 'all x'], method: peer"""),
           '''local "a ""b""","c,d#","@e",sameuser +"f g","all x" peer'''),
    Honest("quotes and blanks in an option",
           rule(PEER + """options: {map: 'a "b" # c'}"""),
           '''local all all peer map="a ""b"" # c"'''),
    Honest("line breaks of Unicode in a name, which are none to PostgreSQL",
           rule(r'type: local, database: "a\u2028b", user: all, method: peer'), 'local "a\u2028b" all peer'),
    Honest("a host's name, and one with its subdomains",
           rule("type: host, database: all, user: all, address: .db_1.example.org, method: md5"),
           "host all all .db_1.example.org md5"),
    Honest("a line break in a setting", spec(r"""settings: {log_line_prefix: "a\nb\\c''d"}""", "host: {}"),
           r"log_line_prefix = 'a\nb\\c''''d'"),
    Honest("several words for the kernel", spec(_SWAP + "{net.ipv4.ip_local_port_range: '1024 60999'}}}"),
           "net.ipv4.ip_local_port_range = 1024 60999"),
    Honest("a network card with a dot", spec(_SWAP + "{net.ipv4.conf.eth0/1.forwarding: 1}}}"),
           "net.ipv4.conf.eth0/1.forwarding = 1"),
    Honest("marks in a value for the kernel", spec(_SWAP + "{kernel.core_pattern: '|/bin/x %p # ;'}}}"),
           "kernel.core_pattern = |/bin/x %p # ;"),
    Honest("a role that no OS user is called, with a password",
           with_role("'Ünï \"x\" $y'", "login: password"), r'DATA_SOURCE_USER="Ünï \"x\" \$y"'),
    Honest("the same in a container",
           with_role("'😀 \"x\" $y'", "run: compose, login: password, image: 'i:1'"),
           r'        "DATA_SOURCE_USER": "😀 \"x\" $$y",'),
    Honest("an address of a link", spec("host: {exporter: {listen: '[fe80::1%eth0]:9187'}}"),
           'ARGS="--web.listen-address=[fe80::1%eth0]:9187"'),
    Honest("a dot and capitals in an OS user", with_role("Metrics.Agent_2", "login: peer"), "User=Metrics.Agent_2"),
    Honest("marks in a mount point", vm(mount='/mnt/a"50%'), r'RequiresMountsFor="/mnt/a\"50%%"'),
    Honest("an address of version 6 in a source",
           mirror(uri="'http://[fd00::1]:8080/a~b/%20c'", suite="a/b+c~1", component="main/x"),
           "URIs: http://[fd00::1]:8080/a~b/%20c"),
)  # fmt: skip
