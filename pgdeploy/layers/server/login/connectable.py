"""Which databases let a role in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from pgdeploy.core.facts import Facts
from pgdeploy.layers.server.login.session import session
from pgdeploy.reach.server import MAINTENANCE


def may_connect(facts: Facts) -> Mapping[str, list[str]]:
    """Databases that let each role in, as far as privileges and a connection limit of 0 go."""
    with session(facts) as connection:
        return dict(connection.execute(_sql(), [[*facts.rows_of_databases, MAINTENANCE]]).fetchall())


@cache
def _sql() -> str:
    return (files("pgdeploy.layers.server.login") / "may_connect.sql").read_text(encoding="utf-8")
