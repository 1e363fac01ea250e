"""Apply a plan: wave by wave, one transaction a database where SQL allows, databases side by side.

One apply at a time on a server (an advisory lock says so). It stops at the first error and says what is
done and what is not; each transaction is whole or not at all, so running it again converges.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from pgdeploy.core.step import Effect
from pgdeploy.errors import ApplyError, PgdeployError
from pgdeploy.layers.server.change import Change, Stage, Statement, literal
from pgdeploy.layers.server.guard import Guard, alone
from pgdeploy.layers.server.identfile import IDENT_CONF, SINCE, broken, patterns
from pgdeploy.reach.server_message import as_target_error, server_message
from pgdeploy.reach.session import SEARCH_PATH, set_for_session
from pgdeploy.reach.side_by_side import SIDE_BY_SIDE, side_by_side
from pgdeploy.reach.unlogged import Unlogged
from pgdeploy.secret.place import scrub
from pgdeploy.text.counted import counted
from pgdeploy.text.one_line import one_line

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.layers.server.plan import Plan
    from pgdeploy.reach.server import Server

LOCK_TIMEOUT = "10s"
"""How long a statement waits for another session's lock before the apply stops."""


def apply(plan: Plan, server: Server, *, lock_timeout: str = LOCK_TIMEOUT) -> list[Change]:
    """Make the changes of a plan; gives those that are made.

    Raises:
        ApplyError: another apply is running, or a statement failed; nothing of its transaction is done.
        TargetError: the server was lost.
    """
    done: list[Change] = []
    with alone(server) as guard:
        try:
            with as_target_error(server.address):
                _try_libraries(plan, guard)
        except PgdeployError as error:
            raise _stopped(error, plan, done) from error
        for wave in plan.waves:
            try:
                with as_target_error(server.address):
                    _make(wave, guard, lock_timeout, done)
                    _take_effect(wave, server, guard)
            except PgdeployError as error:
                raise _stopped(error, plan, done) from error
    return done


def _stopped(error: PgdeployError, plan: Plan, done: Sequence[Change]) -> ApplyError:
    rest = [change for change in plan.changes if change not in done]
    lines = [*error.lines[1:], f"done: {len(done)} of {counted(len(plan.changes), 'change')}"]
    lines += [f"  {_first(change)}" for change in done[-3:]]
    lines += [f"not done: {len(rest)}", *(f"  {_first(change)}" for change in rest[:3])]
    again = "Nothing is half done; when the reason is gone, apply again."
    return ApplyError(f"stopped: {error.lines[0]}", *lines, again)


def _first(change: Change) -> str:
    if change.statements:
        return change.statements[len(change.statements) // 2 if change.borrows else 0].text
    if change.ident is not None:
        return "write pg_ident.conf"
    return "write pg_hba.conf" if change.hba is not None else str(change.effect)


# -- libraries -----------------------------------------------------------------------------------------


def _try_libraries(plan: Plan, guard: Guard) -> None:
    """LOAD what is to be loaded at every login or start from now on, each in a session that ends with it.

    Raises:
        ApplyError: one does not load.
    """
    import psycopg

    for library in dict.fromkeys(library for change in plan.changes for library in change.loads):
        with guard.session() as connection:
            set_for_session(connection, lc_messages="C")
            try:
                connection.execute(f"LOAD {literal(library.name)}".encode())
            except psycopg.Error as error:
                said = server_message(error)
                # many a library says to a session that the server must load it as it starts; TimescaleDB ends it, too
                ended = connection.closed and _PRELOADED not in said
                if not library.at_start or said.startswith(_NOT_LOADED) or ended:
                    raise ApplyError(
                        f"the library {one_line(library.name)} does not load, and would end every login, or the start "
                        f"of the server: {said}"
                    ) from error


_PRELOADED = "must be preloaded"
_NOT_LOADED = ("could not access file", "could not load library", "incompatible library")


# -- one wave ------------------------------------------------------------------------------------------


def _make(wave: Sequence[Change], guard: Guard, lock_timeout: str, done: list[Change]) -> None:
    """Transactions of several databases side by side; what is outside a transaction one by one."""
    if any(not change.transactional for change in wave):
        with guard.session() as connection:
            set_for_session(connection, lock_timeout=lock_timeout)
            for change in wave:
                _run(connection, [change], pipelined=change.transactional)
                done.append(change)
        return
    by_database: dict[str | None, list[Change]] = {}
    for change in wave:
        by_database.setdefault(change.database, []).append(change)

    def one(item: tuple[str | None, list[Change]]) -> None:
        database, changes = item
        with guard.session(database) as connection:
            set_for_session(connection, lock_timeout=lock_timeout)
            _run(connection, changes, pipelined=True)
        done.extend(changes)

    # DROP OWNED and memberships touch what databases share: two at once would hit the same rows
    shared = wave[0].stage >= Stage.DROP or any(change.borrows for change in wave)
    workers = 1 if shared else SIDE_BY_SIDE
    with side_by_side(workers) as pool:
        for result in [pool.submit(one, item) for item in by_database.items()]:
            result.result()


def _run(connection: psycopg.Connection[Any], changes: Sequence[Change], *, pipelined: bool) -> None:
    """All statements of these changes: in one transaction and one round trip, or one by one.

    Raises:
        ApplyError: a statement failed; names it, with the server's words.
    """
    statements = [statement for change in changes for statement in statements_of(change)]
    secret = any(statement.secret is not None for statement in statements)
    unlogged = Unlogged(connection) if secret else None
    if pipelined and statements:
        _run_together(connection, statements, unlogged)
    elif statements:
        _run_each(connection, statements, unlogged, borrows=changes[0].borrows)


def _run_together(
    connection: psycopg.Connection[Any], statements: Sequence[Statement], unlogged: Unlogged | None
) -> None:
    import psycopg

    sent = [statement.sent() for statement in statements]
    cursors: list[psycopg.Cursor[Any]] = []
    try:
        with connection.pipeline() as pipeline:
            connection.execute("BEGIN")
            for statement, text in zip(statements, sent, strict=True):
                if unlogged and statement.secret is not None:
                    cursors.append(unlogged.execute(text, in_transaction=True))
                else:
                    cursors.append(connection.execute(text))
            connection.execute("COMMIT")
            pipeline.sync()
            for cursor in cursors:
                cursor.statusmessage  # noqa: B018
    except psycopg.Error as error:
        raise ApplyError(_said(error, statements), f"  in: {_failed(cursors, statements)}") from error


def _run_each(
    connection: psycopg.Connection[Any],
    statements: Sequence[Statement],
    unlogged: Unlogged | None,
    *,
    borrows: bool,
) -> None:
    import psycopg

    sent = [statement.sent() for statement in statements]
    for statement, text in zip(statements, sent, strict=True):
        try:
            if unlogged and statement.secret is not None:
                unlogged.execute(text, in_transaction=False)
            else:
                connection.execute(text)
        except psycopg.Error as error:
            if borrows:
                _give_back(connection, sent)
            raise ApplyError(_said(error, [statement]), f"  in: {statement.text}") from error


def _said(error: psycopg.Error, statements: Iterable[Statement]) -> str:
    """The server's words, without the secrets of these statements: it quotes a value that it refuses."""
    said = server_message(error)
    for statement in statements:
        said = statement.silenced(said)
    return said


def statements_of(change: Change) -> Iterator[Statement]:
    """An extension that says nothing else goes to the first schema of search_path, which is none of ours."""
    if change.stage is not Stage.EXTENSION:
        yield from change.statements
        return
    yield Statement("SET LOCAL search_path = public")
    yield from change.statements
    yield Statement(f"SET LOCAL search_path = {SEARCH_PATH}")


def _give_back(connection: psycopg.Connection[Any], sent: Sequence[str]) -> None:
    """What was borrowed outside a transaction, when the one statement that it was for failed."""
    import psycopg

    for text in sent[len(sent) // 2 + 1 :]:
        with suppress(psycopg.Error):
            connection.execute(text)


def _failed(cursors: Sequence[Any], statements: Sequence[Any]) -> str:
    """The statement behind a pipeline's error: the first that has no result."""
    for cursor, statement in zip(cursors, statements, strict=False):
        if cursor.pgresult is None:
            return str(statement.text)
    return "COMMIT"


# -- after a wave --------------------------------------------------------------------------------------


def _take_effect(wave: Sequence[Change], server: Server, guard: Guard) -> None:
    """Write the files, reload or restart, as the wave's changes ask; a restart that is not ours to make waits."""
    _write_files(wave, server, guard)
    effects = {change.effect for change in wave}
    if Effect.RESTART in effects and server.can_restart:
        guard.release()
        server.restart()
        guard.take()
    elif effects - {Effect.NONE}:
        _reload(guard)


def _write_files(wave: Sequence[Change], server: Server, guard: Guard) -> None:
    """A bad file never replaces a good one: the server reads it first, and with one wrong line all old ones come back.

    Raises:
        ApplyError: the server refuses one; names the lines.
    """
    put_back: list[Callable[[], object]] = []
    for change in wave:
        for write, file, text in _files_of(change, server):
            put_back.append(partial(write, write(text), whole=True))
            if wrong := _wrong_lines(file, text, guard):
                for back in put_back:
                    back()
                raise ApplyError(f"the server refuses the new {file}, so the old one stays: {wrong}")


def _files_of(change: Change, server: Server) -> Iterator[tuple[Callable[..., str], str, str]]:
    if change.ident is not None:
        yield server.write_ident, IDENT_CONF.name, change.ident
    if change.hba is not None:
        yield server.write_hba, "pg_hba.conf", change.hba.read()


_WRONG_LINES = {
    # of RADIUS servers that it cannot find it says nothing
    "pg_hba.conf": """
        SELECT line_number, coalesce(error, 'the server cannot read it') FROM pg_catalog.pg_hba_file_rules
        WHERE error IS NOT NULL OR type IS NULL ORDER BY line_number""",
    "pg_ident.conf": """
        SELECT line_number, coalesce(error, 'the server cannot read it') FROM pg_catalog.pg_ident_file_mappings
        WHERE error IS NOT NULL OR map_name IS NULL ORDER BY line_number""",
}


def _wrong_lines(file: str, text: str, guard: Guard) -> str:
    with guard.session() as connection:
        if file == IDENT_CONF.name and connection.info.server_version < SINCE * 10000:
            return "; ".join(f"{one}: {said}" for one, said in broken(connection, patterns(text)).items())
        wrong = connection.execute(_WRONG_LINES[file].encode()).fetchall()
    return "; ".join(f"line {line}: {scrub(str(error))}" for line, error in wrong[:3])


def _reload(guard: Guard) -> None:
    """Ask for a reload and wait until the server has read its files; the checks say what it made of them."""
    with guard.session() as connection:
        when = "SELECT pg_catalog.pg_conf_load_time()::text"
        before = connection.execute(when).fetchone()
        connection.execute("SELECT pg_catalog.pg_reload_conf()")
        start = time.monotonic()
        while connection.execute(when).fetchone() == before:
            waited = time.monotonic() - start
            if waited > 1 and (refused := _refused(connection)):
                raise ApplyError(refused)
            if waited > 10:
                raise ApplyError(
                    "the server did not read its configuration files within 10 s of pg_reload_conf()"
                )
            time.sleep(0.01)


def _refused(connection: psycopg.Connection[Any]) -> str:
    """Why the server takes nothing at all from its files: a line that is no setting, or one that nobody knows."""
    import psycopg

    query = """
        SELECT sourcefile || ':' || sourceline || ': ' || coalesce(name || ': ', '') || error
        FROM pg_catalog.pg_file_settings
        WHERE error IS NOT NULL AND NOT EXISTS (SELECT FROM pg_catalog.pg_file_settings WHERE applied)
        ORDER BY seqno LIMIT 1"""
    try:
        row = connection.execute(query).fetchone()
    except psycopg.Error:
        return ""
    return f"the server refuses its configuration files as a whole: {scrub(str(row[0]))}" if row else ""
