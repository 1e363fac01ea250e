"""What others preset for a session decides nothing in ours."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from pgdeploy.errors import TargetError
from pgdeploy.reach.embedded import Cluster
from pgdeploy.reach.session import SEARCH_PATH, deadline, decode_leniently

SERVERS = ["server14", "server15", "server16", "server17", "server18"]

TEXTS = {
    "search_path": "evil, pg_catalog",
    "DateStyle": "'SQL, DMY'",
    "TimeZone": "'Asia/Tokyo'",
    "temp_tablespaces": "pg_default",
    "default_tablespace": "pg_default",
    "default_text_search_config": "'pg_catalog.german'",
    "local_preload_libraries": "no_such_library",
    "createrole_self_grant": "'set, inherit'",
    "restrict_nonsystem_relation_kind": "'view'",
    "client_encoding": "LATIN1",
}
"""Values that are not the default, for settings that are text. The others have none that every server takes."""

NOT_PRESET = {"application_name", "default_table_access_method", "lc_monetary", "lc_numeric", "lc_time"}
NOT_PRESET |= {"timezone_abbreviations", "transaction_isolation", "transaction_read_only"}
NOT_PRESET |= {"transaction_deferrable", "role", "session_authorization"}


class Row(NamedTuple):
    name: str
    kind: str
    default: str | None
    minimum: str | None
    values: list[str] | None

    @property
    def other(self) -> str | None:
        """A value that is not the default, as ALTER DATABASE ... SET takes it."""
        if self.kind == "bool":
            return "off" if self.default == "on" else "on"
        if self.kind == "enum":
            return next((f"'{value}'" for value in self.values or () if value != self.default), None)
        if self.kind in ("integer", "real"):
            least = float(self.minimum or 0)
            return f"{least:.10g}" if float(self.default or 0) != least else f"{least + 1:.10g}"
        return TEXTS.get(self.name)


class Shop(NamedTuple):
    """A database of a tenant's, and every setting that anybody may preset."""

    server: Cluster
    rows: list[Row]

    def preset(self, statement: str) -> None:
        with self.server.open() as connection:
            connection.execute(statement)

    def settings(self, database: str) -> dict[str, str]:
        with self.server.open(database) as connection:
            query = "SELECT name, setting FROM pg_settings WHERE context = 'user'"
            return {str(name): str(value) for name, value in connection.execute(query).fetchall()}


@pytest.fixture(params=SERVERS)
def shop(request: pytest.FixtureRequest) -> Iterator[Shop]:
    server: Cluster = request.getfixturevalue(request.param)
    with server.open() as connection:
        connection.execute("CREATE ROLE tenant LOGIN")
        connection.execute("CREATE DATABASE tenants OWNER tenant")
        rows = connection.execute(
            "SELECT name, vartype, boot_val, min_val, enumvals FROM pg_settings WHERE context = 'user'"
        ).fetchall()
    try:
        yield Shop(server, [Row(*row) for row in rows])  # type: ignore[arg-type]
    finally:
        with server.open() as connection:
            connection.execute("ALTER ROLE postgres RESET ALL")
            connection.execute("ALTER ROLE ALL RESET ALL")
            connection.execute("DROP DATABASE tenants")
            connection.execute("DROP ROLE tenant")


def test_no_preset_of_a_database_reaches_a_session_of_ours(shop: Shop) -> None:
    """Every setting that the owner may set, one at a time, so that each is told apart."""
    usual = shop.settings("postgres")
    wrong, tried = {}, 0
    for row in shop.rows:
        if row.name in NOT_PRESET or row.other is None:
            continue
        shop.preset(f"ALTER DATABASE tenants SET {row.name} = {row.other}")
        found = shop.settings("tenants")
        shop.preset(f"ALTER DATABASE tenants RESET {row.name}")
        tried += 1
        differing = {name: value for name, value in found.items() if value != usual[name]}
        if found[row.name] == row.default:
            differing.pop(row.name, None)
        if differing:
            wrong[row.name] = differing
    assert wrong == {}
    assert tried > 49


@pytest.mark.parametrize("whose", ["ROLE ALL", "ROLE postgres", "ROLE postgres IN DATABASE tenants"])
def test_all_presets_at_once(shop: Shop, whose: str) -> None:
    usual = shop.settings("postgres")
    statements = [
        f"ALTER {whose} SET {row.name} = {row.other}"
        for row in shop.rows
        if row.name not in NOT_PRESET and row.other is not None
    ]
    with shop.server.open() as connection:
        for statement in statements:
            connection.execute(statement)
    found = shop.settings("tenants")
    defaults = {row.name: row.default for row in shop.rows}
    assert {name for name in found if found[name] not in (usual[name], defaults[name])} == set()


@pytest.mark.parametrize("setting", ["role", "session_authorization"])
@pytest.mark.parametrize("whose", ["DATABASE tenants", "ROLE postgres", "ROLE postgres IN DATABASE tenants"])
def test_a_session_is_its_user(shop: Shop, setting: str, whose: str) -> None:
    shop.preset(f"ALTER {whose} SET {setting} = tenant")
    with shop.server.open("tenants") as connection:
        who = connection.execute("SELECT session_user::text, current_user::text").fetchone()
    assert who == ("postgres", "postgres")


def test_presets_of_a_superuser_that_watch_us_stay(server16: Cluster) -> None:
    """An audit that only a superuser can set up is none of ours to switch off."""
    with server16.open() as connection:
        connection.execute("ALTER ROLE postgres SET log_statement = 'all'")
    try:
        with server16.open() as connection:
            assert connection.execute("SHOW log_statement").fetchone() == ("all",)
    finally:
        with server16.open() as connection:
            connection.execute("ALTER ROLE postgres RESET ALL")


def test_an_unconfigured_session_is_as_a_client_of_its_role_gets_it(shop: Shop) -> None:
    shop.preset("ALTER DATABASE tenants SET search_path = elsewhere")
    with shop.server.open("tenants", configured=False) as connection:
        assert connection.execute("SHOW search_path").fetchone() == ("elsewhere",)


def test_a_role_of_the_connection_string_is_its_users_wish(server16: Cluster) -> None:
    from pgdeploy.reach.dsn import DsnServer

    server = DsnServer(f"{server16.dsn} options='-c role=pg_monitor -c search_path=evil'")
    with server.open() as connection:
        found = connection.execute("SELECT current_user::text, current_setting('search_path')").fetchone()
    assert found == ("pg_monitor", SEARCH_PATH)


def test_names_in_another_encoding_are_shown_with_their_bytes(server16: Cluster) -> None:
    with server16.open() as connection:
        connection.execute("CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1'")
        try:
            with server16.open("latin") as latin:
                latin.execute('CREATE ROLE "café"')
            decode_leniently(connection)
            names = {row[0] for row in connection.execute("SELECT rolname::text FROM pg_roles").fetchall()}
            assert r"caf\xe9" in names
        finally:
            with server16.open("latin") as latin:
                latin.execute('DROP ROLE IF EXISTS "café"')
            connection.execute("DROP DATABASE latin")


def test_a_backend_that_hangs_does_not_hang_us(server16: Cluster) -> None:
    """Stopped, it does not even notice the server's own statement_timeout."""
    connection = server16.open()
    pid = connection.info.backend_pid
    try:
        os.kill(pid, signal.SIGSTOP)
        with (
            pytest.raises(TargetError, match=r"server: no answer within 0\.2 s"),
            deadline(connection, 0.2, "server", grace=0.3),
        ):
            connection.execute("SELECT 1")
    finally:
        os.kill(pid, signal.SIGCONT)
        connection.close()


def test_a_statement_that_takes_too_long_is_cancelled(server16: Cluster) -> None:
    with (
        server16.open() as connection,
        pytest.raises(TargetError, match=r"no answer within 0\.1 s"),
        deadline(connection, 0.1, "server"),
    ):
        connection.execute("SELECT pg_sleep(30)")


EVENT_TRIGGER = """
CREATE FUNCTION public.deed() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    ALTER ROLE tenant SUPERUSER;
  END IF;
END $$;
ALTER FUNCTION public.deed() OWNER TO tenant;
CREATE EVENT TRIGGER deed ON ddl_command_end EXECUTE FUNCTION public.deed();
"""


def test_an_event_trigger_of_a_tenant_does_not_fire_in_a_session_that_writes(shop: Shop) -> None:
    from pgdeploy.layers.server.guard import alone

    with shop.server.open("tenants") as connection:
        connection.execute(EVENT_TRIGGER.encode())
    with alone(shop.server) as guard, guard.session("tenants") as connection:
        connection.execute("CREATE SCHEMA of_ours")
    with shop.server.open() as connection:
        query = "SELECT rolsuper FROM pg_roles WHERE rolname = 'tenant'"
        assert connection.execute(query).fetchone() == (False,)
        # the trap is one
    with shop.server.open("tenants") as connection:
        connection.execute("CREATE SCHEMA of_others")
        assert connection.execute(query).fetchone() == (True,)


@pytest.mark.parametrize("enabled", ["ALWAYS", "REPLICA"])
def test_one_that_cannot_be_kept_from_firing_stops_the_apply(shop: Shop, enabled: str) -> None:
    from pgdeploy.layers.server.guard import alone

    with shop.server.open("tenants") as connection:
        connection.execute(EVENT_TRIGGER.encode())
        connection.execute(f"ALTER EVENT TRIGGER deed ENABLE {enabled}".encode())
        newer = connection.info.server_version >= 170000
    with alone(shop.server) as guard:
        if enabled == "ALWAYS" and not newer:
            with (
                pytest.raises(TargetError, match=r"event trigger deed \(of tenant\)"),
                guard.session("tenants"),
            ):
                pass
        else:
            with guard.session("tenants") as connection:
                connection.execute("CREATE SCHEMA of_ours")
    with shop.server.open() as connection:
        query = "SELECT rolsuper FROM pg_roles WHERE rolname = 'tenant'"
        assert connection.execute(query).fetchone() == (False,)


def test_nor_one_that_the_switch_for_another_would_turn_on(server16: Cluster) -> None:
    from pgdeploy.layers.server.guard import alone

    with server16.open() as connection:
        connection.execute("CREATE ROLE tenant")
        connection.execute("CREATE DATABASE tenants OWNER tenant")
    try:
        with server16.open("tenants") as connection:
            connection.execute(EVENT_TRIGGER.encode())
            connection.execute("ALTER EVENT TRIGGER deed ENABLE REPLICA")
            connection.execute(
                "CREATE EVENT TRIGGER another ON ddl_command_end EXECUTE FUNCTION public.deed()"
            )
        with (
            alone(server16) as guard,
            pytest.raises(TargetError, match=r"event trigger deed \(of tenant\)"),
            guard.session("tenants"),
        ):
            pass
    finally:
        with server16.open() as connection:
            connection.execute("DROP DATABASE tenants")
            connection.execute("DROP ROLE tenant")


def test_event_triggers_of_superusers_go_on(shop: Shop) -> None:
    from pgdeploy.layers.server.guard import alone

    with shop.server.open("tenants") as connection:
        connection.execute("CREATE TABLE public.audit (tag text)")
        connection.execute(
            "CREATE FUNCTION public.note() RETURNS event_trigger LANGUAGE plpgsql AS"
            " 'BEGIN INSERT INTO public.audit VALUES (tg_tag); END'"
        )
        connection.execute("CREATE EVENT TRIGGER note ON ddl_command_end EXECUTE FUNCTION public.note()")
    with alone(shop.server) as guard, guard.session("tenants") as connection:
        connection.execute("CREATE SCHEMA of_ours")
        assert connection.execute("SELECT tag FROM public.audit").fetchall() == [("CREATE SCHEMA",)]
