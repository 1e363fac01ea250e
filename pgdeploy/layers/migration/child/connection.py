"""Where SQLAlchemy connects, whatever engine env.py makes: to the database of the target, as the declared role."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pgdeploy.layers.migration.child import concurrent
from pgdeploy.layers.migration.child.wording import Refused

DRIVERS = {"psycopg", "psycopg2", "psycopg_async", "asyncpg"}


def redirect() -> Way:
    """Every connection that SQLAlchemy opens leads to the database of the question that is asked."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine
    from sqlalchemy.pool import Pool

    way = Way()
    event.listen(Engine, "do_connect", way.lead)
    event.listen(Pool, "connect", way.connected)
    event.listen(Engine, "before_cursor_execute", way.begins, retval=True)
    event.listen(Engine, "after_cursor_execute", way.ended)
    return way


class Attributes(dict[str, Any]):
    """`config.attributes` for an env.py that is given its connection, which is opened when that looks for it."""

    def __init__(self, known: Mapping[str, Any]) -> None:
        super().__init__(known)
        self._connection: Any = None

    def get(self, key: str, default: Any = None) -> Any:
        return self[key] if key == "connection" else super().get(key, default)

    def __contains__(self, key: object) -> bool:
        return key == "connection" or super().__contains__(key)

    def __getitem__(self, key: str) -> Any:
        if key != "connection":
            return super().__getitem__(key)
        if self._connection is None:
            from sqlalchemy import create_engine
            from sqlalchemy.pool import NullPool

            self._connection = create_engine("postgresql+psycopg://", poolclass=NullPool).connect()
        return self._connection

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Way:
    """What happens as SQLAlchemy connects and executes."""

    question: Mapping[str, Any]

    def lead(self, dialect: Any, record: Any, arguments: list[Any], options: dict[str, Any]) -> None:
        known = _options(self.question, dialect.name, dialect.driver)
        arguments.clear()
        options.clear()
        options.update(known)

    def connected(self, connection: Any, record: Any) -> None:
        """The lock of a session that writes: when this process is killed, the next run waits until it has ended."""
        if (lock := self.question["lock"]) is not None:
            cursor = connection.cursor()
            cursor.execute(f"SELECT pg_catalog.pg_advisory_lock_shared({lock[0]}, {lock[1]})")
            cursor.close()
            connection.commit()

    def begins(
        self, connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
    ) -> tuple[str, Any]:
        return concurrent.begins(connection, statement, self.question["index_timeout"]), parameters

    def ended(self, connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        concurrent.ended(connection, statement)


def _options(question: Mapping[str, Any], dialect: str, driver: str) -> dict[str, Any]:
    """Raises Refused: it is no way to PostgreSQL, or there is to be none."""
    if dialect != "postgresql" or driver not in DRIVERS:
        raise Refused(f"env.py makes an engine of {dialect}+{driver}; write postgresql+psycopg")
    if question["way"] is None:
        raise Refused("env.py connects to a database, and this is done without one")
    return _of_asyncpg(question) if driver == "asyncpg" else _of_libpq(question)


def _of_libpq(question: Mapping[str, Any]) -> dict[str, Any]:
    options = " ".join(f"-c {name}={_escaped(value)}" for name, value in question["settings"].items())
    password = {} if question["password"] is None else {"password": question["password"]}
    return {**question["way"], **password, "options": options, "application_name": "pgdeploy migration"}


def _escaped(value: str) -> str:
    """As libpq's `options` has it."""
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


def _of_asyncpg(question: Mapping[str, Any]) -> dict[str, Any]:
    way = question["way"]
    settings = {**question["settings"], "application_name": "pgdeploy migration"}
    return {
        "host": way.get("hostaddr") or way["host"],
        "port": int(way["port"]),
        "user": way["user"],
        "password": question["password"],
        "database": way["dbname"],
        "server_settings": settings,
        "ssl": way.get("sslmode", "prefer"),
    }
