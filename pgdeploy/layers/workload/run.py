"""Running workloads: each as its role, in a read-only transaction with a time limit, and all within a budget.

The session logs in as the application does, with what ALTER ROLE and ALTER DATABASE preset for it: they decide about
plans. It has that role's rights and no others, whatever code of the database it meets.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from pgdeploy.layers.workload.calm import Calm
from pgdeploy.layers.workload.explain import Explained, explained
from pgdeploy.layers.workload.login import Failed, log_in, password_of
from pgdeploy.layers.workload.parameter import execute, statements
from pgdeploy.layers.workload.scratch import database_for
from pgdeploy.model.host.amount import seconds_of

if TYPE_CHECKING:
    from pgdeploy.layers.workload.parameter import Cursor
    from pgdeploy.model.spec import Spec
    from pgdeploy.model.workload import StatementSpec
    from pgdeploy.reach.server import Server


def run_once(spec: Spec, one: StatementSpec, server: Server) -> Explained | Failed:
    """One run with its plan.

    Raises:
        TargetError, SecretError: as `session` does.
    """
    import psycopg

    with session(spec, one, server) as cursor:
        try:
            text = statements(cursor, one)[0]
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

    What writes has a database of its own instead, and each of its statements is a transaction.

    Raises:
        TargetError: the login is refused, the server is busy, or there is no database for what it writes.
        SecretError: its password cannot be read.
    """
    Calm(spec, server).require()
    password = password_of(spec, one.role)
    with (
        database_for(spec, one, server) as database,
        closing(log_in(one.role, password, database, server)) as connection,
    ):
        cursor = connection.cursor()
        limit = round(seconds_of(one.timeout) * 1000)
        if not one.writes:
            cursor.execute("BEGIN READ ONLY")
        cursor.execute(f"SET statement_timeout = {limit}".encode())
        cursor.execute(f"SET lock_timeout = {limit}".encode())
        yield cursor
