from __future__ import annotations

from tests.drift_cases.bench import Case

_CREW = "membership[$app in $crew]"

CASES = (
    Case("revoked", "REVOKE $team FROM $app", "membership[$app in $team].granted", everywhere=True),
    Case(
        "in a role of PostgreSQL's own, revoked",
        "REVOKE pg_monitor FROM $team",
        "membership[$team in pg_monitor].granted",
    ),
    Case(
        "admin added",
        "GRANT $team TO $app WITH ADMIN OPTION",
        "membership[$app in $team].admin",
        everywhere=True,
    ),
    Case(
        "admin taken", "REVOKE ADMIN OPTION FOR $crew FROM $app", f"{_CREW}.admin", until=15, everywhere=True
    ),
    Case("an extra member", "GRANT $team TO $writer", "membership[$writer].undeclared"),
    Case(
        "an extra membership in a role of PostgreSQL's own",
        "GRANT pg_read_all_data TO $reader",
        "membership[$reader].undeclared",
    ),
    Case(
        "an undeclared member of a declared role",
        "CREATE ROLE $stray; GRANT $team TO $stray",
        ("membership[$team].undeclared", "role[others].undeclared"),
        destructive=True,
    ),
    Case(
        "a member that others keep",
        "GRANT $team TO $keeper; GRANT pg_read_all_stats TO $keeper",
        cleanup="REVOKE $team, pg_read_all_stats FROM $keeper",
        everywhere=True,
    ),
    Case(
        "an extra membership in a role that others keep",
        "GRANT $keeper TO $writer",
        "membership[$writer].undeclared",
        everywhere=True,
    ),
    Case(
        "admin taken by its grantor",
        "REVOKE ADMIN OPTION FOR $crew FROM $app GRANTED BY $lead",
        f"{_CREW}.admin",
        since=16,
        everywhere=True,
    ),
    Case(
        "inherit option taken",
        "GRANT $crew TO $app WITH INHERIT FALSE GRANTED BY $lead",
        f"{_CREW}.inherit",
        since=16,
        everywhere=True,
    ),
    Case(
        "neither option left, though the spec writes none",
        "GRANT $team TO $app WITH INHERIT FALSE, SET FALSE",
        "membership[$app in $team].granted",
        since=16,
        everywhere=True,
    ),
    Case(
        "granted while the member did not inherit",
        (
            "REVOKE $team FROM $app",
            "ALTER ROLE $app NOINHERIT",
            "GRANT $team TO $app",
            "ALTER ROLE $app INHERIT",
        ),
        "membership[$app in $team].granted",
        since=16,
    ),
    Case("set taken", "GRANT $team TO $app WITH SET FALSE", "membership[$app in $team].granted", since=16),
    Case(
        "both options written out, as a GRANT gives them",
        "GRANT $team TO $app WITH INHERIT TRUE, SET TRUE",
        since=16,
    ),
    Case("set option given", "GRANT $crew TO $app WITH SET TRUE GRANTED BY $lead", f"{_CREW}.set", since=16),
    Case(
        "set option given by a second grantor",
        "GRANT $crew TO $app WITH SET TRUE",
        (f"{_CREW}.set", "membership[$app].undeclared"),
        since=16,
        everywhere=True,
    ),
    Case(
        "granted by another",
        (
            "REVOKE $crew FROM $app GRANTED BY $lead",
            "GRANT $crew TO $app WITH ADMIN TRUE, INHERIT TRUE, SET FALSE",
        ),
        (f"{_CREW}.grantor", "membership[$app].undeclared"),
        since=16,
    ),
    Case(
        "granted by another, too",
        "GRANT $crew TO $app WITH SET FALSE",
        "membership[$app].undeclared",
        since=16,
    ),
    Case(
        "admin added, and used",
        "GRANT $team TO $app WITH ADMIN OPTION; SET ROLE $app; GRANT $team TO $writer",
        ("membership[$app in $team].admin", "membership[$writer].undeclared"),
        everywhere=True,
    ),
    Case(
        "the grantor's own gone",
        "REVOKE $crew FROM $lead CASCADE",
        (f"{_CREW}.granted", "membership[$lead in $crew].granted"),
        since=16,
    ),
    Case(
        "admin given by a second grantor",
        "SET ROLE $boss; GRANT $team TO $app WITH ADMIN OPTION",
        "membership[$app in $team].admin",
    ),
    Case(
        "admin used for what is declared",
        (
            "REVOKE $team FROM $app; GRANT $team TO $lead WITH ADMIN OPTION",
            "GRANT $team TO $app GRANTED BY $lead",
        ),
        "membership[$lead].undeclared",
        also="membership[$app in $team].granted",
        since=16,
    ),
    Case(
        "admin used for what is declared, down a chain",
        (
            "GRANT $crew TO $boss WITH ADMIN TRUE",
            "GRANT $crew TO $lead WITH ADMIN TRUE GRANTED BY $boss",
            "REVOKE $crew FROM $lead GRANTED BY postgres CASCADE",
            "GRANT $crew TO $app WITH ADMIN TRUE, INHERIT TRUE, SET FALSE GRANTED BY $lead",
        ),
        "membership[$boss].undeclared",
        also=(
            "membership[$lead in $crew].granted",
            "membership[$lead in $crew].admin",
            f"{_CREW}.granted",
            f"{_CREW}.admin",
            f"{_CREW}.inherit",
            f"{_CREW}.grantor",
        ),
        since=16,
    ),
    Case(
        "admin used for what is declared, in two roles",
        (
            "REVOKE $team FROM $app; GRANT $team TO $lead WITH ADMIN OPTION",
            "GRANT $team TO $app GRANTED BY $lead",
            "GRANT $crew TO $boss WITH ADMIN TRUE",
            "GRANT $crew TO $lead WITH ADMIN TRUE GRANTED BY $boss",
            "REVOKE $crew FROM $lead GRANTED BY postgres CASCADE",
            "GRANT $crew TO $app WITH ADMIN TRUE, INHERIT TRUE, SET FALSE GRANTED BY $lead",
        ),
        ("membership[$lead].undeclared", "membership[$boss].undeclared"),
        also=(
            "membership[$app in $team].granted",
            "membership[$lead in $crew].granted",
            "membership[$lead in $crew].admin",
            f"{_CREW}.granted",
            f"{_CREW}.admin",
            f"{_CREW}.inherit",
            f"{_CREW}.grantor",
        ),
        since=16,
    ),
    Case(
        "admin of two too much, and used for what is declared",
        (
            "GRANT $team TO $app WITH ADMIN OPTION",
            "REVOKE pg_monitor FROM $team",
            "GRANT pg_monitor TO $team WITH ADMIN OPTION",
            "SET ROLE $app; GRANT $team TO $lead; RESET ROLE",
            "SET ROLE $team; GRANT pg_monitor TO $writer; RESET ROLE",
        ),
        (
            "membership[$app in $team].admin",
            "membership[$team in pg_monitor].admin",
            "membership[$lead].undeclared",
            "membership[$writer].undeclared",
        ),
        since=16,
    ),
    Case(
        "a plain membership of initdb's superuser takes nothing along",
        "GRANT $team TO postgres",
        "membership[postgres].undeclared",
        everywhere=True,
    ),
)
