"""Rules of pg_hba.conf that match the same as an earlier one: the server takes them, and so does a spec."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pgdeploy.core.check import Verdict
from pgdeploy.gate.target import Target, load_target
from pgdeploy.layers.server.apply import apply
from pgdeploy.layers.server.plan import plan
from pgdeploy.reach.embedded import Cluster
from tests import by_hand
from tests.diff import diff
from tests.test_hba_file import reload

SPEC = """\
postgres: $major
undeclared: {roles: ignore, databases: ignore}
hba:
  - {type: host, database: [db, app], user: a, address: 10.1.0.0/16, method: scram-sha-256}
  - {type: host, database: [app, db], user: a, address: 10.1.0.0/16, method: reject}
  - {type: local, database: all, user: all, method: trust}
  - {type: host, database: [app, db], user: a, address: 10.1.0.0/16, method: md5}
"""
FIRST, SECOND = "hba[host db,app a 10.1.0.0/16].method", "hba[host app,db a 10.1.0.0/16 #2].method"
THIRD = "hba[host app,db a 10.1.0.0/16 #3].method"
ORDER, EXTRA = "hba[rules].order", "hba[rules].undeclared"
RULES = [
    "host db,app a 10.1.0.0/16 scram-sha-256",
    "host app,db a 10.1.0.0/16 reject",
    "local all all trust",
    "host app,db a 10.1.0.0/16 md5",
]
OTHER_SPELLING = [
    'host "app",db a 10.1.0.0 255.255.0.0 scram-sha-256',
    "host db,app a 10.1.2.3/16 reject",
    "local all all trust",
    "host app,db,db a,a 10.1.0.0/16 md5",
]


@pytest.fixture(params=[14, 18])
def server(request: pytest.FixtureRequest) -> Iterator[Cluster]:
    found: Cluster = request.getfixturevalue(f"server{request.param}")
    yield found
    found.write_hba("")
    reload(found)


@pytest.fixture
def target(server: Cluster, tmp_path: Path) -> Target:
    return by_hand.load(server, tmp_path / "spec.yaml", SPEC)


def red(target: Target, server: Cluster) -> dict[str, str]:
    """What drifts, with what is there; nothing may be unreadable."""
    found = [one for one in diff(target.checks, target.read(server)) if one.check.id.startswith("hba[")]
    assert {one.verdict for one in found} <= {Verdict.CONFORMS, Verdict.DRIFTS}
    return {one.check.id: one.actual for one in found if one.verdict is Verdict.DRIFTS}


def write(server: Cluster, rules: list[str]) -> None:
    server.write_hba("".join(f"{rule}\n" for rule in rules))
    reload(server)


def test_each_rule_has_a_check_of_its_own(target: Target) -> None:
    ids = [check.id for check in target.checks if check.id.endswith("].method")]
    assert ids == [FIRST, SECOND, "hba[local all all].method", THIRD]


@pytest.mark.parametrize("rules", [RULES, OTHER_SPELLING])
def test_duplicates_that_are_on_the_server_are_green(
    target: Target, server: Cluster, rules: list[str]
) -> None:
    write(server, rules)
    assert red(target, server) == {}


BROKEN: tuple[tuple[str, Callable[[list[str]], list[str]], set[str]], ...] = (
    ("the last is gone", lambda rules: rules[:3], {THIRD}),
    # the one that is left is the first of those that match the same
    ("the first is gone", lambda rules: rules[1:], {FIRST, SECOND, THIRD, ORDER}),
    ("one more", lambda rules: [*rules, rules[1]], {EXTRA}),
    ("two have changed places", lambda rules: [rules[1], rules[0], *rules[2:]], {FIRST, SECOND}),
    ("one behind another rule", lambda rules: [rules[0], *rules[2:3], rules[1], rules[3]], {ORDER}),
    ("the method of one", lambda rules: [*rules[:3], rules[3].replace("md5", "trust")], {THIRD}),
)


@pytest.mark.parametrize(("what", "change", "ids"), BROKEN, ids=[one[0] for one in BROKEN])
def test_what_differs_is_red_and_a_plan_mends_it(
    target: Target, server: Cluster, what: str, change: Callable[[list[str]], list[str]], ids: set[str]
) -> None:
    write(server, change(RULES))
    assert set(red(target, server)) == ids, what
    apply(plan(target.spec, target.resources, target.read(server)), server)
    assert red(target, server) == {}
    assert plan(target.spec, target.resources, target.read(server)).changes == ()


def test_a_duplicate_that_only_the_server_has_is_named(server: Cluster, target: Target) -> None:
    text = "".join(SPEC.splitlines(keepends=True)[:4])
    target.file.write_text(text.replace("$major", str(target.spec.postgres)))
    once = load_target(target.file)
    write(server, RULES[:2])
    (found,) = red(once, server).items()
    assert found[0] == EXTRA
    assert found[1].startswith("host app,db a 10.1.0.0/16 reject (line ")
