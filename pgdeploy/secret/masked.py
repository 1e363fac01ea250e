"""What stands for a secret wherever one would be shown."""

from __future__ import annotations

MASK = "********"
