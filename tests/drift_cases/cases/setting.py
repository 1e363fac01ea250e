from __future__ import annotations

from tests.drift_cases.bench import Case

CASES = (
    Case("value", "ALTER SYSTEM SET work_mem = '9MB'", "setting[work_mem].value", everywhere=True),
    Case("value of a list", "ALTER SYSTEM SET search_path = 'public'", "setting[search_path].value"),
    Case(
        "value with a percent sign",
        "ALTER SYSTEM SET log_line_prefix = '%t '",
        "setting[log_line_prefix].value",
    ),
    Case(
        "changed in the file, and nobody reloaded",
        red="setting[work_mem].value",
        hand=lambda bench: bench.run_without_reload("ALTER SYSTEM SET work_mem = '9MB'"),
        everywhere=True,
    ),
    Case(
        "taken out of the file, and nobody reloaded",
        red="setting[work_mem].value",
        hand=lambda bench: bench.run_without_reload("ALTER SYSTEM RESET work_mem"),
    ),
    Case(
        "a restart's own, and nobody reloaded",
        red="setting[max_locks_per_transaction].value",
        hand=lambda bench: bench.run_without_reload("ALTER SYSTEM SET max_locks_per_transaction = 80"),
    ),
    Case("line taken out of the file", "ALTER SYSTEM RESET work_mem", "setting[work_mem].value"),
    Case(
        "a restart's own taken out of the file",
        "ALTER SYSTEM RESET max_locks_per_transaction",
        "setting[max_locks_per_transaction].value",
        everywhere=True,
    ),
    Case("every line taken out", "ALTER SYSTEM RESET datestyle", "setting[DateStyle].value"),
    Case(
        "spelling is not drift",
        ("ALTER SYSTEM SET work_mem = '8192kB'", "ALTER SYSTEM SET maintenance_work_mem = 65536"),
    ),
    Case("laid over for all roles", "ALTER ROLE ALL SET work_mem = '10MB'", "setting[work_mem].value"),
    Case(
        "laid over for all roles with what is right",
        "ALTER ROLE ALL SET work_mem = '8192kB'",
        cleanup="ALTER ROLE ALL RESET work_mem",
    ),
    Case(
        "both laid over and written",
        ("ALTER SYSTEM SET work_mem = '9MB'", "ALTER ROLE ALL SET work_mem = '10MB'"),
        "setting[work_mem].value",
    ),
    Case(
        "our own session sees another",
        "ALTER ROLE postgres SET work_mem = '1GB'",
        "role[postgres].undeclared_settings",
    ),
    Case(
        "and the file is off, too",
        ("ALTER ROLE postgres SET work_mem = '8MB'", "ALTER SYSTEM SET work_mem = '9MB'"),
        ("role[postgres].undeclared_settings", "setting[work_mem].value"),
    ),
    Case("automatic value", "ALTER SYSTEM SET wal_buffers = '2MB'", "setting[wal_buffers].value"),
    Case(
        "leaves with the next restart",
        "ALTER SYSTEM SET max_locks_per_transaction = 80",
        "setting[max_locks_per_transaction].value",
    ),
    Case(
        "waits for a restart",
        "ALTER SYSTEM SET max_locks_per_transaction = 80",
        "setting[max_locks_per_transaction].value",
        hand=lambda bench: bench.restart_and("ALTER SYSTEM SET max_locks_per_transaction = 72"),
        restart=True,
    ),
    Case(
        "another value runs",
        "ALTER SYSTEM SET max_locks_per_transaction = 80",
        "setting[max_locks_per_transaction].value",
        hand=lambda bench: bench.restart_and("SELECT 1"),
        restart=True,
    ),
    Case(
        "another automatic value runs",
        "ALTER SYSTEM SET wal_buffers = '2MB'",
        "setting[wal_buffers].value",
        hand=lambda bench: bench.restart_and("SELECT 1"),
        restart=True,
    ),
    Case(
        "an automatic value waits for a restart",
        "ALTER SYSTEM SET wal_buffers = '2MB'",
        "setting[wal_buffers].value",
        hand=lambda bench: bench.restart_and("ALTER SYSTEM SET wal_buffers = -1"),
        restart=True,
    ),
    Case(
        "a value that the server refuses in a file",
        red="setting[files].loaded",
        stuck="setting[files].loaded",
        hand=lambda bench: bench.append("postgresql.conf", "lock_timeout = 'soon'"),
        mend=lambda bench: bench.put_back("postgresql.conf"),
        everywhere=True,
    ),
    Case(
        "a setting that nobody knows, by hand",
        red="setting[files].loaded",
        stuck="setting[files].loaded",
        hand=lambda bench: bench.append("postgresql.conf", "work_memory = 8MB"),
        mend=lambda bench: bench.put_back("postgresql.conf"),
    ),
    Case(
        "a line that is no setting",
        red="setting[files].loaded",
        stuck="setting[files].loaded",
        hand=lambda bench: bench.append("postgresql.auto.conf", "!!!"),
        mend=lambda bench: bench.put_back("postgresql.auto.conf"),
    ),
)
