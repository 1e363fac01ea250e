from __future__ import annotations

from tests.drift_cases.bench import Case

_TABLE, _PARTED = "row_security[$db: table tools.$label]", "row_security[$db: table tools.parted]"
_PLAIN = "row_security[$db: table tools.open]"


def _case(what: str, sql: str, red: str | tuple[str, ...], *, everywhere: bool = False) -> Case:
    return Case(what, sql, red, at="db", everywhere=everywhere)


CASES = (
    _case("off", "ALTER TABLE tools.$label DISABLE ROW LEVEL SECURITY", f"{_TABLE}.enabled", everywhere=True),
    _case("no more forced", "ALTER TABLE tools.$label NO FORCE ROW LEVEL SECURITY", f"{_TABLE}.forced"),
    _case(
        "off and no more forced",
        "ALTER TABLE tools.$label DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY",
        (f"{_TABLE}.enabled", f"{_TABLE}.forced"),
    ),
    _case(
        "off on a partitioned table",
        "ALTER TABLE tools.parted DISABLE ROW LEVEL SECURITY",
        f"{_PARTED}.enabled",
    ),
    _case(
        "on where it is to be off", "ALTER TABLE tools.open ENABLE ROW LEVEL SECURITY", f"{_PLAIN}.enabled"
    ),
    Case(
        "forced, of which nothing is said",
        "ALTER TABLE tools.open FORCE ROW LEVEL SECURITY",
        at="db",
        cleanup="ALTER TABLE tools.open NO FORCE ROW LEVEL SECURITY",
    ),
    Case(
        "policies, of which nothing is said",
        "CREATE POLICY more ON tools.parted USING (true)",
        at="db",
        cleanup="DROP POLICY more ON tools.parted",
    ),
    Case(
        "a policy of the same name, made anew",
        "DROP POLICY own ON tools.$label; CREATE POLICY own ON tools.$label FOR SELECT USING (false)",
        at="db",
    ),
    Case(
        "one more policy",
        "CREATE POLICY $counter ON tools.$label USING (true)",
        f"{_TABLE}.policies",
        at="db",
        stuck=f"{_TABLE}.policies",
        cleanup="DROP POLICY $counter ON tools.$label",
        everywhere=True,
    ),
    Case(
        "a policy is not there: it is not switched on before it is",
        (
            "ALTER TABLE tools.$label DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY",
            "DROP POLICY $area ON tools.$label",
        ),
        (f"{_TABLE}.policies", f"{_TABLE}.enabled", f"{_TABLE}.forced"),
        at="db",
        stuck=(f"{_TABLE}.policies", f"{_TABLE}.enabled"),
        cleanup=(
            "CREATE POLICY $area ON tools.$label USING (true)",
            "ALTER TABLE tools.$label ENABLE ROW LEVEL SECURITY",
        ),
    ),
    Case(
        "a view in its place",
        "ALTER TABLE tools.$label RENAME TO moved; CREATE VIEW tools.$label AS SELECT * FROM tools.moved",
        tuple(f"{_TABLE}.{field}" for field in ("enabled", "forced", "policies")),
        at="db",
        stuck=tuple(f"{_TABLE}.{field}" for field in ("enabled", "forced", "policies")),
        cleanup="DROP VIEW tools.$label; ALTER TABLE tools.moved RENAME TO $label",
    ),
    Case(
        "the table gone",
        "ALTER TABLE tools.open RENAME TO moved",
        f"{_PLAIN}.enabled",
        at="db",
        stuck=f"{_PLAIN}.enabled",
        cleanup="ALTER TABLE tools.moved RENAME TO open",
    ),
)
