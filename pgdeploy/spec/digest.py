"""One number for what a spec says, whatever its comments, spacing, order of keys or files.

It travels in plans, reports and the host's record. Of what may be a secret no plain hash goes into it, at which
somebody could guess quickly, but a slow one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

from pgdeploy.secret.place import HBA_OPTIONS, holds_secret
from pgdeploy.secret.reference import MASK, slow_hash
from pgdeploy.spec.node import Data


def digest(data: Data) -> str:
    """SHA-256 in hexadecimal over the data as canonical JSON; the order of lists counts."""
    shown, whole = _canonical(_masked(data)), _canonical(data)
    text = shown if shown == whole else shown + slow_hash(whole, shown)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def _canonical(data: Data) -> str:
    return json.dumps(data, sort_keys=True, separators=(",", ":"))


def _masked(data: Data) -> Data:
    if isinstance(data, Mapping):
        return {key: _masked_value(str(key), value) for key, value in data.items()}
    return [_masked(item) for item in data] if isinstance(data, list) else data


def _masked_value(key: str, value: Data) -> Data:
    if isinstance(value, str) and (key in HBA_OPTIONS or holds_secret(key)):
        return MASK
    return _masked(value)
