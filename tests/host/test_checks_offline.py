"""The checks of the host are known from the spec alone, and every field of the section has its say in them."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pytest_pgdeploy.marker import marks_of
from ruamel.yaml import YAML

from pgdeploy.core.check import evaluate
from pgdeploy.core.facts import Facts
from pgdeploy.errors import SpecError
from pgdeploy.gate.target import Target, load_target
from pgdeploy.layers.host.declared import DeclaredHost, declared_host
from pgdeploy.layers.host.layer import HostLayer
from pgdeploy.layers.host.question import question
from pgdeploy.layers.server.layer import ServerLayer
from pgdeploy.model.host.spec import HostSpec
from tests.drift_cases import coverage
from tests.host.conforming import facts
from tests.host.texts import pg15, pg17, vm

SPECS = {"pg15": pg15(), "pg17": pg17(), "vm": pg15() + vm()}

MORE: dict[str, Any] = {
    "packages": {"source": "pgdg", "version": "15.*", "hold": False, "extra": ["postgresql-15-pgvector"]},
    "cluster": {
        "name": "void",
        "checksums": False,
        "encoding": "LATIN1",
        "locale": "de_DE",
        "mount": "/mnt",
        "free": "2GB",
    },
    "tls": {
        "certificate": "server.crt",
        "key": {"file": "server.key"},
        "names": ["db.example.org"],
        "minimum": "TLSv1.3",
        "expires_after": "14d",
    },
    "listening": [8443],
    "deployment": {"within": "15min", "at_most": "7d"},
}
"""What the specs of the machines do not say, and never what holds anyway."""

OTHER: tuple[dict[str, Any], ...] = (
    MORE,
    {
        "exporter": {
            "run": "compose",
            "image": "quay.io/x/exporter:1",
            "folder": "/srv/x",
            "login": "password",
            "role": "app",
            "listen": "0.0.0.0:9188",
        }
    },
    {"packages": {"source": {"uri": "https://a.b/c", "suite": "x", "components": ["y"], "key": "z"}}},
    {"exporter": {"login": "password"}},
)

FOR_PYINFRA: dict[str, str] = {}
"""Fields that only the deploy reads, and why."""


def load(folder: Path, text: str, name: str = "prod-pg01") -> Target:
    file = folder / f"{name}.yaml"
    file.write_text(text, encoding="utf-8")
    return load_target(file)


def rich(folder: Path, host: dict[str, Any] = MORE) -> Target:
    """A spec that says more of its host."""
    data = YAML(typ="safe", pure=True).load(SPECS["vm"])
    data["host"] |= host
    data["roles"]["app"]["member_of"] = ["pg_monitor"]
    return load(folder, json.dumps(data), "rich")


@pytest.mark.parametrize("text", SPECS.values(), ids=SPECS)
def test_ids_are_unique(text: str, tmp_path: Path) -> None:
    target = load(tmp_path, text)
    ids = Counter(check.id for check in (*target.checks, *target.probes))
    assert [known for known, number in ids.items() if number > 1] == []


@pytest.mark.parametrize("value", ["TLSv1", "tlsv1.1", "''"])
def test_settings_let_in_no_older_tls_than_the_section_of_it(value: str, tmp_path: Path) -> None:
    settings = f"settings:\n  ssl_min_protocol_version: {value}"
    with pytest.raises(SpecError, match=r"`host: tls: minimum:` says TLSv1.2"):
        load(tmp_path, pg15().replace("settings:", settings))


@pytest.mark.parametrize("value", ["TLSv1.2", "tlsv1.3"])
def test_settings_may_ask_for_as_new_tls(value: str, tmp_path: Path) -> None:
    settings = f"settings:\n  ssl_min_protocol_version: {value}"
    ids = {check.id for check in load(tmp_path, pg15().replace("settings:", settings)).checks_of("host")}
    assert "tls[settings].ssl_key_file" in ids


def test_what_is_asked(tmp_path: Path) -> None:
    ids = {check.id for check in load(tmp_path, SPECS["pg15"]).checks_of("host")}
    assert ids >= {
        "package[postgresql-15].installed",
        "package[postgresql-15].version",
        "package[postgresql-15].hold",
        "package[postgresql-15].origin",
        "service[postgresql@15-main].active",
        "service[postgresql@15-main].enabled",
        "service[postgresql@15-main].open_files",
        "service[prometheus-postgres-exporter].active",
        "service[nftables].enabled",
        "server[postgres].answers",
        "file[/etc/postgresql/15/main/conf.d/pgdeploy.conf].content",
        "file[/etc/postgresql/15/main/pg_hba.conf].mode",
        "file[/mnt/data/pg01].mode",
        "file[/etc/postgresql/15/main/pgdeploy.key].mode",
        "sysctl[vm.swappiness].value",
        "kernel[huge_pages].number",
        "clock[time].synchronised",
        "locale[en_US.UTF-8].generated",
        "socket[5432].addresses",
        "socket[others].undeclared",
        "firewall[5432].sources",
        "firewall[table].loaded",
        "exporter[postgres_exporter].pg_up",
        "tls[handshake].version",
        "tls[certificate].expires",
        "osuser[postgres].groups",
        "cluster[15-main].checksums",
        "mount[/mnt/data/pg01].free",
        "deployment[record].spec",
        "deployment[record].within",
    }


def test_what_holds_a_secret_is_never_read(tmp_path: Path) -> None:
    target = load(tmp_path, SPECS["pg15"])
    paths = question(_declared(target))["paths"]
    secret = [path for path in paths if path.endswith((".key", "password"))]
    assert len(secret) == 2
    assert not any(paths[path] for path in secret)
    ids = {check.id for check in target.checks_of("host")}
    assert not any(f"file[{path}].content" in ids for path in secret)


def test_the_question_is_plain_data(tmp_path: Path) -> None:
    for text in SPECS.values():
        asked = question(_declared(load(tmp_path, text)))
        assert json.loads(json.dumps(asked)) == asked


def test_without_a_host_there_is_nothing_to_ask(tmp_path: Path) -> None:
    target = load(tmp_path, "postgres: 16\nsettings: {work_mem: 4MB}\n")
    assert target.checks_of("host") == ()
    assert not any("outside" in check.id for check in target.probes)


def test_every_kind_has_a_marker_and_is_of_the_host(tmp_path: Path) -> None:
    kinds = {check.resource.kind for check in rich(tmp_path).checks_of("host")}
    assert kinds - set(ServerLayer.markers) == set(HostLayer.markers)
    for check in rich(tmp_path).checks_of("host"):
        assert "host" in [mark.name for mark in marks_of(check)]


def test_every_check_has_its_place_in_the_spec(tmp_path: Path) -> None:
    target = rich(tmp_path)
    for check in target.checks_of("host"):
        assert target.place(check).line >= 1


def test_every_field_is_asked(tmp_path: Path) -> None:
    """Leaving a field out changes which checks there are, or what they desire of one and the same host."""
    written, heard = set(), set()
    for target in (load(tmp_path, SPECS["pg15"]), *(rich(tmp_path, host) for host in OTHER)):
        read = facts(_declared(target))
        data, before = YAML(typ="safe", pure=True).load(target.file), _said(target, read)
        for label, path in coverage.written(target.spec):
            if path[0] == "host" and len(path) > 1:
                other = _without(data, path, tmp_path)
                written.add(label)
                heard |= {label} if other is None or _said(other, read) != before else set()
    assert written == {*coverage.fields(HostSpec)} - {"SecretRef.env", "SecretRef.command"}
    assert written - heard == set(FOR_PYINFRA)


def _without(data: Any, path: coverage.Path, folder: Path) -> Target | None:
    """The spec without this; None when the rest is no spec then, so that nothing can go unasked."""
    try:
        return load(folder, json.dumps(coverage.without(data, path)), "without")
    except (SpecError, ValueError):
        return None


def _said(target: Target, read: Facts) -> list[tuple[object, ...]]:
    """What the gate would say, but for where the deployment record has another digest."""
    asked = [check for check in target.checks_of("host") if check.id != "deployment[record].spec"]
    found = [evaluate(check, replace(read, _memo={})) for check in asked]
    return [(f.check.id, f.verdict, f.desired, f.reason) for f in found]


def _declared(target: Target) -> DeclaredHost:
    declared = declared_host(target.declared)
    assert declared is not None
    return declared


# -- what is wrong with a host is said offline ---------------------------------------------------------

WRONG = [
    ({"exporter": {"role": "nobody_declared_me"}}, "role nobody_declared_me is not declared"),
    ({"exporter": {"role": "postgres_exporter", "login": "password"}}, "needs the role's password"),
    ({"exporter": {"listen": "127.0.0.1:5432"}}, "port 5432 is PostgreSQL's already"),
    ({"exporter": {"listen": "127.0.0.1:22"}}, "port 22 is ssh's already"),
    ({"cluster": {"mount": "/srv"}}, "is not on /srv"),
    ({"packages": {"version": "15.4*"}}, "is not of PostgreSQL 16"),
]


@pytest.mark.parametrize(("host", "says"), WRONG, ids=[says for _, says in WRONG])
def test_said_offline(host: dict[str, Any], says: str, tmp_path: Path) -> None:
    spec = {
        "postgres": 16,
        "roles": {"postgres_exporter": {"login": True, "member_of": ["pg_monitor"]}},
        "host": host,
    }
    with pytest.raises(SpecError) as refused:
        load(tmp_path, json.dumps(spec))
    (line,) = refused.value.problems
    assert says in line


def test_a_dsn_has_no_host(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="is reached by ssh"):
        load(tmp_path, json.dumps({"postgres": 16, "connect": {"dsn": "host=x"}, "host": {}}))


def test_tls_sets_its_own_settings(tmp_path: Path) -> None:
    spec = {
        "postgres": 16,
        "settings": {"ssl_cert_file": "/x"},
        "host": {"tls": {"self_signed": True, "names": ["x"]}},
    }
    with pytest.raises(SpecError, match="`host: tls:` sets it"):
        load(tmp_path, json.dumps(spec))
