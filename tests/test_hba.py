"""Options of a rule that do the same, and those that do not, whatever their spelling."""

from __future__ import annotations

import pytest

from pgdeploy.model.hba import HbaRuleSpec
from pgdeploy.model.hbarule import Auth

LDAP_PARTS: dict[str, object] = {"ldapserver": "a", "ldapbasedn": "dc=b,dc=c", "ldapsearchattribute": "uid"}

SAME: tuple[tuple[str, dict[str, object], tuple[str, ...]], ...] = (
    ("scram-sha-256", {}, ()),
    ("peer", {"map": "admins"}, ("map=admins",)),
    ("cert", {}, ("clientcert=verify-full",)),
    ("cert", {"map": "a", "clientname": "CN"}, ("clientcert=verify-full", "map=a")),
    ("gss", {}, ("include_realm=1",)),
    ("gss", {"include_realm": "0", "krb_realm": "X"}, ("krb_realm=X", "include_realm=no")),
    ("sspi", {"compat_realm": "1"}, ("upn_username=0",)),
    ("pam", {}, ("pamservice=postgresql", "pam_use_hostname=0")),
    ("ldap", {"ldapserver": "a", "ldaptls": "0", "ldapport": "389"}, ("ldapserver=a",)),
    (
        "ldap",
        {"ldapserver": "a", "ldapscheme": "ldaps"},
        ("ldapscheme=ldaps", "ldapserver=a", "ldapport=636"),
    ),
    ("ldap", LDAP_PARTS, ("ldapurl=ldap://a/dc=b,dc=c?uid?sub",)),
    ("ldap", LDAP_PARTS, ("ldapurl=LDAP://a:389/dc=b%2Cdc=c?uid,cn?sub",)),
    ("ldap", {"ldapserver": "::1", "ldapbasedn": "x"}, ("ldapurl=ldap://[::1]:389/x??sub",)),
    ("ldap", {"ldapurl": "ldaps://a/dc=b"}, ("ldapurl=ldaps://a:636/dc=b??base",)),
    ("radius", {"radiusservers": ["a", "b"], "radiusports": "1812"}, ('radiusservers="a" , b',)),
    ("oauth", {"issuer": "https://a"}, ("issuer=https://a", "delegate_ident_mapping=0")),
)

OTHER: tuple[tuple[str, dict[str, object], tuple[str, ...]], ...] = (
    ("cert", {}, ("clientname=DN",)),
    ("scram-sha-256", {"clientcert": "verify-full"}, ()),
    ("sspi", {}, ("compat_realm=0",)),
    ("sspi", {}, ("upn_username=1",)),
    ("gss", {}, ("include_realm=0",)),
    ("pam", {}, ("pam_use_hostname=1",)),
    ("ldap", {"ldapserver": "a"}, ("ldapserver=a", "ldaptls=1")),
    ("ldap", {"ldapserver": "a", "ldapscheme": "ldaps"}, ("ldapserver=a",)),
    ("ldap", LDAP_PARTS, ("ldapurl=ldap://a/dc=b,dc=c?uid?one",)),
    ("ldap", LDAP_PARTS, ("ldapurl=ldap://a/dc=b,dc=c?uid?sub?(x=y)",)),
    ("ldap", LDAP_PARTS, ("ldapurl=ldap://a:390/dc=b,dc=c?uid?sub",)),
    ("ldap", {"ldapurl": "ldap://a"}, ("ldapurl=ldap://a/",)),
    # an empty base is one: the server searches there before it binds
    ("ldap", {"ldapserver": "a", "ldapscheme": "ldap"}, ("ldapurl=ldap://a/??sub",)),
    ("radius", {"radiusservers": ["a", "b"]}, ("radiusservers=b,a",)),
    ("oauth", {"issuer": "https://a"}, ("issuer=https://a", "delegate_ident_mapping=1")),
)


def _rule(method: str, options: dict[str, object]) -> HbaRuleSpec:
    data = {"type": "hostssl", "database": "all", "user": "all", "address": "all", "method": method}
    return HbaRuleSpec.model_validate({**data, "options": options})


@pytest.mark.parametrize(("method", "declared", "written"), SAME)
def test_options_are_one_spelling(method: str, declared: dict[str, object], written: tuple[str, ...]) -> None:
    assert _rule(method, declared).auth().meaning("hostssl") == Auth(method, written).meaning("hostssl")


@pytest.mark.parametrize(("method", "declared", "written"), OTHER)
def test_other_options_are_others(method: str, declared: dict[str, object], written: tuple[str, ...]) -> None:
    assert _rule(method, declared).auth().meaning("hostssl") != Auth(method, written).meaning("hostssl")
