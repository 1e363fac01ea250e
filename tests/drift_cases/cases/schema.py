from __future__ import annotations

from tests.drift_cases.bench import Case

CASES = (
    Case("owner", "ALTER SCHEMA $sky OWNER TO $boss", "schema[$copy: $sky].owner", at="copy"),
    Case("owner in the template", "ALTER SCHEMA $sky OWNER TO $boss", "schema[$tpl: $sky].owner", at="tpl"),
    Case(
        "owner, not written, taken",
        "ALTER SCHEMA tools OWNER TO $writer",
        "schema[$db: tools].undeclared_attributes",
        at="db",
        everywhere=True,
    ),
    Case(
        "owner, not written, is the database's",
        "ALTER SCHEMA tools OWNER TO $maker",
        at="db",
        cleanup="ALTER SCHEMA tools OWNER TO postgres",
    ),
    Case(
        "owner, not written, is whoever owns the database",
        "ALTER SCHEMA tools OWNER TO pg_database_owner",
        at="db",
        cleanup="ALTER SCHEMA tools OWNER TO postgres",
    ),
    Case("dropped", "DROP SCHEMA $sky", "schema[$copy: $sky].exists", at="copy", everywhere=True),
    Case(
        "renamed, with what was granted on it",
        "ALTER SCHEMA $sky RENAME TO moved",
        ("schema[$tpl: $sky].exists", "grant[$tpl].undeclared", "default_privilege[$tpl].undeclared"),
        at="tpl",
        cleanup="DROP SCHEMA moved",
    ),
    Case("one more is nobody's business", "CREATE SCHEMA moved", at="db", cleanup="DROP SCHEMA moved"),
)
