"""Row level security: a grant that shows no row does not work, and where policies decide the check says so."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from pgdeploy.core.check import Finding, Verdict
from pgdeploy.gate.target import Target
from pgdeploy.reach.embedded import Cluster
from tests.probes.shop import World, clear, make

SPEC = """
postgres: 16
roles:
  maker: {}
  heir: {member_of: [maker]}
  readers: {}
  app: {member_of: [readers]}
  dump: {bypassrls: true}
databases:
  shop:
    owner: maker
    schemas: {sky: {owner: maker}}
    grants:
      - {grant: [USAGE], on: {schema: sky}, to: [PUBLIC]}
      - {grant: [SELECT, INSERT, TRUNCATE], on: {schema: sky, table: star}, to: [app]}
      - {grant: [SELECT], on: {schema: sky, table: star}, to: [heir, dump]}
      - {grant: [SELECT], on: {schema: sky, table: star}, to: [PUBLIC]}
      - {grant: [UPDATE], on: {schema: sky, table: star, columns: [id]}, to: [app]}
"""

APP = "grant[shop: SELECT, INSERT, TRUNCATE on table sky.star to app].works"
FREE = "grant[shop: SELECT on table sky.star to heir, dump].works"
PUBLIC = "grant[shop: SELECT on table sky.star to PUBLIC].works"
COLUMN = "grant[shop: UPDATE on table sky.star (id) to app].works"
WHY = "row level security is on and no policy is for it"


@pytest.fixture(scope="module", params=[14, 16, 18])
def world(request: pytest.FixtureRequest, load: Callable[[str, int], Target]) -> Iterator[World]:
    server: Cluster = request.getfixturevalue(f"server{request.param}")
    target = load(SPEC, request.param)
    try:
        yield make(target, server, "SET ROLE maker; CREATE TABLE sky.star (id int)", "shop")
    finally:
        clear(server, target)


def _works(world: World, *texts: str) -> dict[str, Finding]:
    """What is said with row level security on and these policies."""
    undo = "DROP POLICY IF EXISTS one ON sky.star; ALTER TABLE sky.star NO FORCE ROW LEVEL SECURITY"
    on = "ALTER TABLE sky.star ENABLE ROW LEVEL SECURITY; "
    with world.broken(on + "; ".join(texts), f"{undo}; ALTER TABLE sky.star DISABLE ROW LEVEL SECURITY"):
        return {key: one for key, one in world.probe().items() if key in (APP, FREE, PUBLIC, COLUMN)}


def _red(found: dict[str, Finding]) -> dict[str, str]:
    return {key: one.actual for key, one in found.items() if one.verdict is Verdict.DRIFTS}


def test_without_row_level_security_nothing_is_said(world: World) -> None:
    found = world.probe()
    assert {found[key].verdict for key in (APP, FREE, PUBLIC, COLUMN)} == {Verdict.CONFORMS}
    assert {found[key].note for key in (APP, FREE, PUBLIC, COLUMN)} == {""}


@pytest.mark.parametrize(
    "policy",
    [
        "",
        "CREATE POLICY one ON sky.star AS RESTRICTIVE TO app USING (true)",
        "CREATE POLICY one ON sky.star TO heir USING (true)",
    ],
    ids=["none", "restrictive", "for another"],
)
def test_no_policy_for_the_role_is_no_row(world: World, policy: str) -> None:
    assert _red(_works(world, policy)) == {
        APP: f"INSERT, SELECT on table sky.star for app ({WHY})",
        PUBLIC: f"SELECT on table sky.star for PUBLIC ({WHY})",
        COLUMN: f"UPDATE on column sky.star.id for app ({WHY})",
    }


def test_a_policy_for_one_command_is_none_for_another(world: World) -> None:
    found = _works(world, "CREATE POLICY one ON sky.star FOR SELECT TO readers USING (true)")
    assert _red(found)[APP] == f"INSERT on table sky.star for app ({WHY})"
    assert COLUMN in _red(found)


def test_where_policies_decide_the_note_says_so(world: World) -> None:
    found = _works(world, "CREATE POLICY one ON sky.star USING (false)")
    assert _red(found) == {}
    assert found[APP].note == "policies decide which rows, and are not tried: table sky.star for app"
    assert found[FREE].note == ""


def test_forced_it_binds_the_owner(world: World) -> None:
    found = _works(world, "ALTER TABLE sky.star FORCE ROW LEVEL SECURITY")
    assert _red(found)[FREE] == f"SELECT on table sky.star for heir ({WHY})"
