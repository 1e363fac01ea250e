"""A machine's configuration file: options, what is pending, and what cloud-init has not seen yet."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping

DRIVE = re.compile(r"(?:ide|sata|scsi|virtio)\d+|efidisk0|tpmstate0")


def is_drive(option: str) -> bool:
    return DRIVE.fullmatch(option) is not None


class Config(dict[str, str]):
    """The options as strings, as they stand in the file; the digest follows every change, also by hand."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        super().__init__(values or {})
        self.pending: dict[str, str] = {}
        """Options that wait for a restart; `delete` lists those that shall go, `!` before the forced."""
        self.changed: dict[str, str] = {}
        """What the cloud-init drive still has, by option; `added` lists those that it has not."""
        self.snapshots: dict[str, dict[str, str]] = {}

    @property
    def raw(self) -> str:
        """The text of the file."""
        sections = [_section(self)]
        if self.pending:
            sections.append("\n[PENDING]\n" + _section(self.pending))
        if self.changed and self.cloudinit_drive():
            sections.append("\n[special:cloudinit]\n" + _section(self.changed))
        sections.extend(f"\n[{name}]\n{_section(self.snapshots[name])}" for name in sorted(self.snapshots))
        return "".join(sections)

    @property
    def digest(self) -> str:
        return hashlib.sha1(self.raw.encode()).hexdigest()

    def duplicate(self) -> Config:
        other = Config(self)
        other.pending = dict(self.pending)
        other.changed = dict(self.changed)
        other.snapshots = {name: dict(values) for name, values in self.snapshots.items()}
        return other

    def with_pending(self) -> dict[str, str]:
        """What the machine will have after a restart."""
        values = {**self, **{key: value for key, value in self.pending.items() if key != "delete"}}
        for key in self.deletions():
            values.pop(key, None)
        return values

    def deletions(self) -> dict[str, bool]:
        """Options to be deleted, and whether by force."""
        entries = (entry for entry in re.split(r"[,;\s]+", self.pending.get("delete", "")) if entry)
        return {entry.removeprefix("!"): entry.startswith("!") for entry in entries}

    def mark_deleted(self, option: str, *, force: bool) -> None:
        self._write_deletions({**self.deletions(), option: force})

    def unmark_deleted(self, option: str) -> None:
        found = self.deletions()
        if found.pop(option, None) is not None:
            self._write_deletions(found)

    def _write_deletions(self, found: Mapping[str, bool]) -> None:
        if found:
            self.pending["delete"] = ",".join(f"{'!' if found[key] else ''}{key}" for key in sorted(found))
        else:
            self.pending.pop("delete", None)

    def clean_pending(self) -> None:
        """Drop what would change nothing."""
        for key in [key for key in self.pending if key != "delete"]:
            if self.get(key) == self.pending[key]:
                del self.pending[key]
        self._write_deletions({key: force for key, force in self.deletions().items() if key in self})

    def drives(self) -> Iterator[tuple[str, str]]:
        return ((key, self[key]) for key in sorted(self) if is_drive(key))

    def cloudinit_drive(self) -> str | None:
        """The option that has the cloud-init drive."""
        return next((key for key, value in self.drives() if is_cloudinit(value)), None)


def is_cloudinit(drive: str) -> bool:
    file = drive.split(",", maxsplit=1)[0].removeprefix("file=")
    return re.search(r"[:/](?:vm-\d+-)?cloudinit(?:\.(?:raw|qcow2|vmdk))?$", file) is not None


def _section(values: Mapping[str, str]) -> str:
    lines = [f"#{line}" for line in values.get("description", "").split("\n") if line]
    lines += [f"{key}: {values[key]}" for key in sorted(values) if key != "description"]
    return "".join(f"{line}\n" for line in lines)
