from __future__ import annotations

from tests.redgreen.bench import Case

CASES = (
    Case("owner", "ALTER SCHEMA $sky OWNER TO $boss", "schema[$copy: $sky].owner", at="copy"),
    Case("owner in the template", "ALTER SCHEMA $sky OWNER TO $boss", "schema[$tpl: $sky].owner", at="tpl"),
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
