"""To load a spec and to lint it costs steps by its length, not by its square: calls are counted, not seconds.

Each shape is one way to be long, and most are wrong as well: n of something, beside n of what it is compared with.
Between n, 2n and 4n the steps grow by d and 2d when they are linear, by d and 4d when they are quadratic.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from pgdeploy.errors import SpecError
from pgdeploy.gate.spec_file import load_spec
from pgdeploy.lint import lint

Body = dict[str, Any]
START, MOST = 40, 2.5


def table(at: int, **rest: Any) -> Body:
    return {"on": {"schema": "s", "table": f"t{at:04}"}, **rest}


def rule(at: int, **rest: Any) -> Body:
    address = f"10.{at // 250}.{at % 250}.0/24"
    return {
        "type": "hostssl",
        "database": "all",
        "user": "all",
        "address": address,
        "method": "scram-sha-256",
        **rest,
    }


def roles(number: int, body: Callable[[int], Body]) -> Body:
    return {"roles": {f"r{at:04}": body(at) for at in range(number)}}


def database(number: int, field: str, entry: Callable[[int], Body], **more: Any) -> Body:
    own: Body = {f"r{at:04}": {} for at in range(number)}
    return {"roles": own, "databases": {"d": {"owner": "r0000", "schemas": {"s": {}}, field: [
        entry(at) for at in range(number)], **more}}}  # fmt: skip


def granting(at: int, role: str, number: int) -> Body:
    return {"member_of": [{"role": role, "grantor": f"r{(at + 1) % number:04}", "admin": True}]}


SHAPES: dict[str, Callable[[int], Body]] = {
    "unknown roles": lambda n: roles(n, lambda at: {"member_of": [f"rolle_{at:04}"]}),
    "unknown predefined roles": lambda n: roles(n, lambda at: {"member_of": [f"pg_monitors_{at:04}"]}),
    "unknown settings": lambda n: {"settings": {f"work_memm_{at:04}": "1" for at in range(n)}},
    "unknown keys": lambda n: {"roles": {"r": {f"logins{at:04}": True for at in range(n)}}},
    "wrong types": lambda n: roles(n, lambda at: {"login": "maybe"}),
    "wrong roles in use": lambda n: {
        "roles": {f"r{at:04}": {"login": "maybe"} for at in range(n)} | {"g": {"member_of": [f"r{at:04}" for at in range(n)]}}},  # noqa: E501
    "wrong items": lambda n: database(n, "grants", lambda at: table(at, grant=["SELECT"] if at % 2 else 5, to=["nobody"])),  # noqa: E501
    "wrong privileges": lambda n: database(n, "grants", lambda at: table(at, grant=["SELEC"], to=["r0000"])),
    "wrong values": lambda n: roles(n, lambda at: {"settings": {"work_mem": f"{at}mb"}}),
    "unknown schemas": lambda n: database(
        n, "grants", lambda at: {"grant": ["SELECT"], "on": {"schema": f"z{at:04}", "table": "t"}, "to": ["r0000"]},
        schemas={f"s{at:04}": {} for at in range(n)}),
    "known schemas": lambda n: database(
        n, "grants", lambda at: {"grant": ["SELECT"], "on": {"schema": f"s{at:04}", "table": "t"}, "to": ["r0000"]},
        schemas={f"s{at:04}": {} for at in range(n)}),
    "revoked and granted": lambda n: database(
        n, "grants", lambda at: table(at // 2, **({"grant": ["ALL"], "to": ["r0000"]} if at % 2
                                                  else {"revoke": ["SELECT"], "from": ["r0000"]}))),
    "revoked and granted to all": lambda n: database(
        n, "grants", lambda at: {"grant": ["SELECT"], "to": [f"r{at:04}"], "on": {"schema": "s", "all": "tables"}} if at % 2  # noqa: E501
        else {"revoke": ["INSERT"], "from": [f"r{at:04}"], "on": {"schema": "s", "table": f"t{at:04}"}}),
    "default privileges": lambda n: database(
        n, "default_privileges",
        lambda at: {"for": "r0000", "grant": ["EXECUTE"], "on": "functions", "to": [f"r{at:04}"]} if at % 2
        else {"for": f"r{at:04}", "revoke": ["EXECUTE"], "on": "functions", "from": ["PUBLIC"]}),
    "a chain of members": lambda n: roles(n, lambda at: {"member_of": [f"r{at + 1:04}"] if at + 1 < n else []}),
    "a circle of members": lambda n: roles(n, lambda at: {"member_of": [f"r{(at + 1) % n:04}"]}),
    "a circle of grantors": lambda n: {"roles": {"g": {}, **{f"r{at:04}": granting(at, "g", n) for at in range(n)}}},
    "a chain of copies": lambda n: {"databases": {
        f"d{at:04}": {"schemas": {f"s{at:04}": {}}, "from_template": f"d{at + 1:04}" if at + 1 < n else "template0"}
        for at in range(n)}},
    "a circle of copies": lambda n: {"databases": {f"d{at:04}": {"from_template": f"d{(at + 1) % n:04}"} for at in range(n)}},  # noqa: E501
    "rules for each": lambda n: {
        **roles(n, lambda at: {"login": True}), "hba": [rule(at, user=f"r{at:04}", database=f"d{at:04}") for at in range(n)]},  # noqa: E501
    "rules for all": lambda n: {
        **roles(n, lambda at: {"login": True, "superuser": True}), "hba": [rule(at, method="reject") for at in range(n)]},  # noqa: E501
    "rules for groups": lambda n: {
        **roles(n, lambda at: {"login": True, "member_of": [f"r{at + 1:04}"] if at % 9 and at + 1 < n else []}),
        "hba": [rule(at, user=f"+r{at:04}") for at in range(n)]},
    "rules behind others": lambda n: {
        **roles(n, lambda at: {"login": True}), "hba": [rule(0, address="10.0.0.0/8"), *(rule(at) for at in range(n))]},
    "waivers": lambda n: {
        **roles(n, lambda at: {}),
        "waivers": [{"rule": "PGD801", "on": f"role[r{at:04}]", "reason": "it is for later", "until": "2099-01-01"}
                    for at in range(n)]},
    "waivers of no rule": lambda n: {
        "waivers": [{"rule": f"XYZ{at:04}", "reason": "it is for later", "until": "2099-01-01"} for at in range(n)]},
    "databases with owners": lambda n: {
        **roles(n, lambda at: {"login": True}),
        "databases": {f"d{at:04}": {"owner": f"r{at:04}", "grants": [
            {"grant": ["CONNECT"], "on": "database", "to": [f"r{at:04}"]}]} for at in range(n)}},
    "schemas to back up": lambda n: {
        "roles": {"b": {"login": True, "purpose": "backup"}, **{f"r{at:04}": {"login": True} for at in range(n)}},
        "databases": {"d": {"owner": "b", "schemas": {f"s{at:04}": {"owner": f"r{at:04}"} for at in range(n)}, "grants": [  # noqa: E501
            {"grant": ["CREATE"], "on": {"schema": f"s{at:04}"}, "to": [f"r{at:04}"]} for at in range(n)]}}},
}  # fmt: skip


def steps(folder: Path, document: Body) -> int:
    """How many functions are called, of Python and of C, to load a spec and to lint it if it loads."""
    file = folder / "spec.yaml"
    file.write_text(json.dumps({"postgres": 16, **document}))
    count = 0

    def counting(frame: object, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(counting)
    try:
        loaded = load_spec(file)
        lint(loaded.value, date(2026, 1, 1), loaded.place)
    except SpecError:
        pass
    finally:
        sys.setprofile(None)
    return count


@pytest.fixture
def _warm(tmp_path: Path) -> None:
    """What is made once for all is made before it is counted."""
    steps(tmp_path, SHAPES["rules for each"](2))


@pytest.mark.usefixtures("_warm")
@pytest.mark.parametrize("shape", SHAPES)
def test_twice_as_long_costs_twice_as_much(tmp_path: Path, shape: str) -> None:
    steps(tmp_path, SHAPES[shape](START // 2))
    one, two, four = (steps(tmp_path, SHAPES[shape](START * factor)) for factor in (1, 2, 4))
    assert four - two <= MOST * (two - one), (one, two, four)
