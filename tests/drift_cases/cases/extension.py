from __future__ import annotations

from tests.drift_cases.bench import Case

_ID = "extension[$db: $extension]"

CASES = (
    Case("dropped", "DROP EXTENSION $extension", f"{_ID}.installed", at="db", everywhere=True),
    Case(
        "in another schema",
        "ALTER EXTENSION $extension SET SCHEMA public",
        f"{_ID}.schema",
        at="db",
        everywhere=True,
    ),
    Case(
        "an old version",
        "DROP EXTENSION $extension; CREATE EXTENSION $extension SCHEMA tools VERSION '1.4'",
        f"{_ID}.version",
        at="db",
        until=15,
        everywhere=True,
    ),
)
