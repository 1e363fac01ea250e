"""Which rule decides on a login, and how rules of nftables are read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pgdeploy.gate.spec_file import load_spec
from pgdeploy.layers.host import rule
from pgdeploy.layers.server.probes.admission import Login, Undecided, deciding, refuses
from pgdeploy.model.spec import Spec

SPEC = {
    "postgres": 16,
    "hba": [
        {"type": "local", "database": "all", "user": "all", "method": "peer"},
        {"type": "host", "database": "all", "user": "postgres", "address": "all", "method": "reject"},
        {"type": "hostssl", "database": "shop", "user": "+staff", "address": "10.0.0.0/8", "method": "md5"},
        {"type": "hostnossl", "database": "sameuser", "user": "all", "address": "fd00::/8", "method": "md5"},
        {"type": "host", "database": "far", "user": "all", "address": "samenet", "method": "md5"},
        {"type": "host", "database": '"all"', "user": '"all"', "address": "12.0.0.0/8", "method": "md5"},
    ],
    "roles": {"postgres": {}, "staff": {}, "clerk": {"member_of": ["staff"]}, "app": {}},
    "databases": {"shop": {}, "app": {}, "far": {}},
}


@pytest.fixture
def spec(tmp_path: Path) -> Spec:
    file = tmp_path / "x.yaml"
    file.write_text(json.dumps(SPEC))
    return load_spec(file).value


@pytest.mark.parametrize(
    ("login", "index"),
    [
        (Login("postgres", "shop", "10.1.1.1", True), 1),
        (Login("clerk", "shop", "10.1.1.1", True), 2),
        (Login("staff", "shop", "10.1.1.1", True), 2),
        (Login("clerk", "shop", "10.1.1.1", False), None),
        (Login("clerk", "shop", "11.1.1.1", True), None),
        (Login("app", "shop", "10.1.1.1", True), None),
        (Login("app", "app", "fd00::1", False), 3),
        (Login("app", "app", "fd00::1", True), None),
        # in quotes a keyword is a name
        (Login("all", "all", "12.1.1.1", True), 5),
        (Login("app", "all", "12.1.1.1", True), None),
        (Login("all", "shop", "12.1.1.1", True), None),
    ],
)
def test_the_first_rule_that_matches_decides(spec: Spec, login: Login, index: int | None) -> None:
    found = deciding(spec, login)
    assert found is (None if index is None else (spec.hba or ())[index])
    assert refuses(found) is (index in (None, 1))


def test_what_only_the_server_knows(spec: Spec) -> None:
    with pytest.raises(Undecided):
        deciding(spec, Login("app", "far", "10.1.1.1", True))


DPORT = {"match": {"op": "==", "left": {"payload": {"protocol": "tcp", "field": "dport"}}, "right": 5432}}


def saddr(right: object) -> dict[str, object]:
    return {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "saddr"}}, "right": right}}


PREFIX = {"prefix": {"addr": "10.0.0.0", "len": 24}}


@pytest.mark.parametrize(
    "right",
    [
        PREFIX,
        {"set": [PREFIX]},
        {"range": ["10.0.0.0", "10.0.0.255"]},
        {
            "set": [
                {"prefix": {"addr": "10.0.0.0", "len": 25}},
                {"range": ["10.0.0.128", "10.0.0.254"]},
                "10.0.0.255",
            ]
        },
    ],
)
def test_one_network_in_any_spelling(right: object) -> None:
    listed = rule.listed({"expr": [DPORT, saddr(right), {"accept": None}]})
    assert [
        listed,
        rule.listed({"expr": [DPORT, {"counter": {"packets": 3}}, {"drop": None}]}),
    ] == rule.declared(5432, ["10.0.0.0/24"])


def test_anything_else_is_another_rule() -> None:
    expr = [
        DPORT,
        {"match": {"op": "!=", "left": {"meta": {"key": "iifname"}}, "right": "eth0"}},
        {"accept": None},
    ]
    assert rule.listed({"expr": expr}).other == ('meta iifname != "eth0"',)
