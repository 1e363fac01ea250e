"""Each line of the vm section by itself: what is refused, in which words and at which place, and its mended twin."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from tests.vm.conftest import Offline

DNS = "a DNS name of letters, digits and hyphens, such as proj-pg01"
LABEL = "a node's name, such as node04"
DISK = "scsi0 to scsi30, virtio0 to virtio15 or sata0 to sata5"
HOST = "a name or an address; the port stands in `port:`"
MOUNT = "an absolute path without blanks, such as /mnt/data, and not / itself"
USER = "a user and its realm, such as pgdeploy@pve"
STORAGE = "a storage's name, such as local-zfs"
TAG = "lower case letters, digits and _ + . -"
SECRET = "12345678-aaaa-bbbb-cccc-1234567890ab"
HIDDEN = "is not allowed here (what was read is not shown: it may be a secret)"
REFERENCES = "{env: NAME}, {file: PATH} or {command: [...]}"
CIDR = "allowed: an IP address and its prefix, such as 10.25.20.8/24"
UNITS = "allowed: a number and one of TB, GB, MB, kB, B"
NETWORK_KEYS = "allowed: address, bridge, dns, gateway, model, search, vlan"


class Case(NamedTuple):
    """`old` of the spec becomes `broken`, of which `says` is all that is said; `mended` is like it, and loads."""

    old: str
    broken: str
    says: tuple[str, ...]
    mended: str


def case(old: str, broken: str, mended: str, *says: str) -> object:
    return pytest.param(Case(old, broken, says, mended), id=broken.replace("\n", " ").strip()[:60])


def more(section: str, broken: str, mended: str, *says: str) -> object:
    """The same of a key that the spec does not have, before one that it has."""
    pad = " " * (len(section) - len(section.lstrip()))
    return case(section, f"{pad}{broken}\n{section}", f"{pad}{mended}\n{section}", *says)


PROXMOX, DISKS, NETWORK, KEYS = "    user: pgdeploy@pve", "  disks:", "    bridge: vmbr0", "    ssh_keys: ["

CASES = [
    # -- which VM --------------------------------------------------------------------------------------
    case("id: 2002", "id: 99", "id: 100", "8:7: vm.id: read 99; allowed: at least 100"),
    case(
        "id: 2002",
        "id: 1000000000",
        "id: 999999999",
        "8:7: vm.id: read 1000000000; allowed: at most 999999999",
    ),
    case("id: 2002", "id: '2002'", "id: 2003", '8:7: vm.id: read "2002"; allowed: a whole number'),
    case("id: 2002", "id: true", "id: 101", "8:7: vm.id: read true; allowed: a whole number"),
    case(
        "template: 9000",
        "template: 50",
        "template: 500",
        "11:13: vm.template: read 50; allowed: at least 100",
    ),
    case(
        "name: proj-pg01",
        "name: proj_pg01",
        "name: proj-pg01.example.org",
        f'9:9: vm.name: read "proj_pg01"; allowed: {DNS}',
    ),
    case("name: proj-pg01", "name: -pg01", "name: p", f'9:9: vm.name: read "-pg01"; allowed: {DNS}'),
    case(
        "name: proj-pg01",
        f"name: {'a' * 64}",
        f"name: {'a' * 63}",
        f'9:9: vm.name: read "{"a" * 57}..."; allowed: {DNS}',
    ),
    case(
        "name: proj-pg01",
        'name: "pg01\\n"',
        'name: "pg01"',
        f'9:9: vm.name: read "pg01\\n"; allowed: {DNS}',
    ),
    case(
        "node: node04",
        "node: node04.example.org",
        "node: NODE-4",
        f'10:9: vm.node: read "node04.example.org"; allowed: {LABEL}',
    ),
    more(DISKS, "tags: [Prod]", "tags: [prod, db_1]", f'15:10: vm.tags[0]: read "Prod"; allowed: {TAG}'),
    more(DISKS, "tags: ['a;b']", "tags: [a, b]", f'15:10: vm.tags[0]: read "a;b"; allowed: {TAG}'),
    # -- what it has -----------------------------------------------------------------------------------
    case("sockets: 2", "sockets: 0", "sockets: 1", "12:12: vm.sockets: read 0; allowed: at least 1"),
    case("sockets: 2", "sockets: 33", "sockets: 32", "12:12: vm.sockets: read 33; allowed: at most 32"),
    case("cores: 4", "cores: 0", "cores: 1", "13:10: vm.cores: read 0; allowed: at least 1"),
    case("cores: 4", "cores: 4.5", "cores: 5", "13:10: vm.cores: read 4.5; allowed: a whole number"),
    more(
        DISKS,
        "cpu: 'host,flags=+aes'",
        "cpu: x86-64-v2-AES",
        '15:8: vm.cpu: read "host,flags=+aes"; allowed: a CPU type, such as host',
    ),
    case(
        "memory: 48GB", "memory: 48", "memory: 49152MB", "14:11: vm.memory: read 48; allowed: text (quote it)"
    ),
    case("memory: 48GB", "memory: 48GiB", "memory: 48 GB", f'14:11: vm.memory: read "48GiB"; {UNITS}'),
    case(
        "memory: 48GB",
        "memory: 512kB",
        "memory: 262144kB",
        '14:11: vm.memory: read "512kB"; allowed: a whole number of MB, at least 1',
    ),
    case(
        "memory: 48GB",
        "memory: 1.3GB",
        "memory: 1.5GB",
        '14:11: vm.memory: read "1.3GB"; allowed: a whole number of MB, at least 1',
    ),
    case(
        "memory: 48GB",
        "memory: 0GB",
        "memory: 1TB",
        '14:11: vm.memory: read "0GB"; allowed: a whole number of MB, at least 1',
    ),
    more(DISKS, "balloon: lots", "balloon: 8GB", f'15:12: vm.balloon: read "lots"; {UNITS}'),
    more(
        DISKS,
        "balloon: true",
        "balloon: false",
        "15:12: vm.balloon: read true; allowed: text, or False (quote it)",
    ),
    more(
        DISKS,
        "protection: yes please",
        "protection: true",
        '15:15: vm.protection: read "yes please"; allowed: true or false',
    ),
    more(DISKS, "onboot: 1", "onboot: false", "15:11: vm.onboot: read 1; allowed: true or false"),
    more(DISKS, "agent: maybe", "agent: false", '15:10: vm.agent: read "maybe"; allowed: true or false'),
    more(DISKS, "within: 0s", "within: 1s", '15:11: vm.within: read "0s"; allowed: at least 1s'),
    more(
        DISKS,
        "within: soon",
        "within: 1.5min",
        '15:11: vm.within: read "soon"; allowed: a number and one of d, h, min, s, ms, us',
    ),
    # -- disks -----------------------------------------------------------------------------------------
    case(
        "    scsi0:",
        "    scsi31:",
        "    scsi30:",
        f'16:5: vm.disks.scsi31: read "scsi31"; allowed: {DISK}',
    ),
    case("    scsi0:", "    ide0:", "    sata5:", f'16:5: vm.disks.ide0: read "ide0"; allowed: {DISK}'),
    case(
        "    scsi0:",
        "    virtio16:",
        "    virtio15:",
        f'16:5: vm.disks.virtio16: read "virtio16"; allowed: {DISK}',
    ),
    case(
        "size: 32GB",
        "size: 32",
        "size: 32 GB",
        "16:39: vm.disks.scsi0.size: read 32; allowed: text (quote it)",
    ),
    case(
        "size: 32GB",
        "size: 3584MB",
        "size: 4096MB",
        '16:39: vm.disks.scsi0.size: read "3584MB"; allowed: a whole number of GB, at least 1',
    ),
    case(
        "storage: local-zfs, size: 32GB",
        "storage: 'local zfs', size: 32GB",
        "storage: local_zfs.2, size: 32GB",
        f'16:22: vm.disks.scsi0.storage: read "local zfs"; allowed: {STORAGE}',
    ),
    case(
        "storage: local-zfs, size: 32GB",
        "size: 32GB",
        "size: 32GB, storage: local-lvm",
        "16:5: vm.disks.scsi0.storage: this key is required and missing",
    ),
    case(
        "size: 32GB",
        "size: 32GB, format: qcow",
        "size: 32GB, format: raw",
        "16:53: vm.disks.scsi0.format: read \"qcow\"; allowed: 'raw', 'qcow2' or 'vmdk'; did you mean qcow2?",
    ),
    case(
        "size: 250GB",
        "size: 250GB, mount: /",
        "size: 250GB, mount: /d",
        f'17:53: vm.disks.scsi1.mount: read "/"; allowed: {MOUNT}',
    ),
    case(
        "size: 250GB",
        "size: 250GB, mount: data",
        "size: 250GB, mount: /data",
        f'17:53: vm.disks.scsi1.mount: read "data"; allowed: {MOUNT}',
    ),
    case(
        "size: 250GB",
        "size: 250GB, mount: /data/",
        "size: 250GB, mount: /srv/data",
        f'17:53: vm.disks.scsi1.mount: read "/data/"; allowed: {MOUNT}',
    ),
    more(
        "  network:",
        "storages: {local-zfs: zfs-pool}",
        "storages: {local-zfs: zfspool}",
        '18:25: vm.storages.local-zfs: read "zfs-pool"; allowed: '
        "'zfspool', 'lvm', 'lvmthin', 'dir', 'nfs', 'cifs', 'cephfs', 'btrfs', 'rbd', 'iscsi' or 'zfs'; "
        "did you mean zfspool?",
    ),
    more(
        "  network:",
        "boot: []",
        "boot: [scsi0]",
        "18:3: vm.boot: read an empty list; Tuple should have at least 1 item after validation, not 0",
    ),
    # -- network ---------------------------------------------------------------------------------------
    case(
        "bridge: vmbr0",
        "bridge: 'vmbr0,firewall=1'",
        "bridge: vmbr0.20",
        '19:13: vm.network.bridge: read "vmbr0,firewall=1"; allowed: a bridge\'s name, such as vmbr0',
    ),
    *(
        case(
            "address: 10.25.20.8/24",
            f"address: {broken}",
            f"address: {mended}",
            f'20:14: vm.network.address: read "{broken}"; {CIDR}',
        )
        for broken, mended in (
            ("10.25.20.8", "10.25.20.8/32"),
            ("10.25.20/24", "10.25.20.1/24"),
            ("10.25.20.8/33", "10.25.20.9/30"),
            ("10.25.20.8/", "10.25.20.8/8"),
            ("10.25.20.8/255.255.255.0", "10.25.20.8/31"),
            ("10.25.20.8/024", "10.25.20.8/24"),
            ("fe80::8%eth0/64", "fe80::8/64"),
            ("dhcp", "2001:db8::8/64"),
        )
    ),
    more(
        NETWORK,
        "gateway: router",
        "gateway: 10.25.20.1",
        '19:14: vm.network.gateway: read "router"; allowed: an IP address, such as 10.25.20.1',
    ),
    more(NETWORK, "vlan: 4095", "vlan: 4094", "19:11: vm.network.vlan: read 4095; allowed: at most 4094"),
    more(NETWORK, "vlan: 0", "vlan: 1", "19:11: vm.network.vlan: read 0; allowed: at least 1"),
    more(
        NETWORK,
        "model: virtIO",
        "model: virtio",
        '19:12: vm.network.model: read "virtIO"; '
        "allowed: 'virtio', 'e1000', 'e1000e', 'rtl8139' or 'vmxnet3'; did you mean virtio?",
    ),
    more(
        NETWORK,
        "dns: [8.8.8.8, 10.25.20]",
        "dns: [8.8.8.8, '2001:4860:4860::8888']",
        '19:20: vm.network.dns[1]: read "10.25.20"; allowed: an IP address, such as 10.25.20.1',
    ),
    more(
        NETWORK,
        "search: a b",
        "search: example.org",
        f'19:13: vm.network.search: read "a b"; allowed: {DNS}',
    ),
    # -- cloud-init ------------------------------------------------------------------------------------
    more(
        KEYS,
        "user: Root",
        "user: ubuntu",
        '22:11: vm.cloud_init.user: read "Root"; allowed: a user\'s name, such as root',
    ),
    more(KEYS, "upgrade: 1", "upgrade: true", "22:14: vm.cloud_init.upgrade: read 1; allowed: true or false"),
    # -- the way to Proxmox ----------------------------------------------------------------------------
    case(
        "user: pgdeploy@pve",
        "user: pgdeploy",
        "user: pgdeploy@pam",
        f'5:11: vm.proxmox.user: read "pgdeploy"; allowed: {USER}',
    ),
    case(
        "user: pgdeploy@pve",
        "user: pgdeploy@pve!deploy",
        "user: pg.deploy@example-ad",
        f'5:11: vm.proxmox.user: read "pgdeploy@pve!deploy"; allowed: {USER}',
    ),
    case(
        "host: node04.example.org",
        "host: https://node04:8006",
        "host: node04",
        f'4:11: vm.proxmox.host: read "https://node04:8006"; allowed: {HOST}',
    ),
    case(
        "host: node04.example.org",
        "host: node04:8006",
        "host: '2001:db8::4'",
        f'4:11: vm.proxmox.host: read "node04:8006"; allowed: {HOST}',
    ),
    more(PROXMOX, "port: 0", "port: 443", "5:11: vm.proxmox.port: read 0; allowed: at least 1"),
    more(PROXMOX, "port: 65536", "port: 65535", "5:11: vm.proxmox.port: read 65536; allowed: at most 65535"),
    more(
        PROXMOX,
        "fingerprint: AB:CD",
        f"fingerprint: {':'.join(['aB'] * 32)}",
        '5:18: vm.proxmox.fingerprint: read "AB:CD"; allowed: 32 pairs of hexadecimal digits, with colons between',
    ),
    more(
        PROXMOX,
        "ca: ''",
        "ca: pve-root-ca.pem",
        '5:9: vm.proxmox.ca: read ""; String should have at least 1 character',
    ),
    case(
        PROXMOX,
        f"    ca: ca.pem\n    fingerprint: {':'.join(['AB'] * 32)}\n{PROXMOX}",
        f"    ca: ca.pem\n{PROXMOX}",
        "3:3: vm.proxmox: read a mapping; name one proof of the certificate: `fingerprint:` or `ca:`",
    ),
    # -- unknown keys, and what was meant --------------------------------------------------------------
    case(
        "  cores: 4",
        "  core: 4",
        "  cores: 8",
        "2:1: vm.cores: this key is required and missing",
        "13:3: vm.core: unknown key; did you mean cores?",
    ),
    case(
        "  cloud_init:",
        "  cloudinit:",
        "  cloud_init: # who",
        "2:1: vm.cloud_init: this key is required and missing",
        "21:3: vm.cloudinit: unknown key; did you mean cloud_init?",
    ),
    case(
        "    bridge: vmbr0",
        "    brigde: vmbr0",
        "    bridge: vmbr1",
        "18:3: vm.network.bridge: this key is required and missing",
        f"19:5: vm.network.brigde: unknown key; did you mean bridge?; {NETWORK_KEYS}",
    ),
    case(
        "size: 32GB",
        "size: 32GB, disc: true",
        "size: 32GB, discard: true",
        "16:45: vm.disks.scsi0.disc: unknown key; did you mean discard?; "
        "allowed: discard, format, iothread, mount, size, ssd, storage",
    ),
    more(
        PROXMOX,
        "verify: false",
        "port: 8006",
        "5:5: vm.proxmox.verify: unknown key; allowed: ca, fingerprint, host, port, secret, token, user",
    ),
    case(
        "token: deploy\n",
        "token: deploy\n    token_name: deploy\n",
        "token: deploy-2\n",
        "7:5: vm.proxmox.token_name: unknown key; allowed: ca, fingerprint, host, port, secret, token, user",
    ),
    more(
        KEYS,
        "password: hunter2",
        "user: root",
        "22:5: vm.cloud_init.password: unknown key; allowed: ssh_keys, upgrade, user",
    ),
]


@pytest.mark.parametrize("case", CASES)
def test_what_is_wrong_is_said_at_its_place(case: Case, offline: Offline) -> None:
    assert offline.problems(case.old, case.broken) == list(case.says)


@pytest.mark.parametrize("case", CASES)
def test_the_mended_twin_loads(case: Case, offline: Offline) -> None:
    assert offline.problems(case.old, case.mended) == []


CLEAR = [
    (
        "secret: {env: PROXMOX_TOKEN}",
        f"secret: {SECRET}",
        f"7:13: vm.proxmox.secret: a password is a reference, never text: {REFERENCES}",
    ),
    (
        "secret: {env: PROXMOX_TOKEN}",
        f"secret: {{value: {SECRET}}}",
        f"7:5: vm.proxmox.secret: a secret reference has exactly one key: {REFERENCES}",
    ),
    (
        "secret: {env: PROXMOX_TOKEN}",
        f"secret: {{env: {SECRET}}}",
        "7:5: vm.proxmox.secret: env is the name of an environment variable: letters, digits and _",
    ),
    ("token: deploy", f"token: deploy={SECRET}", f"6:12: vm.proxmox.token: {HIDDEN}"),
    ("token: deploy", f"token: {SECRET}", f"6:12: vm.proxmox.token: {HIDDEN}"),
    ("token: deploy", f"token: pgdeploy@pve!deploy={SECRET}", f"6:12: vm.proxmox.token: {HIDDEN}"),
]
"""Where somebody would write the token's secret itself."""


@pytest.mark.parametrize(("old", "broken", "says"), CLEAR, ids=[broken for _, broken, _ in CLEAR])
def test_a_secret_in_clear_is_refused_and_not_shown(
    old: str, broken: str, says: str, offline: Offline
) -> None:
    said = offline.problems(old, broken)
    assert said == [says]
    assert SECRET not in "\n".join(said)


@pytest.mark.parametrize(
    "reference", ["{env: TOKEN}", "{file: ~/.config/token}", "{command: [pass, show, proxmox]}"]
)
def test_a_reference_to_a_secret_loads(reference: str, offline: Offline) -> None:
    spec = offline.load("secret: {env: PROXMOX_TOKEN}", f"secret: {reference}")
    assert spec.vm is not None
    assert spec.vm.proxmox.secret.describe()


def test_what_is_left_out_is_what_the_model_says(offline: Offline) -> None:
    vm = offline.load("postgres: 16", "postgres: 16").vm
    assert vm is not None
    assert (vm.proxmox.port, vm.cloud_init.user, vm.network.model, vm.within) == (
        8006,
        "root",
        "virtio",
        "10min",
    )
    assert (vm.agent, vm.onboot, vm.protection, vm.balloon) == (True, None, None, None)
    assert (vm.boot_disk, vm.proxmox.whole_token) == ("scsi0", "pgdeploy@pve!deploy")


def test_the_first_of_the_boot_order_comes_from_the_template(offline: Offline) -> None:
    vm = offline.load("  network:", "  boot: [scsi1, scsi0]\n  network:").vm
    assert vm is not None
    assert vm.boot_disk == "scsi1"


def test_ssh_goes_to_the_address_of_the_vm(offline: Offline) -> None:
    ssh = offline.load("    ssh_keys", "    user: ubuntu\n    ssh_keys").ssh
    assert ssh is not None
    assert (ssh.host, ssh.user) == ("10.25.20.8", "ubuntu")
