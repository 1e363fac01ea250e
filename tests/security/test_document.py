"""Each rule of the threat model names a test that exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_rule_is_held_by_a_test_that_exists() -> None:
    rows = re.findall(
        r"^\| [^|]+ \| (tests/\S+\.py)::(\w+) \|$", (ROOT / "docs/security.md").read_text(), re.MULTILINE
    )
    assert len(rows) > 60
    missing = [
        f"{file}::{name}"
        for file, name in rows
        if f"def {name}(" not in (ROOT / file).read_text(encoding="utf-8")
    ]
    assert missing == []
