"""Where a recovery ends: at the end of WAL, at a time, a position, a name or a transaction."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class RecoveryTarget:
    """`kind` is pgBackRest's word for it; `immediate`: as soon as the backup is consistent. `time` is in seconds since
    1970."""

    kind: str = "default"
    value: str = ""
    time: float | None = None
    timeline: str = ""
    """Left out: the newest that comes from the backup."""

    @classmethod
    def at(cls, seconds: float, timeline: str = "") -> RecoveryTarget:
        """The last transaction that ended at this time or before it."""
        value = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S.%f+00")
        return cls("time", value, seconds, timeline)

    @property
    def options(self) -> list[str]:
        """pgBackRest's options. A target that is not reached is an error, and no shorter recovery."""
        found = [f"--type={self.kind}"]
        if self.kind != "default":
            found.append("--target-action=promote")
        if self.value:
            found.append(f"--target={self.value}")
        if self.timeline:
            found.append(f"--target-timeline={self.timeline}")
        return found

    def __str__(self) -> str:
        words = {
            "default": "the end of WAL",
            "immediate": "the end of the backup",
            "time": "time",
            "lsn": "position",
            "name": "restore point",
        }
        on = f" on timeline {self.timeline}" if self.timeline else ""
        return f"{words.get(self.kind, 'transaction')} {self.value}".strip() + on
