"""How the server shows the options of a rule in pg_hba_file_rules, beside how a spec writes them."""

from __future__ import annotations

import pytest

from pgdeploy.resources.hba import HbaFact, HbaRuleSpec

OPTIONS: tuple[tuple[str, dict[str, str], list[str] | None], ...] = (
    ("scram-sha-256", {}, None),
    ("peer", {"map": "admins"}, ["map=admins"]),
    ("cert", {}, ["clientcert=verify-full"]),
    ("cert", {"map": "a"}, ["map=a", "clientcert=verify-full"]),
    ("gss", {}, ["include_realm=true"]),
    ("gss", {"include_realm": "0", "krb_realm": "X"}, ["krb_realm=X"]),
    ("sspi", {"compat_realm": "1"}, ["include_realm=true"]),
    ("ldap", {"ldapserver": "a", "ldaptls": "1"}, ["ldapserver=a", "ldaptls=true", "ldapscope=2"]),
    ("ldap", {"ldapserver": "a", "ldaptls": "0"}, ["ldapserver=a", "ldapscope=2"]),
)


@pytest.mark.parametrize(("method", "written", "shown"), OPTIONS)
def test_options_are_one_spelling(method: str, written: dict[str, str], shown: list[str] | None) -> None:
    data = {"type": "hostssl", "database": "all", "user": "all", "address": "all", "method": method}
    rule = HbaRuleSpec.model_validate({**data, "options": written})
    fact = HbaFact(1, "hostssl", ["all"], ["all"], "all", None, method, shown, None)
    assert rule.auth() == fact.auth()
