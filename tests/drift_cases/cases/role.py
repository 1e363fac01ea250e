from __future__ import annotations

from tests.drift_cases.bench import Case

CASES = (
    *(
        Case(f"{word.lower()} taken from $ops", f"ALTER ROLE $ops NO{word}", f"role[$ops].{word.lower()}")
        for word in ("CREATEROLE", "CREATEDB", "REPLICATION", "BYPASSRLS")
    ),
    *(
        Case(
            f"{word.lower()} added to $writer", f"ALTER ROLE $writer {word}", f"role[$writer].{word.lower()}"
        )
        for word in ("CREATEROLE", "CREATEDB", "REPLICATION", "BYPASSRLS")
    ),
    Case("superuser added", "ALTER ROLE $writer SUPERUSER", "role[$writer].superuser", everywhere=True),
    Case("superuser taken", "ALTER ROLE $boss NOSUPERUSER", "role[$boss].superuser"),
    Case("login taken", "ALTER ROLE $app NOLOGIN", "role[$app].login"),
    Case("login added", "ALTER ROLE $ops LOGIN", "role[$ops].login"),
    Case(
        "login is nobody's business where it is not written",
        "ALTER ROLE $writer LOGIN",
        cleanup="ALTER ROLE $writer NOLOGIN",
    ),
    Case("inherit taken", "ALTER ROLE $app NOINHERIT", "role[$app].inherit"),
    Case("inherit added", "ALTER ROLE $ops INHERIT", "role[$ops].inherit"),
    Case(
        "several attributes at once",
        "ALTER ROLE $ops NOCREATEDB NOCREATEROLE LOGIN",
        ("role[$ops].createdb", "role[$ops].createrole", "role[$ops].login"),
    ),
    Case(
        "a connection limit that the spec does not write",
        "ALTER ROLE $writer CONNECTION LIMIT 0",
        "role[$writer].undeclared_attributes",
        everywhere=True,
    ),
    Case(
        "an end of the password that the spec does not write",
        "ALTER ROLE $reader VALID UNTIL '2001-01-01'",
        "role[$reader].undeclared_attributes",
    ),
    Case(
        "inherit, not written, taken", "ALTER ROLE $writer NOINHERIT", "role[$writer].undeclared_attributes"
    ),
    Case(
        "an end that only PostgreSQL can hold, and that the spec does not write",
        "ALTER ROLE $reader VALID UNTIL '-infinity'",
        "role[$reader].undeclared_attributes",
    ),
    Case(
        "attributes that are PostgreSQL's defaults, written out",
        "ALTER ROLE $writer INHERIT CONNECTION LIMIT -1 VALID UNTIL 'infinity'",
    ),
    Case("connection limit", "ALTER ROLE $app CONNECTION LIMIT 6", "role[$app].connection_limit"),
    Case("connection limit lifted", "ALTER ROLE $app CONNECTION LIMIT -1", "role[$app].connection_limit"),
    Case("valid until", "ALTER ROLE $app VALID UNTIL '2031-05-01 01:00+00'", "role[$app].valid_until"),
    Case("valid until long ago", "ALTER ROLE $app VALID UNTIL '-infinity'", "role[$app].valid_until"),
    Case(
        "valid until before Christ", "ALTER ROLE $app VALID UNTIL '0044-03-15 BC'", "role[$app].valid_until"
    ),
    Case("valid until far away", "ALTER ROLE $app VALID UNTIL '99999-01-01'", "role[$app].valid_until"),
    Case("valid for ever", "ALTER ROLE $app VALID UNTIL 'infinity'", "role[$app].valid_until"),
    Case("the same moment in another zone", "ALTER ROLE $app VALID UNTIL '2031-05-01 02:00+02'"),
    Case("password changed", "ALTER ROLE $app PASSWORD 'another'", "role[$app].password", everywhere=True),
    Case("password removed", "ALTER ROLE $app PASSWORD NULL", "role[$app].password"),
    Case(
        "password stored as md5",
        ("SET password_encryption = 'md5'", "ALTER ROLE $app PASSWORD 'a secret for the red/green tests'"),
        "role[$app].password",
    ),
    Case("the same password set again", "ALTER ROLE $app PASSWORD 'a secret for the red/green tests'"),
    Case("a setting", "ALTER ROLE $app SET work_mem = '17MB'", "role[$app].settings[work_mem]"),
    Case(
        "a setting of nobody's", "ALTER ROLE $app SET app.tenant = 'other'", "role[$app].settings[app.tenant]"
    ),
    Case(
        "a setting of nobody's reset", "ALTER ROLE $app RESET app.tenant", "role[$app].settings[app.tenant]"
    ),
    Case(
        "another role at login",
        "ALTER ROLE $app IN DATABASE $db SET role = $crew",
        "role[$app].settings[role].in[$db]",
        everywhere=True,
    ),
    Case(
        "libraries where none are declared",
        "ALTER ROLE $reader SET local_preload_libraries = 'plpgsql'",
        "role[$reader].settings[local_preload_libraries]",
    ),
    Case(
        "the spelling of a setting whose library is not loaded",
        "ALTER ROLE $reader SET plpgsql.extra_errors = 'All'",
    ),
    Case(
        "a setting whose library is not loaded",
        "ALTER ROLE $reader SET plpgsql.extra_errors = 'too_many_rows'",
        "role[$reader].settings[plpgsql.extra_errors]",
    ),
    Case("a setting reset", "ALTER ROLE $app RESET work_mem", "role[$app].settings[work_mem]"),
    Case(
        "a list in a setting",
        "ALTER ROLE $app SET search_path = 'public'",
        "role[$app].settings[search_path]",
    ),
    Case(
        "every setting reset",
        "ALTER ROLE $app RESET ALL",
        (
            "role[$app].settings[work_mem]",
            "role[$app].settings[search_path]",
            "role[$app].settings[app.tenant]",
        ),
    ),
    Case("the spelling of a setting", "ALTER ROLE $app SET work_mem = '16384kB'"),
    Case(
        "a setting in a database",
        "ALTER ROLE $app IN DATABASE $db SET statement_timeout = '6min'",
        "role[$app].settings[statement_timeout].in[$db]",
    ),
    Case(
        "an extra setting", "ALTER ROLE $writer SET lock_timeout = '1s'", "role[$writer].undeclared_settings"
    ),
    Case(
        "an extra setting of an extension",
        "ALTER ROLE $writer SET my.thing = 'x'",
        "role[$writer].undeclared_settings",
    ),
    Case(
        "an extra setting in a database",
        "ALTER ROLE $app IN DATABASE $copy SET statement_timeout = '6min'",
        "role[$app].undeclared_settings",
    ),
    Case(
        "an extra setting in a database that the spec does not name",
        "ALTER ROLE $app IN DATABASE template1 SET statement_timeout = '6min'",
        "role[$app].undeclared_settings",
    ),
    Case(
        "dropped, with all that it had",
        ("DROP OWNED BY $team", "DROP ROLE $team"),
        "role[$team].exists",
    ),
    Case(
        "dropped, with everything that can be said of a role",
        ("DROP OWNED BY $app", "DROP ROLE $app"),
        "role[$app].exists",
        at="db",
        everywhere=True,
    ),
    Case(
        "one that others keep, gone",
        "DROP ROLE $keeper",
        "role[$keeper].exists",
        stuck="role[$keeper].exists",
        cleanup="CREATE ROLE $keeper LOGIN",
        everywhere=True,
    ),
    Case(
        "one that others keep, changed by them",
        (
            "ALTER ROLE $keeper SUPERUSER REPLICATION NOLOGIN PASSWORD 'theirs' VALID UNTIL '2001-01-01'",
            "ALTER ROLE $keeper SET lock_timeout = '1s'",
            "ALTER ROLE $keeper IN DATABASE $db SET lock_timeout = '1s'",
        ),
        cleanup="ALTER ROLE $keeper NOSUPERUSER",
        everywhere=True,
    ),
    Case(
        "one that others keep, and what it owns and holds where the spec names nothing",
        "CREATE TABLE public.theirs (); ALTER TABLE public.theirs OWNER TO $keeper; "
        "GRANT SELECT ON $bare.thing TO $keeper",
        at="db",
        cleanup="DROP TABLE public.theirs; REVOKE ALL ON $bare.thing FROM $keeper",
    ),
    Case(
        "absent and holds privileges where the spec names nothing",
        "CREATE ROLE $gone; CREATE TABLE thing (); GRANT SELECT ON thing TO $gone",
        "role[$gone].absent",
        cleanup="DROP TABLE thing",
        destructive=True,
    ),
    Case(
        "absent and gave memberships",
        "CREATE ROLE $gone; GRANT $team TO $gone WITH ADMIN OPTION; SET ROLE $gone; GRANT $team TO $writer",
        ("role[$gone].absent", "membership[$team].undeclared", "membership[$writer].undeclared"),
        destructive=True,
        everywhere=True,
    ),
    Case("absent and there", "CREATE ROLE $gone", "role[$gone].absent", destructive=True),
    Case(
        "absent and holds privileges",
        "CREATE ROLE $gone; GRANT SELECT ON $sky.$galaxy TO $gone; GRANT CONNECT ON DATABASE $db TO $gone",
        ("role[$gone].absent", "grant[$db].undeclared"),
        at="db",
        destructive=True,
    ),
    Case(
        "absent and owns something",
        "CREATE ROLE $gone; CREATE TABLE public.mine (); ALTER TABLE public.mine OWNER TO $gone",
        "role[$gone].absent",
        at="db",
        stuck="role[$gone].absent",
        cleanup=("DROP TABLE public.mine", "DROP ROLE $gone"),
    ),
    Case(
        "absent, owns something, and somebody gets it",
        "CREATE ROLE $left; CREATE TABLE public.mine (); ALTER TABLE public.mine OWNER TO $left",
        "role[$left].absent",
        at="db",
        cleanup="DROP TABLE public.mine",
        destructive=True,
    ),
    Case(
        "absent, owns things in two databases and one of those",
        (
            "CREATE ROLE $left",
            "CREATE SCHEMA mine AUTHORIZATION $left",
            "ALTER DATABASE $located OWNER TO $left",
        ),
        ("role[$left].absent", "database[$located].undeclared_attributes"),
        at="copy",
        cleanup="DROP SCHEMA mine",
        destructive=True,
        everywhere=True,
    ),
    Case(
        "absent and made by default privileges",
        "CREATE ROLE $gone; ALTER DEFAULT PRIVILEGES FOR ROLE $maker GRANT SELECT ON TABLES TO $gone",
        ("role[$gone].absent", "default_privilege[$copy].undeclared"),
        at="copy",
        destructive=True,
    ),
    Case("undeclared", "CREATE ROLE $stray LOGIN", "role[others].undeclared", destructive=True),
    Case(
        "undeclared and owns something",
        "CREATE ROLE $stray; CREATE TABLE public.mine (); ALTER TABLE public.mine OWNER TO $stray",
        "role[others].undeclared",
        at="db",
        stuck="role[others].undeclared",
        cleanup=("DROP TABLE public.mine", "DROP ROLE $stray"),
    ),
    Case(
        "one undeclared owns something, another does not",
        "CREATE ROLE bystander; CREATE ROLE $stray; CREATE TABLE public.mine ();"
        "ALTER TABLE public.mine OWNER TO $stray",
        "role[others].undeclared",
        at="db",
        stuck="role[others].undeclared",
        destructive=True,
        cleanup=("DROP TABLE public.mine", "DROP ROLE $stray", "DROP ROLE IF EXISTS bystander"),
    ),
)
