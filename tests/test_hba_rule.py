"""A rule of the spec by itself: what is refused, where it is written, and how pg_hba.conf has it, with and without
its secrets.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from pgdeploy.gate.target import load_target
from pgdeploy.layers.server.hba import render
from pgdeploy.model.hba import HbaRuleSpec
from pgdeploy.secret.masked import MASK

HOST = {"type": "host", "database": "all", "user": "all", "address": "10.0.0.0/8", "method": "ldap"}
LOCAL = {"type": "local", "database": "all", "user": "all", "method": "peer"}


def _with(**options: object) -> dict[str, Any]:
    return {**HOST, "options": options}


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({**LOCAL, "address": "10.0.0.0/8"}, "a rule of type local has no address"),
        ({**HOST, "address": None}, "a rule of type host needs an address, such as 10.0.0.0/8 or all"),
        (_with(ldapserver=["a", "b"]), "ldapserver takes one value; lists are for radiusservers"),
        (_with(ldapserver={"env": "NOWHERE"}), "ldapserver holds no secret; write its value"),
        (_with(radiusservers=["a", {"env": "NOWHERE"}]), "radiusservers holds no secret; write its value"),
        ({**HOST, "database": []}, "database"),
        ({**HOST, "user": []}, "user"),
        ("local all all peer", "HbaRuleSpec"),
    ],
)
def test_a_rule_that_cannot_be_is_refused(data: object, said: str) -> None:
    with pytest.raises(ValidationError) as refused:
        HbaRuleSpec.model_validate(data)
    assert said in str(refused.value)


def _line(data: dict[str, Any], *, reveal: bool) -> str:
    return render([HbaRuleSpec.model_validate(data)], reveal=reveal)


def test_a_line_as_the_file_has_it() -> None:
    assert _line(LOCAL, reveal=True) == "local all all peer\n"
    assert _line({**HOST, "database": ["app", "db"]}, reveal=True) == 'host "app","db" all 10.0.0.0/8 ldap\n'


def test_secrets_stand_in_what_is_written_and_are_not_read_for_what_is_shown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = _with(ldapserver="a", ldapbindpasswd={"env": "HBA_RULE_SECRET"})
    monkeypatch.delenv("HBA_RULE_SECRET", raising=False)
    shown = _line(data, reveal=False)
    assert shown == f'host all all 10.0.0.0/8 ldap ldapserver="a" ldapbindpasswd="{MASK}"\n'
    monkeypatch.setenv("HBA_RULE_SECRET", "open sesame")
    assert _line(data, reveal=False) == shown
    written = _line(data, reveal=True)
    assert written == 'host all all 10.0.0.0/8 ldap ldapserver="a" ldapbindpasswd="open sesame"\n'


def test_a_list_of_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HBA_RULE_SECRET", "one")
    options = {
        "radiusservers": ["a", "b"],
        "radiussecrets": [{"env": "HBA_RULE_SECRET"}, {"env": "HBA_RULE_SECRET"}],
    }
    data = {**HOST, "method": "radius", "options": options}
    assert _line(data, reveal=True).split(" radius ")[1].count("one") == 2
    assert "one" not in _line(data, reveal=False)


def test_each_rule_is_shown_where_it_is_written(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(
        "postgres: 16\n"
        "hba:\n"
        "  - {type: local, database: all, user: all, method: peer}\n"
        "  - {type: host, database: all, user: all, address: all, method: reject}\n"
    )
    target = load_target(file)
    places = {check.id: target.place(check).line for check in target.checks if check.id.startswith("hba[")}
    assert places == {
        "hba[local all all].method": 3,
        "hba[host all all all].method": 4,
        "hba[rules].order": 2,
        "hba[rules].undeclared": 2,
        "hba[rules].loaded": 2,
    }
