"""Running workloads: each as its role, in a read-only transaction with a time limit, and all within a budget.

The session logs in as the application does, with what ALTER ROLE and ALTER DATABASE preset for it: they decide about
plans. It has that role's rights and no others, whatever code of the database it meets.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pgdeploy.errors import TargetError
from pgdeploy.layers.threshold.live import crossed
from pgdeploy.layers.workload.explain import Explained, explained
from pgdeploy.model.host.amount import seconds_of
from pgdeploy.model.workload import QuerySpec
from pgdeploy.reach.as_role import open_as
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.model.spec import Spec
    from pgdeploy.model.workload import StatementSpec
    from pgdeploy.reach.server import Server
    from pgdeploy.secret.reference import Secret

    Cursor = psycopg.Cursor[tuple[Any, ...]]

APPLICATION = "pgdeploy workload"


class Failed(str):
    """What the server said of a statement that it refused or canceled."""

    __slots__ = ()

    @classmethod
    def of(cls, error: psycopg.Error) -> Failed:
        """Without details and hints, which quote rows of the application."""
        return cls(error.diag.message_primary or str(error).strip() or "the connection was lost")


def run_once(spec: Spec, one: StatementSpec, server: Server) -> Explained | Failed:
    """One run with its plan.

    Raises:
        TargetError, SecretError: as `session` does.
    """
    import psycopg

    with session(spec, one, server) as cursor:
        try:
            text = statement(cursor, one)
            for _ in range(min(one.warmup, 1)):
                execute(cursor, text)
            cursor.execute("SHOW block_size")
            (block,) = cursor.fetchone() or ("8192",)
            execute(cursor, f"EXPLAIN (ANALYZE, BUFFERS, SETTINGS, TIMING off, FORMAT json) {text}")
            (said,) = cursor.fetchone() or (None,)
            return explained(said, int(block))
        except psycopg.Error as error:
            return Failed.of(error)


@contextmanager
def session(spec: Spec, one: StatementSpec, server: Server) -> Iterator[Cursor]:
    """A session of its role within a transaction that changes nothing and ends with the block.

    Raises:
        TargetError: the login is refused, or the server is busy.
        SecretError: its password cannot be read.
    """
    require_calm(spec, server)
    role = spec.roles[one.role]
    password = role.password.read() if role.password is not None else None
    connection = log_in(one.role, password, one.database, server)
    try:
        cursor = connection.cursor()
        limit = round(seconds_of(one.timeout) * 1000)
        cursor.execute("BEGIN READ ONLY")
        cursor.execute(f"SET LOCAL statement_timeout = {limit}".encode())
        cursor.execute(f"SET LOCAL lock_timeout = {limit}".encode())
        yield cursor
    finally:
        connection.close()


def require_calm(spec: Spec, server: Server) -> None:
    """Nothing runs on a server that is beyond a threshold of its spec already. Raises TargetError, which names it."""
    section = getattr(spec, "thresholds", None)
    if section is not None and (why := crossed(section, server)):
        raise TargetError(f"not run, to spare the server: {why}")


def log_in(
    role: str, password: Secret | None, database: str, server: Server
) -> psycopg.Connection[tuple[object, ...]]:
    """A session as the application's. Raises TargetError, which names the role."""
    try:
        return open_as(server, role, password, database, application_name=APPLICATION)
    except TargetError as error:
        raise TargetError(f"cannot log in as {quoted_name(role)}: {error}") from None


def statement(cursor: Cursor, one: StatementSpec) -> str:
    """The statement, with its parameters as constants: their values decide about the plan, too.

    Raises:
        psycopg.Error: a query for a parameter is refused.
        TargetError: it gives no single value.
    """
    from psycopg import ClientCursor

    if not one.parameters:
        return one.sql
    values = {
        name: _asked(cursor, name, value.query) if isinstance(value, QuerySpec) else value
        for name, value in one.parameters.items()
    }
    return ClientCursor(cursor.connection).mogrify(one.sql, values)


def _asked(cursor: Cursor, name: str, query: str) -> object:
    execute(cursor, query)
    rows = cursor.fetchmany(2) if cursor.description is not None else []
    if len(rows) != 1 or len(rows[0]) != 1:
        raise TargetError(f"the query for parameter {name} must give one row with one column")
    return rows[0][0]


def execute(cursor: Cursor, text: str) -> None:
    """Run one statement. What is several is refused by the server, as the first of them could end the transaction."""
    cursor.execute(text.encode(), binary=True)
