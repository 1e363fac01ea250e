"""All quantities of a server, in one bulk read of it and, where there are rates, a second one after a window."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.resources import files
from typing import TYPE_CHECKING, Any, TypeAlias

from pgdeploy.errors import Inapplicable, PgdeployError, Unreadable
from pgdeploy.layers.host.layer import HostLayer
from pgdeploy.layers.server.reading import Scope, read_sql
from pgdeploy.layers.threshold.query import (
    FOLDERS,
    QUERIES,
    SESSIONS,
    TEMP_FILES,
    WHO,
    Counter,
    Folder,
    Found,
)
from pgdeploy.model.host.amount import seconds_of
from pgdeploy.model.threshold import HOST, Metric
from pgdeploy.reach.side_by_side import side_by_side
from pgdeploy.text.naming import quoted_name

if TYPE_CHECKING:
    from pgdeploy.core.facts import Query
    from pgdeploy.reach.server import Server

Quantity: TypeAlias = "tuple[Found, ...] | Unreadable | Inapplicable"
"""What was measured, the worst first; nothing, where there is nothing of the kind; or why it could not be."""

_EVERYWHERE = Scope((), (), whole_server=True)
_HIDDEN = "the sessions of others are hidden from this login; make it a member of pg_monitor"


def measured(spec: Any, server: Server, kept: Mapping[str, str]) -> Mapping[str, Quantity]:
    """The quantities that a spec limits, by the ids of their checks; `kept` is what else is on the host, and where.

    Raises:
        TargetError: the server cannot be reached.
    """
    metrics = tuple(spec.limits)
    queries = [
        query for metric in metrics if (query := QUERIES.get((metric.thing, metric.field))) is not None
    ]
    of_host = [metric for metric in metrics if metric.thing in HOST]
    rates = [metric for metric in metrics if metric.thing == "temp_files"]
    extra: list[Query[Any]] = [WHO, *([FOLDERS] if of_host else []), *([TEMP_FILES] if rates else [])]
    before = time.monotonic()
    read = read_sql(server, [*extra, *queries], _EVERYWHERE)
    found: dict[str, Quantity] = {
        metric.id: of_server(metric, read) for metric in metrics if (metric.thing, metric.field) in QUERIES
    }
    window = seconds_of(spec.window)
    tasks: list[Callable[[], Mapping[str, Quantity]]] = []
    if rates:
        tasks.append(lambda: {metric.id: _rate(metric, read, server, before, window) for metric in rates})
    if of_host:
        tasks.append(lambda: _of_host(of_host, read["rows_of_server"][FOLDERS.name], kept, server, window))
    if tasks:
        with side_by_side(len(tasks)) as pool:
            for part in pool.map(lambda task: task(), tasks):
                found |= part
    return found


def of_server(metric: Metric, read: Mapping[str, Any]) -> Quantity:
    """What was measured of one of them, of what was read."""
    query = QUERIES[metric.thing, metric.field]
    if metric.thing in SESSIONS:
        who = read["rows_of_server"][WHO.name]
        if isinstance(who, Unreadable) or not who[0].sees_all:
            return who if isinstance(who, Unreadable) else Unreadable(_HIDDEN)
    if not query.in_database:
        return _ordered(metric, read["rows_of_server"][query.name])
    rows: list[Found] = []
    unread: Unreadable | None = None
    for database, known in read["rows_of_databases"].items():
        if database in read["closed"]:
            continue  # nobody can use it
        there = known[query.name]
        if isinstance(there, Unreadable):
            unread = Unreadable(f"database {quoted_name(database)}: {there}")
        else:
            rows += (_within(one, quoted_name(database)) for one in there)
    return _ordered(metric, (*rows, *((Found(None, str(unread), None),) if unread else ())))


def _within(found: Found, database: str) -> Found:
    reason = ": this login may not read it" if found.value is None else ""
    return found._replace(culprit=f"{found.culprit} in database {database}{reason}")


def _ordered(metric: Metric, rows: Sequence[Found] | Unreadable) -> Quantity:
    """The worst first; of numbers of things, all together; what could not be read last."""
    if isinstance(rows, Unreadable):
        return rows
    known = [row for row in rows if row.value is not None]
    unread = [row for row in rows if row.value is None]
    if metric.thing == "indexes":
        counted = [row for row in known if row.value]
        culprits = "; ".join(str(row.culprit) for row in counted)
        total = sum(row.value or 0 for row in counted)
        return (Found(total, culprits, None), *unread) if known else tuple(unread)
    known.sort(key=lambda row: row.value or 0, reverse=not metric.at_least)
    return (*known, *unread)


# -- rates ---------------------------------------------------------------------------------------------


def _rate(metric: Metric, read: Mapping[str, Any], server: Server, since: float, window: float) -> Quantity:
    """Bytes a second over the window; counters that began anew meanwhile say nothing."""
    first = read["rows_of_server"][TEMP_FILES.name]
    time.sleep(max(0.0, window - (time.monotonic() - since)))
    again = read_sql(server, [TEMP_FILES], Scope((), ()))["rows_of_server"][TEMP_FILES.name]
    if isinstance(first, Unreadable) or isinstance(again, Unreadable):
        return first if isinstance(first, Unreadable) else again
    seconds = time.monotonic() - since
    before: Mapping[str, Counter] = {row.database: row for row in first}
    return _ordered(metric, list(rates(before, again, seconds)))


def rates(before: Mapping[str, Counter], again: Sequence[Counter], seconds: float) -> Iterator[Found]:
    """What each database's counter grew by in a second; without a value where it began anew."""
    for row in again:
        old = before.get(row.database)
        if old is None:
            continue  # a database that was made meanwhile
        # statistics begin with the first session of a database; that takes nothing from a counter that was zero
        begun = old.since is None and not old.total
        if (old.since != row.since and not begun) or row.total < old.total:
            name = quoted_name(row.database)
            yield Found(None, f"the statistics of database {name} were reset meanwhile; ask again", None)
        else:
            yield Found((row.total - old.total) / seconds, f"database {quoted_name(row.database)}", None)


# -- the host ------------------------------------------------------------------------------------------


def _of_host(
    metrics: Sequence[Metric],
    folders: Sequence[Folder] | Unreadable,
    kept: Mapping[str, str],
    server: Server,
    window: float,
) -> Mapping[str, Quantity]:
    why = HostLayer().inapplicable(server)
    if why is not None or server.host is None:
        return {metric.id: Inapplicable(why or "there is no host") for metric in metrics}
    asked = [] if isinstance(folders, Unreadable) else [folder._asdict() for folder in folders]
    asked += [{"path": path, "what": what} for what, path in kept.items()]
    try:
        said = server.host.ask(_script(), {"window": window, "folders": asked})
    except PgdeployError as error:
        return {metric.id: Unreadable(str(error)) for metric in metrics}
    unknown = folders if isinstance(folders, Unreadable) else None
    return {metric.id: _said(metric, said, unknown) for metric in metrics}


def _said(metric: Metric, said: Mapping[str, Any], unknown: Unreadable | None) -> Quantity:
    if metric.thing in ("disk", "inodes") and unknown is not None:
        return unknown
    return _ordered(metric, [Found(value, culprit, None) for value, culprit in said[metric.thing]])


def _script() -> str:
    return (files("pgdeploy.layers.threshold") / "gather.py").read_text(encoding="utf-8")
