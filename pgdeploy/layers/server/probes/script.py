"""Transactions that are always rolled back, many of them in one round trip.

This speaks libpq's pipeline by itself: psycopg's own raises the first error and forgets the rest, and here
every refusal is an answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg
    from psycopg.pq.abc import PGconn, PGresult

CHUNK = 50
"""Scripts a round trip: few enough that all their answers fit in the socket's buffers."""

Row = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Script:
    """Statements of one transaction. Unless it `writes`, PostgreSQL itself refuses any writing in it."""

    statements: tuple[str, ...]
    writes: bool = False


@dataclass(frozen=True, slots=True)
class Refusal:
    """Which statement of a script the server refused, and its words."""

    at: int
    sqlstate: str
    words: str


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows of each statement up to the first that was refused."""

    rows: tuple[tuple[Row, ...], ...]
    refusal: Refusal | None


def run(connection: psycopg.Connection[Any], scripts: Sequence[Script]) -> list[Answer]:
    """Run each script and roll it back.

    Raises:
        psycopg.OperationalError: the connection was lost.
    """
    pgconn = connection.pgconn
    pgconn.enter_pipeline_mode()
    answers: list[Answer] = []
    for start in range(0, len(scripts), CHUNK):
        chunk = scripts[start : start + CHUNK]
        for script in chunk:
            _send(pgconn, script)
        _flush(pgconn)
        answers += [_answer(pgconn) for _ in chunk]
    pgconn.exit_pipeline_mode()
    return answers


def _send(pgconn: PGconn, script: Script) -> None:
    begin = f"BEGIN ISOLATION LEVEL READ COMMITTED {'READ WRITE' if script.writes else 'READ ONLY'}"
    for statement in (begin, *script.statements):
        pgconn.send_query_params(statement.encode(), None)
    # after an error the server skips all until a sync: so ROLLBACK stands behind one
    pgconn.pipeline_sync()
    pgconn.send_query_params(b"ROLLBACK", None)
    pgconn.pipeline_sync()


def _flush(pgconn: PGconn) -> None:
    """Send all, reading what comes back meanwhile, as the server stops when nobody takes its answers."""
    with DefaultSelector() as selector:
        selector.register(pgconn.socket, EVENT_READ | EVENT_WRITE)
        while pgconn.flush():
            selector.select()
            pgconn.consume_input()


def _answer(pgconn: PGconn) -> Answer:
    from psycopg.pq import DiagnosticField, ExecStatus

    rows: list[tuple[Row, ...]] = []
    refusal = None
    for index, result in enumerate(list(_until_sync(pgconn))):
        if result.status == ExecStatus.FATAL_ERROR:
            sqlstate, words = map(
                result.error_field, (DiagnosticField.SQLSTATE, DiagnosticField.MESSAGE_PRIMARY)
            )
            refusal = Refusal(index - 1, _text(sqlstate) or "", _text(words) or "refused")
        elif result.status != ExecStatus.PIPELINE_ABORTED and index:
            rows.append(_rows(result))
    for _ in _until_sync(pgconn):
        pass
    return Answer(tuple(rows), refusal)


def _until_sync(pgconn: PGconn) -> Iterator[PGresult]:
    from psycopg import OperationalError
    from psycopg.pq import ConnStatus, ExecStatus

    while True:
        result = pgconn.get_result()
        if result is None:
            if pgconn.status == ConnStatus.BAD:
                raise OperationalError("the connection was lost")
        elif result.status == ExecStatus.PIPELINE_SYNC:
            return
        else:
            yield result


def _rows(result: PGresult) -> tuple[Row, ...]:
    columns = range(result.nfields)
    return tuple(
        tuple(_text(result.get_value(row, column)) for column in columns) for row in range(result.ntuples)
    )


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode(errors="replace")
