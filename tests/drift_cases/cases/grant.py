from __future__ import annotations

from tests.drift_cases.bench import Case

_EXTRA = "grant[$db].undeclared"
_READ_ALL = "grant[$db: SELECT on all tables in schema $sky to $reader].granted"
_GALAXY = "grant[$db: SELECT, INSERT on table $sky.$galaxy to $app, $writer].granted"
_COLUMNS = "grant[$db: UPDATE on table $sky.$galaxy ($label, bright) to $app].granted"
_OPTION = "grant[$db: SELECT on table $sky.galaxies to $app].granted"
_SURVEY = "grant[$db: ALL on table $sky.survey to $writer].granted"
_OF = "grant[$db: EXECUTE on function $sky.of(kind kind, OUT x integer, OUT y integer) to $app].granted"
_FUNCTIONS = "grant[$db: EXECUTE on all functions in schema $sky from PUBLIC].revoked"


def _db(name: str, sql: str | tuple[str, ...], red: str | tuple[str, ...] = (), **more: object) -> Case:
    return Case(name, sql, red, at="db", **more)  # type: ignore[arg-type]


def _lost(what: str, line: str, sql: str) -> Case:
    return _db(f"{what}: revoked", sql, f"grant[$db: {line}].granted")


_DATABASE = (
    Case(
        "database: revoked",
        "REVOKE CONNECT ON DATABASE $db FROM $app",
        "grant[$db: CONNECT, TEMP on database to $app].granted",
    ),
    Case("database: extra to a declared role", "GRANT CREATE ON DATABASE $db TO $app", _EXTRA),
    Case(
        "database: extra to an undeclared role",
        "CREATE ROLE $stray; GRANT CREATE ON DATABASE $db TO $stray",
        (_EXTRA, "role[others].undeclared"),
        destructive=True,
    ),
    Case(
        "database: built-in right back",
        "GRANT CONNECT ON DATABASE $db TO PUBLIC",
        "grant[$db: CONNECT, TEMPORARY on database from PUBLIC].revoked",
        everywhere=True,
    ),
    Case("database: extra to PUBLIC", "GRANT CREATE ON DATABASE $db TO PUBLIC", _EXTRA),
    Case(
        "database: the copy's own",
        "REVOKE CONNECT ON DATABASE $copy FROM $reader",
        "grant[$copy: CONNECT on database to $reader].granted",
    ),
    Case("database: NULL is the built-in default", "GRANT CONNECT, TEMPORARY ON DATABASE $tpl TO PUBLIC"),
    Case(
        "database: a closed one", "GRANT CONNECT ON DATABASE $closed TO $writer", "grant[$closed].undeclared"
    ),
    Case(
        "database: one that is not declared",
        "GRANT CREATE ON DATABASE template1 TO $writer",
        "grant[server].undeclared",
    ),
)

_SCHEMA = (
    _lost("schema", "USAGE on schema $sky to $app, $reader", "REVOKE USAGE ON SCHEMA $sky FROM $reader"),
    Case(
        "schema: of the template, in the copy",
        "REVOKE CREATE ON SCHEMA $sky FROM $writer",
        "grant[$copy: USAGE, CREATE on schema $sky to $writer].granted",
        at="copy",
    ),
    Case(
        "schema: revoked in the template, given in the copy",
        "GRANT USAGE ON SCHEMA public TO PUBLIC",
        "grant[$copy: CREATE, USAGE on schema public from PUBLIC].revoked",
        at="copy",
    ),
    _db("schema: extra", "GRANT CREATE ON SCHEMA $sky TO $app", _EXTRA),
    _db(
        "schema: extra to PUBLIC on one that the spec does not name",
        "GRANT CREATE ON SCHEMA $bare TO PUBLIC",
        _EXTRA,
    ),
    _db("schema: extra on public", "GRANT CREATE ON SCHEMA public TO PUBLIC", _EXTRA, since=15),
    _db(
        "schema: what initdb gave on public",
        "REVOKE USAGE ON SCHEMA public FROM PUBLIC",
        cleanup="GRANT USAGE ON SCHEMA public TO PUBLIC",
    ),
)

_TABLE = (
    _db(
        "table: revoked from one of two",
        "REVOKE INSERT ON $sky.$galaxy FROM $writer",
        _GALAXY,
        everywhere=True,
    ),
    _db("table: revoked from both", "REVOKE INSERT ON $sky.$galaxy FROM $writer, $app", _GALAXY),
    _db(
        "table: everything revoked",
        "REVOKE ALL ON $sky.$galaxy FROM $app, $writer, $reader",
        (_GALAXY, _COLUMNS, _READ_ALL),
    ),
    _db("table: extra", "GRANT DELETE ON $sky.$galaxy TO $app", _EXTRA),
    _db("table: extra to PUBLIC", "GRANT SELECT ON $sky.$galaxy TO PUBLIC", _EXTRA),
    _db("table: extra, all of it", "GRANT ALL ON $sky.$galaxy TO $team", _EXTRA, everywhere=True),
    _db("table: extra with grant option", "GRANT DELETE ON $sky.$galaxy TO $app WITH GRANT OPTION", _EXTRA),
    _db(
        "table: only the grant option is extra",
        "GRANT INSERT ON $sky.$galaxy TO $app WITH GRANT OPTION",
        _EXTRA,
    ),
    _db(
        "table: grant option missing",
        "REVOKE GRANT OPTION FOR SELECT ON $sky.galaxies FROM $app",
        _OPTION,
        everywhere=True,
    ),
    _db(
        "table: a privilege and its grant option missing", "REVOKE SELECT ON $sky.galaxies FROM $app", _OPTION
    ),
    _db("table: partitioned", "REVOKE TRIGGER ON $sky.survey FROM $writer", _SURVEY),
    _db(
        "table: foreign",
        "REVOKE INSERT ON $sky.far FROM $writer",
        "grant[$db: INSERT on table $sky.far to $writer].granted",
    ),
    _db("table: extra on a partition", "GRANT DELETE ON $sky.survey_1 TO $writer", _EXTRA),
    _db("table: extra on a view", "GRANT INSERT ON $sky.galaxies TO $writer", _EXTRA),
    _db("table: extra on a materialized view", "GRANT SELECT ON $sky.brightest TO $writer", _EXTRA),
    _db("table: extra on a partitioned one", "GRANT SELECT ON $sky.survey TO $app", _EXTRA),
    _db(
        "table: to a declared role where the spec names nothing",
        "GRANT SELECT ON $bare.thing TO $writer",
        _EXTRA,
    ),
    _db("table: to PUBLIC where the spec names nothing", "GRANT SELECT ON $bare.thing TO PUBLIC", _EXTRA),
    _db(
        "table: an undeclared role's privileges where the spec names nothing are its own business",
        "CREATE ROLE $stray; GRANT SELECT ON $bare.thing TO $stray",
        "role[others].undeclared",
        destructive=True,
    ),
    _db("table: of the catalogue", "GRANT SELECT ON pg_authid TO $writer", _EXTRA),
    _db("table: what everybody may is explicit, too", "GRANT SELECT ON pg_class TO $writer", _EXTRA),
    _db(
        "table: gone",
        "DROP FOREIGN TABLE $sky.far",
        "grant[$db: INSERT on table $sky.far to $writer].granted",
        stuck="grant[$db: INSERT on table $sky.far to $writer].granted",
        cleanup="CREATE FOREIGN TABLE $sky.far (id int) SERVER $archive; ALTER TABLE $sky.far OWNER TO $maker;"
        "GRANT INSERT ON $sky.far TO $writer; GRANT SELECT ON $sky.far TO $reader",
    ),
    _db(
        "table: maintain revoked",
        "REVOKE MAINTAIN ON $sky.$galaxy FROM $ops",
        "grant[$db: MAINTAIN on table $sky.$galaxy to $ops].granted",
        since=17,
        everywhere=True,
    ),
    _db(
        "table: all means maintain, too",
        "REVOKE MAINTAIN ON $sky.survey FROM $writer",
        _SURVEY,
        since=17,
        everywhere=True,
    ),
    _db(
        "table: extra maintain",
        "GRANT MAINTAIN ON $sky.$galaxy TO $writer",
        _EXTRA,
        since=17,
        everywhere=True,
    ),
    _db(
        "table: the same from two grantors",
        "GRANT UPDATE ON $sky.galaxies TO $app WITH GRANT OPTION; SET ROLE $app;"
        "GRANT UPDATE ON $sky.galaxies TO $writer; RESET ROLE; GRANT UPDATE ON $sky.galaxies TO $writer",
        _EXTRA,
        everywhere=True,
    ),
    _db(
        "table: extra from a grantor that keeps its grant option",
        "SET ROLE $app; GRANT SELECT ON $sky.galaxies TO $writer",
        _EXTRA,
    ),
    _db(
        "table: the owner's grant gone, another's is as good",
        "SET ROLE $app; GRANT SELECT ON $sky.galaxies TO $reader;"
        "RESET ROLE; REVOKE SELECT ON $sky.galaxies FROM $reader",
        cleanup="GRANT SELECT ON $sky.galaxies TO $reader; SET ROLE $app; REVOKE SELECT ON $sky.galaxies FROM $reader",
    ),
    _db(
        "table: a chain of grants",
        "GRANT DELETE ON $sky.galaxies TO $app WITH GRANT OPTION; SET ROLE $app;"
        "GRANT DELETE ON $sky.galaxies TO $reader WITH GRANT OPTION; SET ROLE $reader;"
        "GRANT DELETE ON $sky.galaxies TO $team",
        _EXTRA,
    ),
)

_ALL = (
    _db("all tables: one lacks it", "REVOKE SELECT ON $sky.survey FROM $reader", _READ_ALL),
    _db("all tables: the view lacks it", "REVOKE SELECT ON $sky.galaxies FROM $reader", _READ_ALL),
    _db(
        "all tables: none has it",
        "REVOKE SELECT ON ALL TABLES IN SCHEMA $sky FROM $reader",
        _READ_ALL,
        everywhere=True,
    ),
    _db(
        "all tables: a new one",
        "CREATE TABLE $sky.fresh (); ALTER TABLE $sky.fresh OWNER TO $maker",
        _READ_ALL,
        cleanup="DROP TABLE $sky.fresh",
    ),
    _db(
        "all tables: a new one of a declared creator has it by default privileges",
        "SET ROLE $maker; CREATE TABLE $sky.fresh (id serial)",
        cleanup="DROP TABLE $sky.fresh",
        everywhere=True,
    ),
    _db("all tables: extra", "GRANT UPDATE ON ALL TABLES IN SCHEMA $sky TO $reader", _EXTRA),
    _db(
        "all sequences: one lacks it",
        "REVOKE USAGE ON SEQUENCE $sky.$counter FROM $app",
        "grant[$db: USAGE on all sequences in schema $sky to $app].granted",
    ),
)

_COLUMN = (
    _db("column: revoked", "REVOKE UPDATE ($label) ON $sky.$galaxy FROM $app", _COLUMNS, everywhere=True),
    _db("column: both revoked", "REVOKE UPDATE ($label, bright) ON $sky.$galaxy FROM $app", _COLUMNS),
    _db("column: extra", "GRANT UPDATE (id) ON $sky.$galaxy TO $app", _EXTRA),
    _db(
        "column: extra on a declared one",
        "GRANT INSERT ($label), REFERENCES ($label) ON $sky.$galaxy TO $team",
        _EXTRA,
    ),
    _db("column: extra to PUBLIC", "GRANT SELECT (id) ON $bare.thing TO PUBLIC", _EXTRA),
    _db(
        "column: of a materialized view",
        "REVOKE SELECT ($label) ON $sky.brightest FROM $app",
        "grant[$db: SELECT on table $sky.brightest ($label) to $app].granted",
    ),
    _db(
        "column: its privilege on the whole table is extra",
        "GRANT UPDATE ON $sky.$galaxy TO $app",
        _EXTRA,
        also=_COLUMNS,
        everywhere=True,
    ),
    _db(
        "column: extra with grant option",
        "GRANT UPDATE ($label) ON $sky.$galaxy TO $app WITH GRANT OPTION",
        _EXTRA,
    ),
    _db(
        "column: gone",
        "ALTER TABLE $sky.$galaxy DROP COLUMN bright CASCADE",
        _COLUMNS,
        stuck=_COLUMNS,
        since=99,
    ),
)

_SEQUENCE = (
    _lost(
        "sequence",
        "SELECT on sequence $sky.$counter to $reader",
        "REVOKE SELECT ON SEQUENCE $sky.$counter FROM $reader",
    ),
    _db("sequence: extra", "GRANT UPDATE ON SEQUENCE $sky.$counter TO $writer", _EXTRA),
)

_ROUTINE = (
    _lost(
        "function",
        "EXECUTE on function $sky.$area(int4) to $app",
        "REVOKE EXECUTE ON FUNCTION $sky.$area(int) FROM $app",
    ),
    _lost(
        "function of other types",
        "EXECUTE on function $sky.scale($magnitude_type, text[]) to $app",
        "REVOKE EXECUTE ON FUNCTION $sky.scale FROM $app",
    ),
    _lost(
        "aggregate",
        "EXECUTE on function $sky.total to $app",
        "REVOKE EXECUTE ON FUNCTION $sky.total(int) FROM $app",
    ),
    _lost(
        "procedure",
        "EXECUTE on procedure $sky.tidy to $writer",
        "REVOKE EXECUTE ON PROCEDURE $sky.tidy() FROM $writer",
    ),
    _lost(
        "procedure beside one that returns what this one takes",
        "EXECUTE on procedure $sky.tally(int4) to $writer",
        "REVOKE EXECUTE ON PROCEDURE $sky.tally(INOUT int) FROM $writer",
    ),
    _db(
        "procedure: extra on another overload",
        (
            "GRANT EXECUTE ON PROCEDURE $sky.tally() TO $writer",
            "GRANT EXECUTE ON PROCEDURE $sky.tally(IN text) TO $app",
        ),
        _EXTRA,
    ),
    _lost(
        "variadic function",
        "EXECUTE on function $sky.labels(prefix text, VARIADIC names _text) to $app",
        "REVOKE EXECUTE ON FUNCTION $sky.labels(text, VARIADIC text[]) FROM $app",
    ),
    _lost(
        "function with names and OUT arguments",
        _OF.removeprefix("grant[$db: ").removesuffix("].granted"),
        "REVOKE EXECUTE ON FUNCTION $sky.of FROM $app",
    ),
    _db(
        "function: a name that fits two is one red line, and nothing is revoked for it",
        (
            "CREATE TYPE $bare.kind AS ENUM ('new')",
            "CREATE FUNCTION $sky.of($bare.kind) RETURNS int LANGUAGE sql AS 'SELECT 1'",
            "REVOKE EXECUTE ON FUNCTION $sky.of($bare.kind) FROM PUBLIC",
        ),
        _OF,
        stuck=_OF,
        cleanup=("DROP FUNCTION $sky.of($bare.kind)", "DROP TYPE $bare.kind"),
    ),
    _lost(
        "function of PostgreSQL",
        "EXECUTE on function pg_catalog.pg_ls_dir(dirname text) to $ops",
        "REVOKE EXECUTE ON FUNCTION pg_ls_dir(text) FROM $ops",
    ),
    _lost(
        "view of information_schema",
        "SELECT on table information_schema.sql_features to $app",
        "REVOKE SELECT ON information_schema.sql_features FROM $app",
    ),
    _db(
        "view of information_schema: extra to PUBLIC",
        "GRANT INSERT ON information_schema.sql_features TO PUBLIC",
        _EXTRA,
    ),
    _db("function: extra on another overload", "GRANT EXECUTE ON FUNCTION $sky.$area(text) TO $app", _EXTRA),
    _db(
        "function: built-in right back",
        "GRANT EXECUTE ON FUNCTION $sky.$area(int) TO PUBLIC",
        _FUNCTIONS,
        everywhere=True,
    ),
    _db("aggregate: built-in right back", "GRANT EXECUTE ON FUNCTION $sky.total(int) TO PUBLIC", _FUNCTIONS),
    _db(
        "procedure: built-in right back",
        "GRANT EXECUTE ON PROCEDURE $sky.tidy TO PUBLIC",
        "grant[$db: EXECUTE on all procedures in schema $sky from PUBLIC].revoked",
    ),
    _db(
        "function: a new overload has the built-in right",
        "CREATE FUNCTION $sky.$area(int, int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
        _FUNCTIONS,
        cleanup="DROP FUNCTION $sky.$area(int, int)",
    ),
    _db(
        "function: to a declared role where the spec names nothing",
        "GRANT EXECUTE ON FUNCTION $bare.helper() TO $app",
        _EXTRA,
    ),
    _db("function: of the catalogue", "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO $app", _EXTRA),
    _db(
        "function: the owner's own right is the owner's business",
        "REVOKE EXECUTE ON FUNCTION $bare.helper() FROM postgres",
        cleanup="GRANT EXECUTE ON FUNCTION $bare.helper() TO postgres",
    ),
)

_TYPE = (
    _lost("type", "USAGE on type $sky.$magnitude to $app", "REVOKE USAGE ON TYPE $sky.$magnitude FROM $app"),
    _lost("domain", "USAGE on type $sky.positive to $app", "REVOKE USAGE ON DOMAIN $sky.positive FROM $app"),
    _db(
        "type: built-in right back",
        "GRANT USAGE ON TYPE $sky.$magnitude TO PUBLIC",
        "grant[$db: USAGE on type $sky.$magnitude from PUBLIC].revoked",
    ),
    _db("type: extra", "GRANT USAGE ON TYPE $sky.$magnitude TO $writer", _EXTRA),
    _db("type: extra on a composite", "GRANT USAGE ON TYPE $sky.pair TO $writer", _EXTRA),
    _db("type: of the catalogue", "GRANT USAGE ON TYPE int4 TO $writer", _EXTRA),
    _db(
        "type: a domain over an array",
        "CREATE DOMAIN $bare.list AS int[]; GRANT USAGE ON DOMAIN $bare.list TO $writer",
        _EXTRA,
        cleanup="DROP DOMAIN $bare.list",
    ),
    _db(
        "type: a range",
        "CREATE TYPE $bare.span AS RANGE (SUBTYPE = int); GRANT USAGE ON TYPE $bare.span TO $writer",
        _EXTRA,
        cleanup="DROP TYPE $bare.span",
    ),
    _db(
        "type: only its array, which can hold nothing",
        "CREATE TYPE $bare.kind AS ENUM ()",
        cleanup="DROP TYPE $bare.kind",
    ),
)

_OTHERS = (
    _lost("language", "USAGE on language plpgsql to $app", "REVOKE USAGE ON LANGUAGE plpgsql FROM $app"),
    _db("language: extra", "GRANT USAGE ON LANGUAGE sql TO $app", _EXTRA),
    _lost(
        "foreign server",
        "USAGE on foreign server $archive to $app",
        "REVOKE USAGE ON FOREIGN SERVER $archive FROM $app",
    ),
    _db("foreign server: extra", "GRANT USAGE ON FOREIGN SERVER $archive TO PUBLIC", _EXTRA),
    _lost(
        "foreign-data wrapper",
        "USAGE on foreign data wrapper $archive_fdw to $app",
        "REVOKE USAGE ON FOREIGN DATA WRAPPER $archive_fdw FROM $app",
    ),
    _db(
        "foreign-data wrapper: extra",
        "GRANT USAGE ON FOREIGN DATA WRAPPER $archive_fdw TO $team WITH GRANT OPTION",
        _EXTRA,
    ),
    _db(
        "function: built-in right back on all",
        "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA $sky TO PUBLIC",
        _FUNCTIONS,
    ),
    _db(
        "by hand, on what a creator made that has no default privileges",
        "CREATE SEQUENCE $bare.odd; GRANT USAGE, SELECT ON SEQUENCE $bare.odd TO $app WITH GRANT OPTION",
        _EXTRA,
        cleanup="DROP SEQUENCE $bare.odd",
        everywhere=True,
    ),
    _db(
        "by default privileges, on what their creator made",
        (
            "CREATE SEQUENCE $bare.odd; ALTER SEQUENCE $bare.odd OWNER TO $maker",
            "GRANT USAGE, SELECT ON SEQUENCE $bare.odd TO $app WITH GRANT OPTION",
        ),
        cleanup="DROP SEQUENCE $bare.odd",
    ),
    _db(
        "large object: to a declared role",
        "SELECT lo_create(4711); GRANT SELECT ON LARGE OBJECT 4711 TO $writer",
        _EXTRA,
        cleanup="SELECT lo_unlink(4711)",
    ),
    _db(
        "large object: to PUBLIC",
        "SELECT lo_create(4712); GRANT SELECT ON LARGE OBJECT 4712 TO PUBLIC",
        _EXTRA,
        cleanup="SELECT lo_unlink(4712)",
    ),
    Case(
        "tablespace: revoked",
        "REVOKE CREATE ON TABLESPACE $disk FROM $app",
        "grant[server: CREATE on tablespace $disk to $app].granted",
    ),
    Case(
        "tablespace: given to PUBLIC",
        "GRANT CREATE ON TABLESPACE $disk TO PUBLIC",
        "grant[server: CREATE on tablespace $disk from PUBLIC].revoked",
    ),
    Case("tablespace: extra", "GRANT CREATE ON TABLESPACE $disk TO $team", "grant[server].undeclared"),
    Case(
        "tablespace: extra on one that the spec does not name",
        "GRANT CREATE ON TABLESPACE pg_default TO $app",
        "grant[server].undeclared",
    ),
    Case(
        "parameter: revoked",
        "REVOKE SET ON PARAMETER log_statement FROM $ops",
        "grant[server: SET, ALTER SYSTEM on parameter log_statement to $ops].granted",
        since=15,
    ),
    Case(
        "parameter: the last one revoked",
        "REVOKE ALL ON PARAMETER log_statement FROM $ops",
        "grant[server: SET, ALTER SYSTEM on parameter log_statement to $ops].granted",
        since=15,
        everywhere=True,
    ),
    Case(
        "parameter: grant option missing",
        "REVOKE GRANT OPTION FOR SET ON PARAMETER log_duration FROM $app",
        "grant[server: SET on parameter log_duration to $app].granted",
        since=15,
    ),
    Case(
        "parameter: extra",
        "GRANT ALTER SYSTEM ON PARAMETER log_statement TO $app",
        "grant[server].undeclared",
        since=15,
    ),
    Case(
        "parameter: extra on one that the spec does not name",
        "GRANT SET ON PARAMETER session_replication_role TO $app",
        "grant[server].undeclared",
        since=15,
        everywhere=True,
    ),
    Case(
        "parameter: extra on one that the server does not know",
        "GRANT SET ON PARAMETER my.thing TO PUBLIC",
        "grant[server].undeclared",
        since=15,
    ),
    Case(
        "in a database that the spec does not name",
        "CREATE TABLE thing (); GRANT SELECT ON thing TO $app",
        "grant[other databases].undeclared",
        stuck="grant[other databases].undeclared",
        cleanup="DROP TABLE thing",
        everywhere=True,
    ),
)


def _through_another(on: str, word: str, who: str, line: str, at: str = "db", **more: object) -> Case:
    """What the spec declares was granted by somebody whose own grant option is extra, and is taken away."""
    red = _EXTRA if at == "db" else "grant[server].undeclared"
    sql = (
        f"GRANT USAGE ON SCHEMA $sky TO $team; GRANT {word} ON {on} TO $team WITH GRANT OPTION"
        if at == "db"
        else f"GRANT {word} ON {on} TO $team WITH GRANT OPTION",
        f"REVOKE {word} ON {on} FROM {who}; SET ROLE $team; GRANT {word} ON {on} TO {who}; RESET ROLE",
    )
    return Case(f"through another: {line}", sql, red, at=at, also=f"grant[{line}].granted", **more)  # type: ignore[arg-type]


_THROUGH = (
    _through_another("DATABASE $db", "CONNECT", "$app", "$db: CONNECT, TEMP on database to $app"),
    _through_another("SCHEMA $sky", "USAGE", "$reader", "$db: USAGE on schema $sky to $app, $reader"),
    _through_another(
        "$sky.survey", "DELETE", "$writer", "$db: ALL on table $sky.survey to $writer", everywhere=True
    ),
    _through_another(
        "$sky.survey", "SELECT", "$reader", "$db: SELECT on all tables in schema $sky to $reader"
    ),
    _through_another(
        "SEQUENCE $sky.$counter", "SELECT", "$reader", "$db: SELECT on sequence $sky.$counter to $reader"
    ),
    _through_another("FUNCTION $sky.total", "EXECUTE", "$app", "$db: EXECUTE on function $sky.total to $app"),
    _through_another(
        "PROCEDURE $sky.tidy", "EXECUTE", "$writer", "$db: EXECUTE on procedure $sky.tidy to $writer"
    ),
    _through_another("TYPE $sky.positive", "USAGE", "$app", "$db: USAGE on type $sky.positive to $app"),
    _through_another("LANGUAGE plpgsql", "USAGE", "$app", "$db: USAGE on language plpgsql to $app"),
    _through_another(
        "FOREIGN SERVER $archive", "USAGE", "$app", "$db: USAGE on foreign server $archive to $app"
    ),
    _through_another(
        "FOREIGN DATA WRAPPER $archive_fdw",
        "USAGE",
        "$app",
        "$db: USAGE on foreign data wrapper $archive_fdw to $app",
    ),
    _through_another(
        "TABLESPACE $disk", "CREATE", "$app", "server: CREATE on tablespace $disk to $app", at="postgres"
    ),
    _through_another(
        "PARAMETER log_statement",
        "SET",
        "$ops",
        "server: SET, ALTER SYSTEM on parameter log_statement to $ops",
        at="postgres",
        since=15,
    ),
    _db(
        "through another, whose option alone is extra",
        (
            "GRANT INSERT ON $sky.$galaxy TO $writer WITH GRANT OPTION; REVOKE INSERT ON $sky.$galaxy FROM $app",
            "GRANT USAGE ON SCHEMA $sky TO $writer; SET ROLE $writer",
            "GRANT INSERT ON $sky.$galaxy TO $app; RESET ROLE; REVOKE USAGE ON SCHEMA $sky FROM $writer",
        ),
        _EXTRA,
        also=_GALAXY,
        everywhere=True,
    ),
    _db(
        "through another, down a chain",
        (
            "GRANT USAGE ON SCHEMA $sky TO $team, $ops; REVOKE DELETE ON $sky.survey FROM $writer",
            "GRANT DELETE ON $sky.survey TO $team WITH GRANT OPTION; SET ROLE $team",
            "GRANT DELETE ON $sky.survey TO $ops WITH GRANT OPTION; SET ROLE $ops",
            "GRANT DELETE ON $sky.survey TO $writer WITH GRANT OPTION; RESET ROLE",
        ),
        _EXTRA,
        also=_SURVEY,
    ),
    _db(
        "through another as well",
        (
            "GRANT USAGE ON SCHEMA $sky TO $app, $team; GRANT SELECT ON $sky.galaxies TO $team WITH GRANT OPTION",
            "SET ROLE $team; GRANT SELECT ON $sky.galaxies TO $app WITH GRANT OPTION; RESET ROLE",
        ),
        _EXTRA,
    ),
    Case(
        "through a role that goes",
        (
            "CREATE ROLE $left; GRANT USAGE ON SCHEMA $sky TO $left",
            "GRANT DELETE ON $sky.survey TO $left WITH GRANT OPTION; REVOKE DELETE ON $sky.survey FROM $writer",
            "SET ROLE $left; GRANT DELETE ON $sky.survey TO $writer; RESET ROLE",
        ),
        ("role[$left].absent", _EXTRA),
        at="db",
        also=_SURVEY,
        destructive=True,
        everywhere=True,
    ),
    Case(
        "to a role that goes, by another than the owner",
        (
            "CREATE ROLE $left; GRANT SELECT ON $sky.galaxies TO $app WITH GRANT OPTION; SET ROLE $app",
            "GRANT SELECT ON $sky.galaxies TO $left; RESET ROLE",
        ),
        ("role[$left].absent", _EXTRA),
        at="db",
        destructive=True,
        everywhere=True,
    ),
    Case(
        "on a schema, to a role that goes, by another than the owner",
        (
            "CREATE ROLE $left; GRANT USAGE ON SCHEMA $bare TO $maker WITH GRANT OPTION; SET ROLE $maker",
            "GRANT USAGE ON SCHEMA $bare TO $left WITH GRANT OPTION; RESET ROLE",
        ),
        ("role[$left].absent", _EXTRA),
        at="db",
        destructive=True,
    ),
)

CASES = (*_DATABASE, *_SCHEMA, *_TABLE, *_ALL, *_COLUMN, *_SEQUENCE, *_ROUTINE, *_TYPE, *_OTHERS, *_THROUGH)
