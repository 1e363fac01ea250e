from __future__ import annotations

from tests.drift_cases.bench import Case

_TABLES = "ownership[$db: all tables in schema $sky].owner"


def _owner(what: str, check: str, *, destructive: bool = False) -> Case:
    return Case(
        what,
        f"ALTER {what} OWNER TO $team",
        f"ownership[$db: {check}].owner",
        at="db",
        destructive=destructive,
    )


def _in_all(what: str) -> Case:
    """What $team made can run code, which would run with the new owner's rights from then on."""
    return Case(what, f"ALTER {what} OWNER TO $team", _TABLES, at="db", destructive=True)


CASES = (
    _in_all("TABLE $sky.$galaxy"),
    _in_all("TABLE $sky.survey"),
    _in_all("VIEW $sky.galaxies"),
    _in_all("MATERIALIZED VIEW $sky.brightest"),
    _in_all("FOREIGN TABLE $sky.far"),
    Case(
        "table, to somebody with privileges on it",
        "ALTER TABLE $sky.$galaxy OWNER TO $writer",
        _TABLES,
        at="db",
        destructive=True,
        also="grant[$db: SELECT, INSERT on table $sky.$galaxy to $app, $writer].granted",
    ),
    Case(
        "a table of the superuser is nobody's trick",
        "ALTER TABLE $sky.$galaxy OWNER TO postgres",
        _TABLES,
        at="db",
    ),
    Case(
        "a view of one who may act as the owner already",
        ("GRANT $maker TO $team", "ALTER VIEW $sky.galaxies OWNER TO $team"),
        (_TABLES, "membership[$team].undeclared"),
        at="db",
        cleanup="REVOKE $maker FROM $team",
    ),
    Case(
        "new table",
        "CREATE TABLE $sky.fresh ()",
        (_TABLES, "grant[$db: SELECT on all tables in schema $sky to $reader].granted"),
        at="db",
        cleanup="DROP TABLE $sky.fresh",
    ),
    _owner("SEQUENCE $sky.$counter", "sequence $sky.$counter"),
    _owner("FUNCTION $sky.$area(int)", "function $sky.$area(integer)", destructive=True),
    Case(
        "another overload is not meant",
        "ALTER FUNCTION $sky.$area(text) OWNER TO $writer",
        at="db",
        cleanup="ALTER FUNCTION $sky.$area(text) OWNER TO postgres",
    ),
    _owner("PROCEDURE $sky.tidy()", "procedure $sky.tidy", destructive=True),
    _owner("PROCEDURE $sky.tally(INOUT int)", "procedure $sky.tally(INOUT n integer)", destructive=True),
    _owner("TYPE $sky.$magnitude", "type $sky.$magnitude"),
    Case(
        "foreign server",
        "ALTER SERVER $archive OWNER TO postgres",
        "ownership[$db: foreign server $archive].owner",
        at="db",
    ),
    Case(
        "foreign-data wrapper",
        "ALTER FOREIGN DATA WRAPPER $archive_fdw OWNER TO postgres",
        "ownership[$db: foreign data wrapper $archive_fdw].owner",
        at="db",
    ),
    Case(
        "object gone",
        "DROP PROCEDURE $sky.tidy()",
        (
            "ownership[$db: procedure $sky.tidy].owner",
            "grant[$db: EXECUTE on procedure $sky.tidy to $writer].granted",
        ),
        at="db",
        stuck=(
            "ownership[$db: procedure $sky.tidy].owner",
            "grant[$db: EXECUTE on procedure $sky.tidy to $writer].granted",
        ),
        cleanup=(
            "CREATE PROCEDURE $sky.tidy() LANGUAGE sql AS 'SELECT 1'",
            "ALTER PROCEDURE $sky.tidy() OWNER TO $maker",
            "REVOKE EXECUTE ON PROCEDURE $sky.tidy() FROM PUBLIC",
            "GRANT EXECUTE ON PROCEDURE $sky.tidy() TO $writer",
        ),
    ),
)
