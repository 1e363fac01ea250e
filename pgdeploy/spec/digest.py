"""One number for what a spec says, whatever its comments, spacing, order of keys or files."""

from __future__ import annotations

import hashlib
import json

from pgdeploy.spec.node import Data


def digest(data: Data) -> str:
    """SHA-256 in hexadecimal over the data as canonical JSON; the order of lists counts."""
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("ascii")).hexdigest()
