"""What is wrong with how a spec says that its server is reached."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pgdeploy.secret import conninfo
from pgdeploy.spec.problem import Problem

if TYPE_CHECKING:
    from pgdeploy.model.spec import Spec


def problems(spec: Spec) -> Iterator[Problem]:
    """A connection string that libpq would refuse, or that holds a password."""
    dsn = spec.connect.dsn if spec.connect else None
    if dsn is None:
        return
    try:
        options = conninfo.options(dsn)
    except conninfo.ConninfoError as error:
        yield Problem(("connect", "dsn"), f"dsn: {error}")
        return
    for keyword in conninfo.SECRETS & options.keys():
        message = f"dsn: holds a password ({keyword}); leave it out and use PGPASSWORD or PGPASSFILE"
        yield Problem(("connect", "dsn"), message)
