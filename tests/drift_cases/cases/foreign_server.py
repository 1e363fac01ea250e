from __future__ import annotations

from tests.drift_cases.bench import Case

_ANNEX, _NONE = "foreign_server[$db: annex]", "foreign_server[$db: $counter].absent"

CASES = (
    Case(
        "gone",
        "ALTER SERVER annex RENAME TO moved",
        f"{_ANNEX}.exists",
        at="db",
        stuck=(f"{_ANNEX}.exists", f"{_ANNEX}.wrapper"),
        cleanup="ALTER SERVER moved RENAME TO annex",
        everywhere=True,
    ),
    Case(
        "of another wrapper",
        "DROP SERVER annex; CREATE FOREIGN DATA WRAPPER other; CREATE SERVER annex FOREIGN DATA WRAPPER other",
        f"{_ANNEX}.wrapper",
        at="db",
        stuck=f"{_ANNEX}.wrapper",
        cleanup=(
            "DROP FOREIGN DATA WRAPPER other CASCADE; CREATE SERVER annex FOREIGN DATA WRAPPER $archive_fdw"
        ),
    ),
    Case(
        "its options are a migration's",
        "ALTER SERVER annex OPTIONS (ADD host 'elsewhere')",
        at="db",
        cleanup="ALTER SERVER annex OPTIONS (DROP host)",
    ),
    Case(
        "there, and to be absent",
        "CREATE SERVER $counter FOREIGN DATA WRAPPER $archive_fdw",
        _NONE,
        at="db",
        destructive=True,
        everywhere=True,
    ),
    Case(
        "to be absent, and a foreign table hangs on it",
        "CREATE SERVER $counter FOREIGN DATA WRAPPER $archive_fdw;"
        "CREATE FOREIGN TABLE public.hanging (id int) SERVER $counter",
        _NONE,
        at="db",
        stuck=_NONE,
        cleanup="DROP FOREIGN TABLE public.hanging; DROP SERVER $counter",
    ),
    Case(
        "to be absent, and a user mapping hangs on it",
        "CREATE SERVER $counter FOREIGN DATA WRAPPER $archive_fdw;"
        "CREATE USER MAPPING FOR postgres SERVER $counter OPTIONS (password 'never read')",
        _NONE,
        at="db",
        stuck=_NONE,
        cleanup="DROP SERVER $counter CASCADE",
    ),
    Case(
        "one more",
        "CREATE SERVER moved FOREIGN DATA WRAPPER $archive_fdw",
        at="db",
        cleanup="DROP SERVER moved",
    ),
)
