from __future__ import annotations

from tests.drift_cases.bench import Case

_DISK, _FOLDER, _NONE = "tablespace[$disk]", "tablespace[folder]", "tablespace[$counter].absent"

CASES = (
    Case("owner", "ALTER TABLESPACE $disk OWNER TO $boss", f"{_DISK}.owner", everywhere=True),
    Case(
        "owner, to somebody with privileges on it",
        "ALTER TABLESPACE $disk OWNER TO $app",
        f"{_DISK}.owner",
        also="grant[server: CREATE on tablespace $disk to $app].granted",
    ),
    Case(
        "owner, of which nothing is said",
        "ALTER TABLESPACE folder OWNER TO $boss",
        cleanup="ALTER TABLESPACE folder OWNER TO postgres",
    ),
    Case(
        "gone",
        "ALTER TABLESPACE folder RENAME TO moved",
        f"{_FOLDER}.exists",
        stuck=(f"{_FOLDER}.exists", f"{_FOLDER}.location"),
        cleanup="ALTER TABLESPACE moved RENAME TO folder",
        everywhere=True,
    ),
    Case(
        "elsewhere",
        (
            "DROP TABLESPACE folder",
            "SET allow_in_place_tablespaces = on",
            "CREATE TABLESPACE folder LOCATION ''",
        ),
        f"{_FOLDER}.location",
        stuck=f"{_FOLDER}.location",
        cleanup=("DROP TABLESPACE folder", "CREATE TABLESPACE folder LOCATION '$tablespace_folder'"),
        everywhere=True,
    ),
    Case(
        "there, and to be absent",
        ("SET allow_in_place_tablespaces = on", "CREATE TABLESPACE $counter LOCATION ''"),
        _NONE,
        stuck=_NONE,
        cleanup="DROP TABLESPACE $counter",
    ),
    Case(
        "one more",
        ("SET allow_in_place_tablespaces = on", "CREATE TABLESPACE moved LOCATION ''"),
        cleanup="DROP TABLESPACE moved",
    ),
)
