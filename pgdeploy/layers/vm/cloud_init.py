"""cloud-init: who may come in first, and the small drive that tells the guest so."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar
from urllib.parse import quote, unquote

from pgdeploy.core.check import Check, Outcome
from pgdeploy.errors import Unreadable
from pgdeploy.layers.vm.config import Config, disks, is_cloud_init, is_on, storage_of
from pgdeploy.layers.vm.fact import vm_fact
from pgdeploy.layers.vm.option import Option, VmResource, ordered, said
from pgdeploy.local.path import absent
from pgdeploy.model.vm import KEY_TYPES, is_key
from pgdeploy.text.naming import listing

if TYPE_CHECKING:
    from collections.abc import Callable

    from pgdeploy.core.facts import Facts
    from pgdeploy.layers.vm.declared import DeclaredVm
    from pgdeploy.spec.place import Keys

ADDRESS = "vm_cloud_init[drive]"
_FREE = ("ide2", "ide3", "ide0", "ide1", *(f"sata{port}" for port in range(6)))
_is_plain = re.compile(r"[\w@.+/=~ -]*", re.ASCII).fullmatch


@dataclass(frozen=True, slots=True)
class CloudInit(VmResource):
    """What cloud-init is told, beside the network."""

    kind: ClassVar[str] = "vm_cloud_init"
    declared: DeclaredVm

    def checks(self) -> Iterator[Check]:
        yield from VmResource.checks(self)
        yield Check(self, ADDRESS, "current", ("vm", "cloud_init"), self._current)

    def options(self) -> Iterator[Option]:
        spec = self.declared.vm.cloud_init
        yield self._option("exists", "a drive", _drive, self._with_drive, ("vm", "cloud_init"))
        yield self._option(
            "user",
            spec.user,
            lambda config: config.get("ciuser", "none"),
            lambda config: {**config, "ciuser": spec.user},
        )
        yield Option(
            ADDRESS,
            "ssh_keys",
            ("vm", "cloud_init", "ssh_keys"),
            lambda: _fingerprints(self._keys()),
            lambda config: _fingerprints(unquote(config.get("sshkeys", "")).splitlines()),
            # Proxmox keeps them percent-encoded
            lambda config: {**config, "sshkeys": quote("\n".join(self._keys()), safe="")},
        )
        yield self._option(
            "upgrade",
            said(spec.upgrade),
            lambda config: said(is_on(config.get("ciupgrade", "1"))),
            lambda config: {**config, "ciupgrade": str(int(spec.upgrade))},
        )

    def _option(
        self,
        field: str,
        desired: str,
        read: Callable[[Config], str],
        write: Callable[[Config], Config],
        keys: Keys = (),
    ) -> Option:
        return Option(ADDRESS, field, keys or ("vm", "cloud_init", field), lambda: desired, read, write)

    def _with_drive(self, config: Config) -> Config:
        """On the storage of the disk that it boots from."""
        boot = disks(config).get(self.declared.vm.boot_disk, {})
        free = next(slot for slot in _FREE if slot not in config)
        return {**config, free: f"{storage_of(boot.get('file', ''))}:cloudinit,media=cdrom"}

    def _keys(self) -> list[str]:
        """Raises Unreadable when a key cannot be read, or is none."""
        return [key for written in self.declared.vm.cloud_init.ssh_keys for key in _read(written)]

    def _current(self, facts: Facts) -> Outcome:
        machine = vm_fact(facts).machine
        stale = machine.stale if machine else ()
        return Outcome(
            not stale,
            "the drive has what is configured",
            f"the drive does not have: {listing(stale)}" if stale else "the drive has what is configured",
            remedy=self.declared.remedy(after=" --allow-restart: it is written anew at each start"),
        )


def _drive(config: Config) -> str:
    return "a drive" if any(map(is_cloud_init, disks(config).values())) else "none"


def _read(written: str) -> list[str]:
    """A key, or the keys of a file."""
    if is_key(written):
        text = written
    else:
        try:
            text = Path(written).expanduser().read_text(encoding="utf-8")
        except (OSError, RuntimeError, ValueError) as error:
            why = getattr(error, "strerror", None) or "no such path"
            raise Unreadable(f"the ssh key {written} cannot be read: {why}{absent(error)}") from None
    keys = [line.strip() for line in text.split("\n") if line.strip() and not line.startswith("#")]
    for key in keys:
        fingerprint(key, written)
    return [_plain(key) for key in keys]


def _plain(key: str) -> str:
    """The key with its comment, or without one that Proxmox cannot pass on: it writes keys into YAML as they are."""
    words = key.split()
    return " ".join(words if _is_plain(" ".join(words[2:])) else words[:2])


def _fingerprints(keys: list[str]) -> str:
    """As ssh-keygen -l says them. What is no plain key, such as one with options, is drift like any other."""
    known = set()
    for key in filter(str.strip, keys):
        try:
            known.add(fingerprint(key, "a key of the VM"))
        except Unreadable:
            known.add(f"(no plain key: {key.split()[0]} ...)")
    return ordered(sorted(known))


def fingerprint(key: str, where: str) -> str:
    """`ssh-ed25519 SHA256:...`.

    Raises:
        Unreadable: it is no public key.
    """
    words = key.split()
    try:
        blob = base64.b64decode(words[1], validate=True)
    except (IndexError, binascii.Error):
        blob = b""
    # the key says its type itself, too: Proxmox looks at that
    if not words[0].startswith(KEY_TYPES) or blob[4 : 4 + int.from_bytes(blob[:4])] != words[0].encode():
        raise Unreadable(f"{where} holds what is no public ssh key") from None
    return f"{words[0]} SHA256:{base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip('=')}"


def resources(declared: DeclaredVm) -> Iterator[VmResource]:
    yield CloudInit(declared)
