from __future__ import annotations

from tests.drift_cases.bench import Case

CASES = (
    Case(
        "a type that something is granted on, to a role that is only granted something",
        "ALTER DOMAIN $sky.positive OWNER TO $writer",
        "ownership[$db].undeclared",
        at="db",
        stuck="ownership[$db].undeclared",
        cleanup="ALTER DOMAIN $sky.positive OWNER TO $maker",
        everywhere=True,
    ),
    Case(
        "a type that something is granted on, to a role of which the spec says that it makes things here",
        "ALTER DOMAIN $sky.positive OWNER TO $boss",
        at="db",
        cleanup="ALTER DOMAIN $sky.positive OWNER TO $maker",
    ),
)
