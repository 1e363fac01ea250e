from __future__ import annotations

from tests.drift_cases.bench import Case

_ID, _EVERY = "publication[$db: $galaxy]", "publication[$db: every]"

CASES = (
    Case("owner", "ALTER PUBLICATION $galaxy OWNER TO $writer", f"{_ID}.owner", at="db", everywhere=True),
    Case(
        "owner, of which nothing is said",
        "ALTER PUBLICATION every OWNER TO $boss",
        at="db",
        cleanup="ALTER PUBLICATION every OWNER TO postgres",
    ),
    Case(
        "what it publishes is a migration's",
        "ALTER PUBLICATION $galaxy SET (publish = 'delete'); ALTER PUBLICATION $galaxy ADD TABLE $sky.$galaxy",
        at="db",
        cleanup="ALTER PUBLICATION $galaxy DROP TABLE $sky.$galaxy",
    ),
    Case(
        "for all tables where it is to be for some",
        "DROP PUBLICATION $galaxy; CREATE PUBLICATION $galaxy FOR ALL TABLES WITH (publish = 'insert')",
        (f"{_ID}.owner", f"{_ID}.all_tables"),
        at="db",
        stuck=f"{_ID}.all_tables",
        cleanup=(
            "DROP PUBLICATION $galaxy; CREATE PUBLICATION $galaxy; ALTER PUBLICATION $galaxy OWNER TO $maker"
        ),
    ),
    Case(
        "for some tables where it is to be for all",
        "DROP PUBLICATION every; CREATE PUBLICATION every FOR TABLE $sky.$galaxy",
        f"{_EVERY}.all_tables",
        at="db",
        stuck=f"{_EVERY}.all_tables",
        cleanup="DROP PUBLICATION every; CREATE PUBLICATION every FOR ALL TABLES WITH (publish = 'insert')",
    ),
    Case(
        "gone",
        "ALTER PUBLICATION $galaxy RENAME TO moved",
        f"{_ID}.exists",
        at="db",
        stuck=(f"{_ID}.exists", f"{_ID}.owner", f"{_ID}.all_tables"),
        cleanup="ALTER PUBLICATION moved RENAME TO $galaxy",
        everywhere=True,
    ),
    Case(
        "there, and to be absent",
        "CREATE PUBLICATION $counter",
        "publication[$db: $counter].absent",
        at="db",
        destructive=True,
        everywhere=True,
    ),
    Case("one more", "CREATE PUBLICATION moved", at="db", cleanup="DROP PUBLICATION moved"),
    Case("one of another database", "CREATE PUBLICATION $counter", cleanup="DROP PUBLICATION $counter"),
)
