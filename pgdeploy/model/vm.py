"""The vm section: the virtual machine under the host, as Proxmox VE has it."""

from __future__ import annotations

from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, model_validator
from pydantic_core import PydanticCustomError

from pgdeploy.local.path import Local, LocalPath
from pgdeploy.model.host.amount import Size, Span, bytes_of, seconds_of
from pgdeploy.secret.reference import SecretRef
from pgdeploy.spec.model import FrozenMap, Model
from pgdeploy.spec.text import checked, shaped
from pgdeploy.text.path import absolute

KEY_TYPES = ("ssh-", "ecdsa-", "sk-")


def is_key(text: str) -> bool:
    """Whether it is a public key itself, and not the name of a file."""
    return text.startswith(KEY_TYPES) and " " in text


MEBI, GIBI = 1 << 20, 1 << 30


def _whole(unit: int, word: str) -> AfterValidator:
    """Proxmox counts memory in MiB and new disks in GiB."""

    def check(size: str) -> str:
        if bytes_of(size) < unit or bytes_of(size) % unit:
            raise PydanticCustomError(
                "amount", "allowed: a whole number of {word}, at least 1", {"word": word}
            )
        return size

    return AfterValidator(check)


def _address(text: str) -> str:
    try:
        # a zone (fe80::1%eth0) may be any text, with which Proxmox would set other options
        if "%" not in text:
            ip_address(text)
            return text
    except ValueError:
        pass
    raise PydanticCustomError("address", "allowed: an IP address, such as 10.25.20.1")


def _interface(text: str) -> str:
    _, _, prefix = text.partition("/")
    try:
        ip_interface(text)
        is_one = str(int(prefix)) == prefix and "%" not in text  # Proxmox takes no netmask and no zone
    except ValueError:
        is_one = False
    if not is_one:
        raise PydanticCustomError("address", "allowed: an IP address and its prefix, such as 10.25.20.8/24")
    return text


def _patience(span: str) -> str:
    if seconds_of(span) < 1:
        raise PydanticCustomError("amount", "allowed: at least 1s")
    return span


_LABEL = "[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?"
_DNS = "a DNS name of letters, digits and hyphens, such as proj-pg01"
DnsName = Annotated[str, Field(max_length=253), *shaped(rf"{_LABEL}(\.{_LABEL})*", _DNS)]
Node = Annotated[str, *shaped(_LABEL, "a node's name, such as node04")]
StorageId = Annotated[
    str, *shaped("[a-zA-Z][a-zA-Z0-9._-]*[a-zA-Z0-9]", "a storage's name, such as local-zfs")
]
VmId = Annotated[int, Field(ge=100, le=999_999_999)]
DiskName = Annotated[
    str,
    *shaped(
        "scsi([0-9]|[12][0-9]|30)|virtio([0-9]|1[0-5])|sata[0-5]",
        "scsi0 to scsi30, virtio0 to virtio15 or sata0 to sata5",
    ),
]
Tag = Annotated[str, *shaped("[a-z0-9_][a-z0-9_+.-]*", "lower case letters, digits and _ + . -")]
Address = Annotated[str, AfterValidator(_address)]
Interface = Annotated[str, AfterValidator(_interface)]
Memory = Annotated[Size, _whole(MEBI, "MB")]
DiskSize = Annotated[Size, _whole(GIBI, "GB")]
Patience = Annotated[Span, AfterValidator(_patience)]
Host = Annotated[
    str,
    Field(max_length=253),
    *shaped(
        "[A-Za-z0-9][A-Za-z0-9._-]*|[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*",
        "a name or an address; the port stands in `port:`",
    ),
]
"""A name or an address; a port stands apart."""
Fingerprint = Annotated[
    str,
    *shaped("([0-9A-Fa-f]{2}:){31}[0-9A-Fa-f]{2}", "32 pairs of hexadecimal digits, with colons between"),
]
Owner = Annotated[
    str, *shaped(r"[^\s:/!@]+@[A-Za-z][A-Za-z0-9.\-_]+", "a user and its realm, such as pgdeploy@pve")
]
TokenName = Annotated[str, *shaped(r"[A-Za-z][A-Za-z0-9.\-_]+", "a token's name, such as deploy")]
MountPoint = Annotated[
    str,
    *shaped(r"/[^\s]*[^\s/]", "an absolute path without blanks, such as /mnt/data, and not / itself"),
    checked(absolute),
]
Bridge = Annotated[str, *shaped("[A-Za-z][A-Za-z0-9_.-]{0,14}", "a bridge's name, such as vmbr0")]
UserName = Annotated[str, *shaped("[a-z_][a-z0-9_-]{0,31}", "a user's name, such as root")]
CpuType = Annotated[str, *shaped("[A-Za-z0-9_.-]+", "a CPU type, such as host")]
StorageType: TypeAlias = Literal[
    "zfspool", "lvm", "lvmthin", "dir", "nfs", "cifs", "cephfs", "btrfs", "rbd", "iscsi", "zfs"
]
DiskFormat: TypeAlias = Literal["raw", "qcow2", "vmdk"]

OF_INSTALLER: dict[str, StorageType] = {"local": "dir", "local-zfs": "zfspool", "local-lvm": "lvmthin"}
"""The types of the storages that Proxmox's own installer makes, by their names."""

_FILES: tuple[DiskFormat, ...] = ("raw", "qcow2", "vmdk")
_FORMATS: dict[StorageType, tuple[DiskFormat, ...]] = {
    **dict.fromkeys(("dir", "nfs", "cifs"), _FILES),
    "cephfs": (),
    "btrfs": ("raw",),
}


def formats(kind: StorageType) -> tuple[DiskFormat, ...]:
    """The disk formats that a storage of this type can hold: only one of files has others than raw."""
    return _FORMATS.get(kind, ("raw",))


class ProxmoxSpec(Model):
    """How to reach the API: an API token, over TLS that is always verified."""

    host: Host = Field(description="a name or an address of any node of the cluster")
    port: Annotated[int, Field(ge=1, le=65535)] = Field(8006, description="default 8006")
    user: Owner = Field(description="whose token it is, such as pgdeploy@pve")
    token: TokenName = Field(description="the token's name")
    secret: SecretRef = Field(description="the token's secret: {env: NAME}, {file: PATH} or {command: [...]}")
    fingerprint: Fingerprint | None = Field(
        None, description="SHA-256 fingerprint of the certificate, as the node's Certificates page shows it"
    )
    ca: LocalPath | None = Field(
        None, min_length=1, description="PEM file of the CA, such as a copy of /etc/pve/pve-root-ca.pem"
    )

    @model_validator(mode="after")
    def _one_proof(self) -> ProxmoxSpec:
        if self.fingerprint is not None and self.ca is not None:
            raise PydanticCustomError("proxmox", "name one proof of the certificate: `fingerprint:` or `ca:`")
        return self

    @property
    def whole_token(self) -> str:
        """As Proxmox names it: user@realm!token."""
        return f"{self.user}!{self.token}"


class DiskSpec(Model):
    """One disk. Disks only ever grow; one that is missing is made."""

    storage: StorageId = Field(description="where it is, such as local-zfs")
    size: DiskSize = Field(description="such as 250GB (GiB)")
    format: DiskFormat | None = Field(None, description="left out: the storage's own")
    discard: bool | None = Field(None, description="give freed blocks back")
    ssd: bool | None = Field(None, description="the guest sees a solid state drive")
    iothread: bool | None = Field(None, description="a thread of its own; needs scsihw virtio-scsi-single")
    mount: MountPoint | None = Field(
        None,
        description="formatted if it is empty, and mounted there, by pg01.py; not for the first disk",
    )


class NetworkSpec(Model):
    """The first network card, and what cloud-init gives it."""

    bridge: Bridge = Field(description="such as vmbr0")
    vlan: Annotated[int, Field(ge=1, le=4094)] | None = Field(None, description="left out: none")
    model: Literal["virtio", "e1000", "e1000e", "rtl8139", "vmxnet3"] = Field("virtio", description="virtio")
    address: Interface = Field(description="with its prefix, such as 10.25.20.8/24")
    gateway: Address | None = Field(None, description="left out: none")
    dns: tuple[Address, ...] = Field((), description="name servers; left out: those of the node")
    search: DnsName | None = Field(None, description="search domain; left out: not checked")

    @property
    def interface(self) -> IPv4Interface | IPv6Interface:
        return ip_interface(self.address)


class CloudInitSpec(Model):
    """Who may come in first."""

    user: UserName = Field("root", description="default root")
    ssh_keys: tuple[Annotated[str, Field(min_length=1), Local(unless=is_key)], ...] = Field(
        min_length=1,
        description="public keys, as text (ssh-ed25519 AAAA...) or as files (~/.ssh/id_ed25519.pub)",
    )
    upgrade: bool = Field(
        False, description="upgrade all packages when it boots with new data; Proxmox's own default is true"
    )


class VmSpec(Model):
    """A virtual machine: cloned from a template, made so by `pgdeploy vm apply`, proved by the gate."""

    proxmox: ProxmoxSpec = Field(description="how to reach Proxmox VE")
    id: VmId = Field(description="VM id; one that another VM has is an error")
    name: DnsName = Field(description="name in Proxmox, and the guest's host name")
    node: Node = Field(description="where it runs")
    template: VmId = Field(description="id of the template that it is cloned from; it may be on another node")
    vcpus: Annotated[int, Field(ge=1, le=4096)] | None = Field(
        None, description="what is meant: sockets x cores must be that many"
    )
    sockets: Annotated[int, Field(ge=1, le=32)] = Field(1, description="default 1")
    cores: Annotated[int, Field(ge=1, le=1024)] = Field(description="of each socket")
    cpu: CpuType | None = Field(None, description="CPU type, such as host")
    memory: Memory = Field(description="such as 48GB (GiB)")
    balloon: Memory | Literal[False] | None = Field(
        None, description="what it may be shrunk to; false: no ballooning; left out: not checked"
    )
    disks: FrozenMap[DiskName, DiskSpec] = Field(
        min_length=1, description="by name; the first is the one that the template boots from"
    )
    storages: FrozenMap[StorageId, StorageType] = Field(
        default_factory=FrozenMap,
        description="types of storages; known: local is dir, local-zfs is zfspool, local-lvm is lvmthin",
    )
    network: NetworkSpec = Field(description="its network card")
    cloud_init: CloudInitSpec = Field(description="who may come in first")
    boot: tuple[DiskName, ...] | None = Field(
        None, min_length=1, description="order; left out: the first disk"
    )
    agent: bool = Field(True, description="the guest agent, which proves address and host key")
    onboot: bool | None = Field(None, description="start with the node")
    protection: bool | None = Field(None, description="neither the VM nor its disks can be removed")
    tags: tuple[Tag, ...] = Field((), description="beside the tag pgdeploy")
    within: Patience = Field("10min", description="until it can be reached, from nothing; waits end then")

    @property
    def boot_disk(self) -> str:
        """The one that comes from the template."""
        return self.boot[0] if self.boot else next(iter(self.disks))

    def storage_type(self, storage: str) -> StorageType | None:
        """What the spec, or Proxmox's installer, says of a storage."""
        return self.storages.get(storage) or OF_INSTALLER.get(storage)
