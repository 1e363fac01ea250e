"""Objects that somebody makes by hand in the databases of a spec."""

from __future__ import annotations

from pgdeploy.layers.server.change import ident
from pgdeploy.model.inheritance import inherited
from pgdeploy.model.spec import Spec
from pgdeploy.reach.embedded import Cluster
from tests.properties.server import names, run

_OBJECTS = (
    "CREATE TABLE {0}.tab (id int, \"sp ace\" text)",
    "CREATE TABLE {0}.parts (id int) PARTITION BY LIST (id)",
    "CREATE VIEW {0}.vi AS SELECT 1 AS one",
    "CREATE MATERIALIZED VIEW {0}.ma AS SELECT 1 AS one",
    "CREATE SEQUENCE {0}.seq",
    "CREATE TABLE {0}.\"ser;ial\" (id serial)",
    "CREATE TYPE {0}.ty AS ENUM ()",
    "CREATE DOMAIN {0}.dom AS int",
    "CREATE TYPE {0}.pair AS (a int, b {0}.ty)",
    "CREATE FUNCTION {0}.f(a {0}.ty, b int) RETURNS int RETURN 1",
    "CREATE FUNCTION {0}.f() RETURNS int RETURN 1",
    "CREATE PROCEDURE {0}.p(a {0}.pair[]) LANGUAGE sql AS ''",
    "CREATE AGGREGATE {0}.agg (int) (sfunc = int4pl, stype = int)",
)  # fmt: skip


def make_objects(spec: Spec, server: Cluster, maker: str) -> None:
    """One object of each kind in each schema of the spec's databases, made by one role."""
    was_superuser = maker in names(server, "SELECT rolname::text FROM pg_roles WHERE rolsuper")
    before = () if was_superuser else (f"ALTER ROLE {ident(maker)} SUPERUSER",)
    after = () if was_superuser else (f"ALTER ROLE {ident(maker)} NOSUPERUSER",)
    for database, body in spec.databases.items():
        if body.allow_connections is False:
            continue
        schemas = {"public", *(schema for _, one in inherited(spec, database) for schema in one.schemas)}
        texts = [text.format(ident(schema)) for schema in sorted(schemas) for text in _OBJECTS]
        run(server, *before, f"SET ROLE {ident(maker)}", *texts, "RESET ROLE", *after, database=database)
