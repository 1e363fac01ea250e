"""What the DESI servers must also be able to do, beyond what a spec can say; runs in the gate of each target."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import psycopg

    from pgdeploy.gate.target import Target

Connect = Callable[..., "psycopg.Connection[Any]"]


def test_the_exporter_sees_what_every_session_runs(target: Target, connect_as: Connect) -> None:
    """Without pg_monitor pg_stat_activity hides other sessions, and the exporter's numbers are wrong in silence."""
    if "postgres_exporter" not in target.spec.roles:
        pytest.skip(f"{target.name} has no exporter")
    exporter = connect_as("postgres_exporter")
    hidden = exporter.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE query = '<insufficient privilege>'"
    )
    assert hidden.fetchone() == (0,)


def test_project_databases_are_copies_of_the_template(target: Target, connect_as: Connect) -> None:
    """Whatever an administrator makes in a project database today, its schema public takes."""
    copies = [name for name, body in target.spec.databases.items() if body.from_template == "template_desi"]
    if not copies:
        pytest.skip(f"{target.name} has no project databases")
    for database in copies:
        connection = connect_as("clusteradmin_pg01", database)
        connection.execute("CREATE TABLE public.pgdeploy_try (id int)")
