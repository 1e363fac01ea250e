from __future__ import annotations

from tests.drift_cases.bench import Case


def _restarted(setting: str, wrong: str) -> Case:
    """One that only a restart takes."""
    return Case(
        f"{setting} after a restart",
        f"ALTER SYSTEM SET {setting} = {wrong}",
        f"setting[{setting}].value",
        hand=lambda bench: bench.restart_and("SELECT 1"),
        restart=True,
    )


CASES = (
    *(
        Case(
            f"{setting} switched {wrong}",
            f"ALTER SYSTEM SET {setting} = {wrong}",
            f"setting[{setting}].value",
            everywhere=True,
        )
        for setting, wrong in (
            ("full_page_writes", "off"),
            ("autovacuum", "off"),
            ("zero_damaged_pages", "on"),
            ("ignore_checksum_failure", "on"),
            ("ignore_system_indexes", "on"),
        )
    ),
    Case(
        "ignore_invalid_pages waits for a restart",
        "ALTER SYSTEM SET ignore_invalid_pages = on",
        "setting[ignore_invalid_pages].value",
    ),
    _restarted("ignore_invalid_pages", "on"),
    Case(
        "zero_damaged_pages laid over for all roles",
        "ALTER ROLE ALL SET zero_damaged_pages = on",
        "setting[zero_damaged_pages].value",
    ),
    Case(
        "full_page_writes changed in the file, and nobody reloaded",
        red="setting[full_page_writes].value",
        hand=lambda bench: bench.run_without_reload("ALTER SYSTEM SET full_page_writes = off"),
    ),
    Case(
        "what is right, written out",
        ("ALTER SYSTEM SET autovacuum = yes", "ALTER SYSTEM SET zero_damaged_pages = 0"),
        cleanup=("ALTER SYSTEM RESET autovacuum", "ALTER SYSTEM RESET zero_damaged_pages"),
    ),
)
