from __future__ import annotations

from tests.drift_cases.bench import Case

CASES = (
    Case("owner", "ALTER DATABASE $db OWNER TO $boss", "database[$db].owner"),
    Case("is template taken", "ALTER DATABASE $tpl IS_TEMPLATE false", "database[$tpl].is_template"),
    Case("is template added", "ALTER DATABASE $db IS_TEMPLATE true", "database[$db].is_template"),
    Case(
        "connections allowed",
        "ALTER DATABASE $closed ALLOW_CONNECTIONS true",
        "database[$closed].allow_connections",
    ),
    Case(
        "connections refused",
        "ALTER DATABASE $located ALLOW_CONNECTIONS false",
        "database[$located].allow_connections",
    ),
    Case(
        "owner, where the spec names none",
        "ALTER DATABASE $copy OWNER TO $writer",
        "database[$copy].undeclared_attributes",
        everywhere=True,
    ),
    Case(
        "several attributes that the spec does not write",
        "ALTER DATABASE $located CONNECTION LIMIT 0 IS_TEMPLATE true",
        "database[$located].undeclared_attributes",
    ),
    Case("connection limit", "ALTER DATABASE $db CONNECTION LIMIT 21", "database[$db].connection_limit"),
    Case(
        "several at once",
        "ALTER DATABASE $db CONNECTION LIMIT -1 IS_TEMPLATE true",
        ("database[$db].connection_limit", "database[$db].is_template"),
    ),
    Case("a setting", "ALTER DATABASE $db SET work_mem = '1MB'", "database[$db].settings[work_mem]"),
    Case("a setting reset", "ALTER DATABASE $db RESET work_mem", "database[$db].settings[work_mem]"),
    Case("the spelling of a setting", "ALTER DATABASE $db SET work_mem = 12288"),
    Case("an extra setting", "ALTER DATABASE $db SET lock_timeout = 5", "database[$db].undeclared_settings"),
    Case(
        "an extra setting in a template",
        "ALTER DATABASE $tpl SET my.thing = 5",
        "database[$tpl].undeclared_settings",
    ),
    Case(
        "dropped, made again from its template",
        "DROP DATABASE $copy",
        "database[$copy].exists",
        everywhere=True,
    ),
    Case(
        "dropped, made again without a declared template",
        "DROP DATABASE $located",
        "database[$located].exists",
        everywhere=True,
    ),
    Case("dropped, made again closed", "DROP DATABASE $closed", "database[$closed].exists"),
    Case(
        "the template dropped, and its copy",
        ("ALTER DATABASE $tpl IS_TEMPLATE false", "DROP DATABASE $tpl", "DROP DATABASE $copy"),
        ("database[$tpl].exists", "database[$copy].exists"),
    ),
    Case(
        "undeclared",
        "CREATE DATABASE $other",
        "database[others].undeclared",
        stuck="database[others].undeclared",
        cleanup="DROP DATABASE $other",
        everywhere=True,
    ),
)
