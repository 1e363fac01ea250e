from __future__ import annotations

from tests.drift_cases.bench import Case

_RED = ("role[superusers].undeclared", "role[others].undeclared")

CASES = (
    Case("an undeclared one", "CREATE ROLE $stray SUPERUSER", _RED, destructive=True, everywhere=True),
    Case(
        "a declared role that is a member of one",
        "GRANT $boss TO $writer",
        "membership[$writer].undeclared",
    ),
    Case(
        "an undeclared member of one",
        "CREATE ROLE $stray; GRANT $boss TO $stray",
        (*_RED, "membership[$boss].undeclared"),
        destructive=True,
        everywhere=True,
    ),
    Case(
        "an undeclared member of one, made so by another",
        "CREATE ROLE $stray; CREATE ROLE middle; GRANT $boss TO middle; GRANT middle TO $lead WITH ADMIN OPTION;"
        "SET ROLE $lead; GRANT middle TO $stray",
        (*_RED, "membership[$boss].undeclared", "membership[$lead].undeclared"),
        destructive=True,
        everywhere=True,
    ),
    Case(
        "a member of a member of one",
        "CREATE ROLE $stray; CREATE ROLE middle; GRANT $boss TO middle; GRANT middle TO $stray",
        (*_RED, "membership[$boss].undeclared"),
        destructive=True,
    ),
)
