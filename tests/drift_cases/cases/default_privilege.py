from __future__ import annotations

from tests.drift_cases.bench import Case

_D = "ALTER DEFAULT PRIVILEGES FOR ROLE"
_EXTRA = "default_privilege[$db].undeclared"
_TABLES = "default_privilege[$db: $maker, $boss in schema $sky: SELECT on tables to $reader].granted"
_SEQUENCES = "default_privilege[$db: $maker: USAGE, SELECT on sequences to $app].granted"
_FUNCTIONS = "default_privilege[$db: $maker: EXECUTE on functions from PUBLIC].revoked"
_SCHEMAS = "default_privilege[$db: $boss: USAGE on schemas to PUBLIC].granted"
_LARGE = "default_privilege[$db: $boss: SELECT on large_objects to $reader].granted"


def _case(
    name: str, sql: str, red: str | tuple[str, ...], *, since: int = 14, everywhere: bool = False
) -> Case:
    return Case(name, f"{_D} {sql}", red, at="db", since=since, everywhere=everywhere)


CASES = (
    _case(
        "of one creator gone",
        "$maker IN SCHEMA $sky REVOKE SELECT ON TABLES FROM $reader",
        _TABLES,
        everywhere=True,
    ),
    _case(
        "of both creators gone", "$maker, $boss IN SCHEMA $sky REVOKE SELECT ON TABLES FROM $reader", _TABLES
    ),
    _case("one privilege of two gone", "$maker REVOKE USAGE ON SEQUENCES FROM $app", _SEQUENCES),
    _case("grant option gone", "$maker REVOKE GRANT OPTION FOR SELECT ON SEQUENCES FROM $app", _SEQUENCES),
    _case(
        "grant option extra",
        "$maker IN SCHEMA $sky GRANT SELECT ON TABLES TO $reader WITH GRANT OPTION",
        _EXTRA,
    ),
    _case("extra in the schema", "$maker IN SCHEMA $sky GRANT INSERT ON TABLES TO $reader", _EXTRA),
    _case("extra grantee in the schema", "$maker IN SCHEMA $sky GRANT SELECT ON TABLES TO $writer", _EXTRA),
    _case("extra in another schema", "$maker IN SCHEMA $bare GRANT SELECT ON TABLES TO $writer", _EXTRA),
    _case("extra everywhere", "$maker GRANT INSERT ON TABLES TO $writer", _EXTRA, everywhere=True),
    _case("extra everywhere to PUBLIC", "$maker GRANT SELECT ON TABLES TO PUBLIC", _EXTRA),
    _case("of a creator that the spec does not name", "$writer GRANT SELECT ON TABLES TO $reader", _EXTRA),
    _case(
        "built-in right given back",
        "$maker GRANT EXECUTE ON FUNCTIONS TO PUBLIC",
        _FUNCTIONS,
        everywhere=True,
    ),
    _case(
        "built-in right given back in the schema",
        "$maker IN SCHEMA $sky GRANT EXECUTE ON FUNCTIONS TO PUBLIC",
        _EXTRA,
    ),
    _case(
        "extra on functions everywhere, of a creator not named",
        "$writer GRANT EXECUTE ON FUNCTIONS TO $reader",
        _EXTRA,
    ),
    _case("built-in right on types taken", "$maker REVOKE USAGE ON TYPES FROM PUBLIC", _EXTRA),
    _case(
        "built-in right taken from a creator not named",
        "$writer REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC",
        _EXTRA,
    ),
    _case("the creator's own right taken", "$maker REVOKE DELETE ON TABLES FROM $maker", _EXTRA),
    _case("schemas", "$boss REVOKE USAGE ON SCHEMAS FROM PUBLIC", _SCHEMAS),
    _case("extra on schemas", "$boss GRANT CREATE ON SCHEMAS TO $writer", _EXTRA),
    _case("large objects", "$boss REVOKE SELECT ON LARGE OBJECTS FROM $reader", _LARGE, since=18),
    _case(
        "maintain on tables",
        "$maker IN SCHEMA $sky GRANT MAINTAIN ON TABLES TO $reader",
        _EXTRA,
        since=17,
        everywhere=True,
    ),
    Case(
        "a line of the template, in the copy",
        f"{_D} $maker IN SCHEMA $sky REVOKE SELECT ON TABLES FROM $reader",
        "default_privilege[$copy: $maker in schema $sky: SELECT on tables to $reader].granted",
        at="copy",
    ),
    Case(
        "a line of the template, in the template",
        f"{_D} $maker IN SCHEMA $sky REVOKE SELECT ON TABLES FROM $reader",
        "default_privilege[$tpl: $maker in schema $sky: SELECT on tables to $reader].granted",
        at="tpl",
    ),
    Case(
        "extra and missing at once",
        (
            f"{_D} $maker IN SCHEMA $sky REVOKE SELECT ON TABLES FROM $reader",
            f"{_D} $maker IN SCHEMA $sky GRANT UPDATE ON TABLES TO $reader",
            f"{_D} $maker GRANT SELECT ON TABLES TO $reader",
        ),
        (_TABLES, _EXTRA),
        at="db",
    ),
)
