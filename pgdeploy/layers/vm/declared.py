"""What a target declares of its VM, and the line by which Proxmox remembers whose it is."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from pgdeploy.core.remedy import By, Remedy
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.core.layer import Declared
    from pgdeploy.layers.vm.config import Config
    from pgdeploy.model.vm import VmSpec
    from pgdeploy.reach.proxmox import Proxmox

TAG = "pgdeploy"
"""On every VM that a spec made."""

_RECORD = re.compile(r"^pgdeploy: target (?P<target>.+), vm (?P<digest>[0-9a-f]{12})$", re.MULTILINE)


class Record(NamedTuple):
    """Whose a VM is: a line in its notes. `digest` is of the vm section that it was last made from."""

    target: str
    digest: str

    def __str__(self) -> str:
        return f"pgdeploy: target {self.target}, vm {self.digest}"


def record_of(config: Config) -> Record | None:
    """The record in a VM's notes; None where no spec made it."""
    found = _RECORD.search(config.get("description", ""))
    return Record(found["target"], found["digest"]) if found else None


def with_record(notes: str, record: Record) -> str:
    """The notes with this record; what people wrote beside it stays."""
    if _RECORD.search(notes):
        return _RECORD.sub(lambda _: str(record), notes, count=1)
    return "\n\n".join(filter(None, [str(record), notes]))


@dataclass(frozen=True, slots=True)
class DeclaredVm:
    """The VM of one target."""

    target: str
    vm: VmSpec

    @property
    def record(self) -> Record:
        section = self.vm.model_dump(mode="json", exclude={"proxmox", "within"})
        text = json.dumps(section, sort_keys=True, ensure_ascii=False)
        return Record(self.target, hashlib.sha256(text.encode()).hexdigest()[:12])

    @property
    def address(self) -> str:
        """What its checks are called by."""
        return f"vm[{quoted_name(self.vm.name)}]"

    @property
    def claim(self) -> str:
        """What is desired of the id."""
        return f"VM {self.vm.id}, made from target {self.target}"

    @property
    def apply(self) -> str:
        """What a finding says where an apply puts it right."""
        return f"pgdeploy vm apply {self.target}"

    def remedy(self, before: str = "", after: str = "") -> Remedy:
        """The same of a finding."""
        return Remedy(f"{before}{self.apply}{after}", By.PGDEPLOY)

    def proxmox(self) -> Proxmox:
        """The way to its cluster; nothing is connected yet."""
        from pgdeploy.reach.proxmox import Proxmox

        way = self.vm.proxmox
        return Proxmox(
            way.host, way.port, way.user, way.token, way.secret, fingerprint=way.fingerprint, ca=way.ca
        )


def declared_vm(declared: Declared) -> DeclaredVm | None:
    """The VM of a target; None when its spec has no `vm:`."""
    return None if declared.spec.vm is None else DeclaredVm(declared.target, declared.spec.vm)
