"""The way in, to a real sshd: what is waited for is said, the host key is proved by the guest agent, and ssh agrees."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from pgdeploy.gate.connect import ssh_way
from pgdeploy.layers.vm.arrive import FINISHED, arrive
from pgdeploy.layers.vm.deadline import Deadline
from pgdeploy.layers.vm.declared import declared_vm
from tests.simulators.proxmox.guest import HOST_KEY, AgentError, MemoryGuest
from tests.vm.hasty import hasty
from tests.vm.site import Site
from tests.vm.way import Way, way
from tests.vm.whole import error_of

STRANGER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGtT0QmBhjNCqsi8cLdOGd5xDUQhQ5wUBBKjTVEvnTGY"


@pytest.fixture(autouse=True)
def _quick() -> Iterator[None]:
    with hasty():
        yield


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    with way(tmp_path_factory.mktemp("way")) as made:
        yield made


@pytest.fixture
def made(site: Site, sshd: Way) -> Site:
    """A site whose VM is where the sshd is; not made yet."""
    sshd.lead(site)
    site.change("within: 20s", "within: 1s")
    return site


def _arrive(site: Site, within: str = "1s") -> list[str]:
    """What is noted on the way."""
    notes: list[str] = []
    target = site.target
    declared = declared_vm(target.declared)
    assert declared is not None
    arrive(declared, site.api(), ssh_way(target, None), Deadline(within, notes.append), notes.append)
    return notes


def _with(site: Site, guest: Callable[[int], MemoryGuest]) -> Site:
    """Made, with such a guest in it."""
    site.proxmox.guests = guest
    site.change("within: 1s", "within: 20s")
    site.apply()
    return site


# -- in ------------------------------------------------------------------------------------------------


def test_in(made: Site, sshd: Way) -> None:
    """The host key stands where ssh looks, under the name that it looks for, and ssh logs in."""
    notes = _arrive(_with(made, sshd.guest))
    file = made.folder / "known_hosts"
    assert file.read_text() == f"{sshd.name} {sshd.host_key}\n"
    said = subprocess.run(
        ["ssh-keygen", "-lf", sshd.home / "host.pub"], capture_output=True, text=True, check=True
    )
    assert notes == [
        f"sshd's host key, by the guest agent, is ssh-ed25519 {said.stdout.split()[1]}: in {file}",
    ]


def test_in_again(made: Site, sshd: Way) -> None:
    """Nothing is written a second time."""
    _with(made, sshd.guest)
    _arrive(made)
    before = (made.folder / "known_hosts").stat().st_mtime_ns
    _arrive(made)
    assert (made.folder / "known_hosts").stat().st_mtime_ns == before


def test_a_vm_made_anew_has_another_key(made: Site, sshd: Way) -> None:
    """The old one goes, which is said: the new one is proved, by Proxmox."""
    file = made.folder / "known_hosts"
    file.write_text(f"{sshd.name} {STRANGER}\n10.25.20.9 {STRANGER}\n")
    notes = _arrive(_with(made, sshd.guest))
    assert notes[0] == f"another host key of {sshd.name} was in {file}; it is replaced"
    assert file.read_text().splitlines() == [f"10.25.20.9 {STRANGER}", f"{sshd.name} {sshd.host_key}"]


def test_a_hashed_line_of_before(made: Site, sshd: Way) -> None:
    file = made.folder / "known_hosts"
    file.write_text(f"{sshd.name} {STRANGER}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", file], check=True, capture_output=True)
    notes = _arrive(_with(made, sshd.guest))
    assert any("it is replaced" in note for note in notes)


def test_what_cloud_init_complains_of_is_passed_on(made: Site, sshd: Way) -> None:
    def complaining(vmid: int) -> MemoryGuest:
        guest = sshd.guest(vmid)
        guest.errors = ("('apt', KeyError('mirror'))",)
        return guest

    assert "cloud-init says: ('apt', KeyError('mirror'))" in _arrive(_with(made, complaining))


def test_it_takes_its_time(made: Site, sshd: Way) -> None:
    """Each thing that is waited for is said once, in order."""

    def slow(vmid: int) -> MemoryGuest:
        guest = sshd.guest(vmid)
        guest.agent_delay, guest.files_delay = 0.4, 0.8
        return guest

    notes = _arrive(_with(made, slow), "20s")
    assert notes[:2] == ["waiting for the guest agent", "waiting for cloud-init to finish"]


def test_no_agent_no_proof(made: Site, sshd: Way) -> None:
    """Nobody trusts what the network says; who has the key in the file gets in."""
    made.change("onboot: true", "onboot: true\n  agent: false")
    _with(made, sshd.guest)
    text = error_of(lambda: _arrive(made))
    assert "host key" in text.lower()
    (made.folder / "known_hosts").write_text(f"{sshd.name} {sshd.host_key}\n")
    assert "nobody proves the host key" in _arrive(made)[0]


# -- not in --------------------------------------------------------------------------------------------


def test_the_agent_never_comes(made: Site) -> None:
    _with(made, lambda vmid: MemoryGuest(vmid, installed=False))
    text = error_of(lambda: _arrive(made))
    assert "waiting for the guest agent took longer than `within: 1s`" in text
    assert "QEMU guest agent is not running" in text
    assert "run it again to take it up" in text
    assert not (made.folder / "known_hosts").exists()


def test_cloud_init_never_finishes(made: Site) -> None:
    _with(made, lambda vmid: MemoryGuest(vmid, files_delay=600))
    text = error_of(lambda: _arrive(made))
    assert "waiting for cloud-init to finish took longer than" in text
    assert FINISHED in text
    assert "No such file or directory" in text


def test_another_address(made: Site, sshd: Way) -> None:
    """As when the template has a fixed one; nothing is written of its key."""

    class Elsewhere(MemoryGuest):
        def agent(self, command: str, arguments: Mapping[str, object]) -> object:
            answer = super().agent(command, arguments)
            if command != "guest-network-get-interfaces":
                return answer
            address = {"ip-address": "10.0.2.15", "ip-address-type": "ipv4", "prefix": 24}
            return [{"name": "eth0", "ip-addresses": [address]}]

    _with(made, Elsewhere)
    text = error_of(lambda: _arrive(made))
    assert f"waiting for the address {sshd.address}/24 took longer than" in text
    assert "the guest has 10.0.2.15/24" in text
    assert not (made.folder / "known_hosts").exists()


def test_an_agent_that_may_not_read_files(made: Site) -> None:
    """Its configuration in the guest: no waiting helps, and it is said at once what does."""

    class Closed(MemoryGuest):
        def agent(self, command: str, arguments: Mapping[str, object]) -> object:
            if command == "guest-file-read":
                raise AgentError("Command guest-file-open has been disabled")
            return super().agent(command, arguments)

    _with(made, Closed)
    began = time.monotonic()
    text = error_of(lambda: _arrive(made, "20s"))
    assert time.monotonic() - began < 5
    assert "Command guest-file-open has been disabled" in text
    assert "let the guest's agent have guest-file-open, -read and -close" in text


@pytest.mark.parametrize("key", ["no key\n", "-----BEGIN OPENSSH PRIVATE KEY-----\n", "ssh-ed25519 ???\n"])
def test_a_host_key_that_is_none(key: str, made: Site) -> None:
    _with(made, lambda vmid: MemoryGuest(vmid, files={HOST_KEY: key.encode()}))
    assert "sshd's host key holds what is no public ssh key" in error_of(lambda: _arrive(made))
    assert not (made.folder / "known_hosts").exists()


def test_no_host_key(made: Site) -> None:
    _with(made, lambda vmid: MemoryGuest(vmid, files={HOST_KEY: b"\n"}))
    text = error_of(lambda: _arrive(made))
    assert "waiting for sshd's host key took longer than" in text
    assert f"{HOST_KEY} is empty" in text


def test_somebody_else_at_the_address(made: Site) -> None:
    """The agent says one key, and whoever listens has another: ssh refuses, at once, and says so."""
    _with(made, lambda vmid: MemoryGuest(vmid, files={HOST_KEY: f"{STRANGER} root@proj-pg01\n".encode()}))
    began = time.monotonic()
    text = error_of(lambda: _arrive(made, "20s"))
    assert time.monotonic() - began < 5
    assert "Host key verification failed" in text


def test_a_key_that_sshd_does_not_take(
    made: Site, sshd: Way, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("other")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "key"], check=True)
    made.change(f"key: {sshd.home}/key", f"key: {folder}/key")
    _with(made, sshd.guest)
    began = time.monotonic()
    assert "Permission denied" in error_of(lambda: _arrive(made, "20s"))
    assert time.monotonic() - began < 5


def test_nobody_at_the_port(made: Site, sshd: Way) -> None:
    made.change(f"port: {sshd.port}, user", "port: 1, user")
    _with(made, sshd.guest)
    text = error_of(lambda: _arrive(made))
    assert f"waiting for ssh to {sshd.address} took longer than" in text
    assert "Connection refused; the guest agent has the address, so look at the way there" in text


def test_a_name_that_does_not_resolve_is_no_fault_of_the_vm(made: Site, sshd: Way) -> None:
    made.change(f"ssh: {{host: {sshd.address}", "ssh: {host: nosuch.invalid")
    _with(made, sshd.guest)
    text = error_of(lambda: _arrive(made))
    assert "this machine has no address for the name: look at its DNS" in text
    assert "VLAN" not in text


def test_no_ssh_here(made: Site, sshd: Way, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without ssh, or with ssh alone."""
    _with(made, sshd.guest)
    empty = tmp_path / "bin"
    empty.mkdir()
    ssh = shutil.which("ssh")
    assert ssh is not None
    monkeypatch.setenv("PATH", str(empty))
    assert "cannot run ssh: No such file or directory" in error_of(lambda: _arrive(made))
    (made.folder / "known_hosts").write_text("")
    (empty / "ssh").symlink_to(ssh)
    assert "cannot run ssh-keygen: No such file or directory" in error_of(lambda: _arrive(made))
