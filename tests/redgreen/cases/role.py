from __future__ import annotations

from tests.redgreen.bench import Case

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
    Case("connection limit", "ALTER ROLE $app CONNECTION LIMIT 6", "role[$app].connection_limit"),
    Case("connection limit lifted", "ALTER ROLE $app CONNECTION LIMIT -1", "role[$app].connection_limit"),
    Case("valid until", "ALTER ROLE $app VALID UNTIL '2031-05-01 01:00+00'", "role[$app].valid_until"),
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
    Case("a setting reset", "ALTER ROLE $app RESET work_mem", "role[$app].settings[work_mem]"),
    Case(
        "a list in a setting",
        "ALTER ROLE $app SET search_path = 'public'",
        "role[$app].settings[search_path]",
    ),
    Case(
        "every setting reset",
        "ALTER ROLE $app RESET ALL",
        ("role[$app].settings[work_mem]", "role[$app].settings[search_path]"),
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
        "role[$left].absent",
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
