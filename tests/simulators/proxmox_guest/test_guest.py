"""A guest is what a machine of Proxmox's is: booted by its own cloud-init, known by its agent, with its disks."""

from __future__ import annotations

import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from pgdeploy.errors import TargetError
from pgdeploy.gate.container.docker import attempt, docker
from tests.host.machine import ROOT
from tests.simulators.proxmox.guest import HOST_KEY, AgentAbsent, AgentError, NoSuchFile
from tests.simulators.proxmox_guest.boot import MAC, boot
from tests.simulators.proxmox_guest.conftest import Machine
from tests.simulators.proxmox_guest.lab import Lab
from tests.simulators.proxmox_guest.template import Template
from tests.simulators.proxmox_guest.waiting import booted

DISK = "/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_drive-scsi1"

pytestmark = [pytest.mark.docker, pytest.mark.long]


@pytest.fixture
def lab(engine: None) -> Iterator[Lab]:
    with Lab() as made:
        yield made


def read(machine: Machine, path: str) -> str:
    content = machine.guest.agent("guest-file-read", {"path": path})
    assert isinstance(content, bytes)
    return content.decode()


def ssh(machine: Machine, command: str, folder: Path) -> str:
    """As somebody comes in who knows nothing but the key that he gave, and the host key that the agent gave."""
    known_hosts = folder / "known_hosts"
    known_hosts.write_text(f"{machine.address} {read(machine, HOST_KEY)}")
    options = {
        "UserKnownHostsFile": str(known_hosts),
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "IdentitiesOnly": "yes",
        "BatchMode": "yes",
    }
    words = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
    done = subprocess.run(
        ["ssh", "-F", "/dev/null", *words, "-i", str(machine.key), f"admin@{machine.address}", command],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_cloud_init(machine: Machine) -> None:
    result = booted(machine.guest)
    assert result["errors"] == []
    assert "NoCloud" in result["datasource"]
    assert machine.guest.run("systemctl is-system-running --wait") == "running"


def test_agent(machine: Machine) -> None:
    guest = machine.guest
    assert guest.agent("guest-ping", {}) == {}
    assert guest.agent("guest-get-host-name", {}) == {"host-name": "prod-pg01"}
    system = guest.agent("guest-get-osinfo", {})
    assert isinstance(system, dict)
    assert system["id"] == "debian"


def test_address(machine: Machine) -> None:
    cards = machine.guest.agent("guest-network-get-interfaces", {})
    assert isinstance(cards, list)
    card = next(card for card in cards if card["name"] == "eth0")
    assert card["hardware-address"] == MAC.format(8).lower()
    assert {"ip-address": machine.address, "ip-address-type": "ipv4", "prefix": 24} in card["ip-addresses"]


def test_agent_refuses(machine: Machine) -> None:
    with pytest.raises(NoSuchFile, match=r"failed to open file '/nowhere' .*No such file or directory"):
        machine.guest.agent("guest-file-read", {"path": "/nowhere"})
    with pytest.raises(AgentError, match="guest-dance has not been found"):
        machine.guest.agent("guest-dance", {})


def test_long_file(machine: Machine) -> None:
    machine.guest.run("seq 100000 >/tmp/long")
    assert read(machine, "/tmp/long").splitlines() == [str(number) for number in range(1, 100001)]


def test_ssh(machine: Machine, tmp_path: Path) -> None:
    assert ssh(machine, "hostname; sudo -n id -u", tmp_path) == "prod-pg01\n0"


def test_stale_host_keys_are_replaced(machine: Machine) -> None:
    """Or all clones of a template would have one identity."""
    stale = docker("run", "--rm", machine.template.image(), "cat", HOST_KEY)
    assert stale.startswith("ssh-ed25519 ")
    assert read(machine, HOST_KEY).split()[1] != stale.split()[1]


def test_out(machine: Machine) -> None:
    """It reaches what this machine reaches, by names."""
    assert machine.guest.run("ip route show default").startswith(f"default via {machine.subnet[1]} ")
    assert "127.0.0.11" not in machine.guest.run("cat /etc/resolv.conf")
    machine.guest.run("apt-get -o APT::Update::Error-Mode=any update")


def test_disk_stays(machine: Machine, tmp_path: Path) -> None:
    """Formatted, in fstab, over a shutdown, a larger disk, and the loss of power: as on a real machine."""
    guest = machine.guest
    assert guest.run(f"blockdev --getsize64 {DISK}") == str(20 * 2**30)
    guest.run(f"mkfs.ext4 -q {DISK} && mkdir /data && echo '{DISK} /data ext4 nofail 0 2' >>/etc/fstab")
    guest.run("systemctl daemon-reload && systemctl start data.mount && echo kept >/data/file && sync")
    key = read(machine, HOST_KEY)

    guest.shutdown()
    with pytest.raises(AgentAbsent):
        guest.agent("guest-ping", {})
    machine.start(scsi1="local-lvm:vm-101-disk-1,size=30G")
    assert guest.run("findmnt -no FSTYPE /data; cat /data/file; cat /etc/hostname") == "ext4\nkept\nprod-pg01"
    assert guest.run(f"blockdev --getsize64 {DISK}") == str(30 * 2**30)

    guest.stop()
    machine.start(scsi1="local-lvm:vm-101-disk-1,size=30G")
    assert ssh(machine, "cat /data/file; hostname", tmp_path) == "kept\nprod-pg01"
    assert read(machine, HOST_KEY) == key


def test_nothing_is_left(lab: Lab, key: Path) -> None:
    guest = lab.guest(101)
    subnet = lab.free_subnet()
    disk = {"scsi1": "local-lvm:vm-101-disk-1,size=1G,serial=data"}
    guest.start(boot(subnet, 8, key.with_suffix(".pub").read_text(), **disk))
    booted(guest)
    by_id = "/dev/disk/by-id/scsi-0QEMU_QEMU_HARDDISK_data"
    number = guest.run(f"mkfs.ext4 -q {by_id} && mount {by_id} /mnt && readlink -f {by_id}")[
        len("/dev/loop") :
    ]
    backing = Path(f"/sys/block/loop{number}/loop/backing_file")
    assert backing.exists()

    guest.stop()
    guest.destroy()
    assert attempt("inspect", guest.container).returncode != 0
    assert not backing.exists()
    lab.close()
    assert str(subnet.network_address) not in docker("network", "ls")


def test_early_caller(lab: Lab, key: Path) -> None:
    """Who has called before it was up is answered as soon as it is."""
    subnet, guest = lab.free_subnet(), lab.guest(101)
    guest.start(boot(subnet, 8, key.with_suffix(".pub").read_text()))
    end = time.monotonic() + 15
    while not greets(str(subnet[8])):
        assert time.monotonic() < end, guest.run("ip neigh; ss -ltn")


def greets(address: str) -> bool:
    try:
        with socket.create_connection((address, 22), timeout=0.2) as connection:
            connection.settimeout(5)
            return connection.recv(4) == b"SSH-"
    except OSError:
        return False


KILLED = """
import os, signal, sys
from tests.simulators.proxmox_guest.boot import boot
from tests.simulators.proxmox_guest.lab import Lab
lab = Lab()
guest = lab.guest(101)
guest.start(boot(lab.free_subnet(), 8, "ssh-ed25519 none", scsi1="local-lvm:vm-101-disk-1,size=1G"))
print(guest.container, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_nothing_is_left_of_the_killed(engine: None) -> None:
    killed = subprocess.Popen([sys.executable, "-c", KILLED], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    container = killed.communicate(timeout=60)[0].strip()
    assert attempt("inspect", container).returncode == 0
    with Lab():
        assert attempt("inspect", container).returncode != 0
        assert (
            f":{killed.pid}\n"
            not in docker("network", "ls", "--format", '{{.Label "pgdeploy.owner"}}') + "\n"
        )
        assert not list(Path(tempfile.gettempdir()).glob(f"pgdeploy-guest-{killed.pid}-*"))


def test_no_agent(engine: None, key: Path) -> None:
    """A template that nobody has installed it in."""
    with Lab(Template(agent=False)) as lab:
        guest = lab.guest(101)
        guest.start(boot(lab.free_subnet(), 8, key.with_suffix(".pub").read_text()))
        guest.run("cloud-init status --wait")
        with pytest.raises(AgentAbsent):
            guest.agent("guest-ping", {})


def test_two_at_once(lab: Lab, key: Path) -> None:
    """Started in the same moment, in one network that is not there yet: they reach each other."""
    with Lab() as other:
        subnet = other.free_subnet()
    public = key.with_suffix(".pub").read_text()
    pair = {number: lab.guest(number) for number in (8, 9)}
    with ThreadPoolExecutor() as threads:
        list(threads.map(lambda number: pair[number].start(boot(subnet, number, public)), pair))
    for guest in pair.values():
        booted(guest)
    assert pair[8].run(f"echo | timeout 5 bash -c 'head -c 4 </dev/tcp/{subnet[9]}/22'") == "SSH-"
    assert len({guest.run("cat /etc/machine-id") for guest in pair.values()}) == 2


def test_no_drive(lab: Lab, key: Path) -> None:
    """Nothing tells it who it is: it boots all the same, with an address that somebody gave."""
    guest = lab.guest(101)
    given = boot(lab.free_subnet(), 8, key.with_suffix(".pub").read_text())
    guest.start(replace(given, cloud_init=None))
    guest.run("timeout 60 sh -c 'until systemctl is-system-running --wait; do sleep 0.1; done' || true")
    assert guest.run("cat /etc/hostname; ls /run/cloud-init/result.json 2>&1 || true").startswith(
        "template\nls:"
    )
    assert guest.run("hostname -I")


def test_other_address(lab: Lab, key: Path) -> None:
    """Another configuration at the next start is another instance to cloud-init."""
    subnet, guest, public = lab.free_subnet(), lab.guest(101), key.with_suffix(".pub").read_text()
    addresses = []
    for number in (8, 9):
        guest.start(boot(subnet, number, public))
        booted(guest)
        addresses.append(guest.run("hostname -I; cat /var/lib/cloud/data/instance-id").split())
        guest.shutdown()
    assert [seen[0] for seen in addresses] == [str(subnet[8]), str(subnet[9])]
    assert addresses[0][1] != addresses[1][1]


def test_subnet_of_somebody_else(lab: Lab, key: Path) -> None:
    subnet = lab.free_subnet()
    with Lab() as other, pytest.raises(TargetError, match="overlaps"):
        other.guest(101).start(boot(subnet, 8, key.with_suffix(".pub").read_text()))
