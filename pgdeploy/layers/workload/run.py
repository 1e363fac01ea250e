"""Running workloads: each as its role, in a read-only transaction with a time limit, and all within a budget.

The session logs in as the application does, with what ALTER ROLE and ALTER DATABASE preset for it: they decide about
plans. It has that role's rights and no others, whatever code of the database it meets.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeAlias

from pgdeploy.errors import PgdeployError, TargetError, Unreadable
from pgdeploy.layers.workload.explain import Explained, explained
from pgdeploy.model.host.amount import seconds_of
from pgdeploy.reach.as_role import open_as
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.model.spec import Spec
    from pgdeploy.model.workload import StatementSpec, WorkloadsSpec
    from pgdeploy.reach.server import Server

    Cursor = psycopg.Cursor[tuple[Any, ...]]

APPLICATION = "pgdeploy workload"


class Failed(str):
    """What the server said of a statement that it refused or canceled."""

    __slots__ = ()


Run: TypeAlias = "Explained | Failed | Unreadable"


def explained_all(spec: Spec, workloads: WorkloadsSpec, server: Server) -> Mapping[str, Run]:
    """Each statement run once with its plan; what the budget leaves no time for is unreadable."""
    found: dict[str, Run] = {}
    end = time.monotonic() + seconds_of(workloads.budget)
    for name, one in workloads.statements.items():
        if time.monotonic() > end:
            found[name] = Unreadable(
                f"not run: the budget of {workloads.budget} for all workloads was used up"
            )
            continue
        try:
            found[name] = _explained(spec, one, server)
        except PgdeployError as error:
            found[name] = Unreadable(str(error))
    return found


def _explained(spec: Spec, one: StatementSpec, server: Server) -> Run:
    import psycopg

    with session(spec, one, server) as cursor:
        try:
            for _ in range(min(one.warmup, 1)):
                execute(cursor, one)
            cursor.execute("SHOW block_size")
            (block,) = cursor.fetchone() or ("8192",)
            execute(cursor, one, "EXPLAIN (ANALYZE, BUFFERS, SETTINGS, TIMING off, FORMAT json) ")
            (said,) = cursor.fetchone() or (None,)
            return explained(said, int(block))
        except psycopg.Error as error:
            return Failed(error.diag.message_primary or str(error).strip() or "the connection was lost")


@contextmanager
def session(spec: Spec, one: StatementSpec, server: Server) -> Iterator[Cursor]:
    """A session of its role within a transaction that changes nothing and ends with the block.

    Raises:
        TargetError: the login is refused.
        SecretError: its password cannot be read.
    """
    role = spec.roles[one.role]
    password = role.password.read() if role.password is not None else None
    try:
        connection = open_as(server, one.role, password, one.database, application_name=APPLICATION)
    except TargetError as error:
        raise TargetError(f"cannot log in as {quoted_name(one.role)}: {error}") from None
    try:
        cursor = connection.cursor()
        limit = round(seconds_of(one.timeout) * 1000)
        cursor.execute("BEGIN READ ONLY")
        cursor.execute(f"SET LOCAL statement_timeout = {limit}".encode())
        cursor.execute(f"SET LOCAL lock_timeout = {limit}".encode())
        yield cursor
    finally:
        connection.close()


def execute(cursor: Cursor, one: StatementSpec, before: str = "") -> None:
    """Run the statement, with its parameters as constants: their values decide about the plan, too.

    What is several statements is refused by the server, as the first of them could end the transaction.
    """
    from psycopg import ClientCursor

    text = (
        ClientCursor(cursor.connection).mogrify(one.sql, dict(one.parameters)) if one.parameters else one.sql
    )
    cursor.execute((before + text).encode(), binary=True)
