"""A real sshd that stands for the one in the guest, on a loopback address that stands for the VM's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.simulators.proxmox.guest import HOST_KEY, MemoryGuest
from tests.sshd import listening
from tests.vm.site import KEY, Site

ADDRESS = "127.0.20.8"


@dataclass(frozen=True)
class Way:
    """`home` has the sshd's key `host`, and the key `key` that it lets in."""

    home: Path
    port: int
    address: str = ADDRESS

    @property
    def host_key(self) -> str:
        """Type and key, as known_hosts has them."""
        return " ".join((self.home / "host.pub").read_text().split()[:2])

    @property
    def name(self) -> str:
        """As known_hosts names it."""
        return f"[{self.address}]:{self.port}"

    def lead(self, site: Site) -> Path:
        """The site's VM is where this sshd is; the file of host keys, which is not there yet."""
        known_hosts = site.folder / "known_hosts"
        ssh = f"host: {self.address}, port: {self.port}, user: root, key: {self.home}/key, known_hosts: {known_hosts}"
        site.change("postgres: 16\n", f"postgres: 16\nconnect: {{ssh: {{{ssh}}}}}\n")
        site.change("address: 10.25.20.8/24", f"address: {self.address}/24")
        site.change("gateway: 10.25.20.1", "gateway: 127.0.20.1")
        site.change(f"[{KEY}]", f"[{self.home}/key.pub]")
        site.proxmox.guests = self.guest
        return known_hosts

    def guest(self, vmid: int) -> MemoryGuest:
        """Its agent tells the key that this sshd has."""
        return MemoryGuest(vmid, files={HOST_KEY: f"{self.host_key} root@proj-pg01\n".encode()})


@contextmanager
def way(home: Path) -> Iterator[Way]:
    """It listens until the end of the block."""
    with listening(home, ADDRESS) as port:
        yield Way(home, port)
