from __future__ import annotations

from tests.drift_cases.bench import Case

_ID = "event_trigger[$db: $magnitude]"


def _state(trigger: str, word: str, *, everywhere: bool = False) -> Case:
    """Of these four each has another state by the spec."""
    return Case(
        f"{trigger}: {word}",
        f"ALTER EVENT TRIGGER {trigger} {word}",
        f"event_trigger[$db: {trigger}].enabled",
        at="db",
        everywhere=everywhere,
    )


CASES = (
    _state("$magnitude", "DISABLE", everywhere=True),
    _state("$magnitude", "ENABLE ALWAYS"),
    _state("watch", "ENABLE"),
    _state("mirror", "ENABLE"),
    _state("idle", "ENABLE", everywhere=True),
    Case("owner", "ALTER EVENT TRIGGER $magnitude OWNER TO postgres", f"{_ID}.owner", at="db"),
    Case(
        "owner and state",
        "ALTER EVENT TRIGGER $magnitude OWNER TO postgres; ALTER EVENT TRIGGER $magnitude DISABLE",
        (f"{_ID}.owner", f"{_ID}.enabled"),
        at="db",
    ),
    Case(
        "owner, of which nothing is said",
        "ALTER EVENT TRIGGER watch OWNER TO $boss",
        at="db",
        cleanup="ALTER EVENT TRIGGER watch OWNER TO postgres",
    ),
    Case(
        "off, and its function a tenant's: it is not switched on",
        "ALTER EVENT TRIGGER $magnitude DISABLE; ALTER FUNCTION tools.watch() OWNER TO $writer;"
        "ALTER EVENT TRIGGER watch DISABLE; ALTER EVENT TRIGGER mirror DISABLE",
        tuple(f"event_trigger[$db: {one}].enabled" for one in ("$magnitude", "watch", "mirror")),
        at="db",
        stuck=tuple(f"event_trigger[$db: {one}].enabled" for one in ("$magnitude", "watch", "mirror")),
        cleanup="ALTER FUNCTION tools.watch() OWNER TO postgres; ALTER EVENT TRIGGER $magnitude ENABLE;"
        "ALTER EVENT TRIGGER watch ENABLE ALWAYS; ALTER EVENT TRIGGER mirror ENABLE REPLICA",
    ),
    Case(
        "gone",
        "ALTER EVENT TRIGGER $magnitude RENAME TO moved",
        f"{_ID}.exists",
        at="db",
        stuck=(f"{_ID}.exists", f"{_ID}.owner", f"{_ID}.enabled"),
        cleanup="ALTER EVENT TRIGGER moved RENAME TO $magnitude",
    ),
    Case(
        "there, and to be absent",
        "CREATE EVENT TRIGGER $counter ON ddl_command_start EXECUTE FUNCTION tools.watch()",
        "event_trigger[$db: $counter].absent",
        at="db",
        destructive=True,
        everywhere=True,
    ),
    Case(
        "one more",
        "CREATE EVENT TRIGGER moved ON ddl_command_start EXECUTE FUNCTION tools.watch()",
        at="db",
        cleanup="DROP EVENT TRIGGER moved",
    ),
)
