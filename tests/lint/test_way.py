"""Which rule of pg_hba.conf a role meets."""

from __future__ import annotations

from datetime import date

import pytest

from pgdeploy.lint.hba_match import covers, from_network, is_everywhere, ways
from pgdeploy.lint.subject import Subject
from pgdeploy.model.hba import HbaRuleSpec
from tests.lint.advice import Read

ROLES = """\
roles:
  app: {login: true, member_of: [team]}
  team: {member_of: [company]}
  company: {}
  standby: {login: true, replication: true}
"""

ALL_OUT = "{type: local, database: all, user: all, method: reject}"
OTHERS_OUT = "{type: local, database: all, user: standby, method: reject}"
APP_IN = "{type: local, database: all, user: app, method: peer}"


def hba(
    type: str, address: str | None = None, method: str = "peer", database: str = "all", user: str = "all"
) -> HbaRuleSpec:
    return HbaRuleSpec.model_validate(
        {"type": type, "address": address, "method": method, "database": database, "user": user}
    )


@pytest.mark.parametrize(
    ("first", "later", "hidden"),
    [
        (hba("local"), hba("local"), True),
        (hba("local"), hba("host", "all"), False),
        (hba("host", "all"), hba("hostssl", "10.0.0.0/8"), True),
        (hba("hostssl", "all"), hba("host", "10.0.0.0/8"), False),
        (hba("hostnossl", "all"), hba("hostgssenc", "all"), True),
        (hba("hostnogssenc", "all"), hba("hostssl", "all"), True),
        (hba("hostnogssenc", "all"), hba("hostgssenc", "all"), False),
        (hba("host", "10.0.0.0/8"), hba("host", "10.1.2.3/32"), True),
        (hba("host", "10.1.2.3/32"), hba("host", "10.0.0.0/8"), False),
        (hba("host", "0.0.0.0/0"), hba("host", "::1/128"), False),
        (hba("host", "0.0.0.0/0"), hba("host", "all"), False),
        (hba("host", "all"), hba("host", "db.example.org"), True),
        (hba("host", "0.0.0.0/0"), hba("host", "db.example.org"), False),
        (hba("local"), hba("local", database="replication"), False),
        (hba("local", database="replication"), hba("local", database="replication"), True),
        (hba("local", database="shop"), hba("local"), False),
    ],
)
def test_a_rule_hides_what_it_matches_whole(first: HbaRuleSpec, later: HbaRuleSpec, *, hidden: bool) -> None:
    assert covers(first, later) is hidden


@pytest.mark.parametrize(
    ("address", "network", "everywhere"),
    [
        ("127.0.0.1/32", False, False),
        ("127.0.0.0/8", False, False),
        ("::1/128", False, False),
        ("samehost", False, False),
        ("localhost", False, False),
        ("samenet", True, False),
        ("db.example.org", True, False),
        ("10.0.0.0/8", True, False),
        ("::/0", True, True),
        ("0.0.0.0/0", True, True),
        ("all", True, True),
    ],
)
def test_an_address_is_the_host_a_network_or_everything(
    address: str, *, network: bool, everywhere: bool
) -> None:
    assert from_network(hba("host", address)) is network
    assert is_everywhere(hba("host", address)) is everywhere
    assert not from_network(hba("host", address, "reject"))
    assert not is_everywhere(hba("host", address, "reject"))


@pytest.mark.parametrize(
    ("role", "rules", "found"),
    [
        ("app", "{type: local, database: all, user: app, method: peer}", [0]),
        ("app", "{type: local, database: all, user: +company, method: peer}", [0]),
        ("app", "{type: local, database: all, user: standby, method: peer}", []),
        ("app", "{type: local, database: all, user: '/^a', method: peer}", [0]),
        ("app", "{type: local, database: all, user: '/[', method: peer}", []),
        ("app", "{type: local, database: replication, user: all, method: peer}", []),
        ("standby", "{type: local, database: replication, user: all, method: peer}", [0]),
        (
            "app",
            f"{ALL_OUT}, {APP_IN}",
            [],
        ),
        (
            "app",
            f"{OTHERS_OUT}, {APP_IN}",
            [1],
        ),
    ],
)
def test_a_role_comes_in_by_the_rules_that_it_meets_first(
    role: str, rules: str, found: list[int], read: Read
) -> None:
    spec = read(f"{ROLES}hba: [{rules}]\n").value
    assert [index for index, _ in ways(Subject(spec, date(2026, 6, 15)), role)] == found
