"""One thing of the host broken turns exactly its own checks red, and what rests on it is blocked; on made facts."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ruamel.yaml import YAML

from pgdeploy.core import check as core_check
from pgdeploy.core.check import Check, Finding, Verdict, evaluate
from pgdeploy.core.facts import Facts
from pgdeploy.core.remedy import By
from pgdeploy.errors import Inapplicable
from pgdeploy.gate.target import Target, load_target
from pgdeploy.layers.host.declared import DeclaredHost, declared_host
from pgdeploy.layers.host.file import exporter_files
from pgdeploy.layers.host.layer import NO_HOST
from pgdeploy.report.findings import where
from tests.host.conforming import answer, facts
from tests.host.texts import pg15, pg17, vm

Answer = dict[str, Any]
Breaking = Callable[[Answer], object]


def load(folder: Path, text: str, **host: object) -> Target:
    data = YAML(typ="safe", pure=True).load(text)
    data["host"] |= host
    file = folder / "pg01.yaml"
    file.write_text(json.dumps(data), encoding="utf-8")
    return load_target(file)


def declared(target: Target) -> DeclaredHost:
    found = declared_host(target.declared)
    assert found is not None
    return found


def gate(target: Target, read: Facts) -> dict[str, Finding]:
    return {check.id: evaluate(check, read) for check in target.checks_of("host")}


def of(found: dict[str, Finding], *verdicts: Verdict) -> set[str]:
    return {known for known, finding in found.items() if finding.verdict in verdicts}


@pytest.mark.parametrize("text", [pg15(), pg17(), pg15() + vm()], ids=["pg15", "pg17", "vm"])
def test_green(text: str, tmp_path: Path) -> None:
    target = load(tmp_path, text)
    found = gate(target, facts(declared(target)))
    assert [f for f in found.values() if f.verdict is not Verdict.CONFORMS] == []


def value(section: str) -> Callable[[Answer], Any]:
    return lambda host: host[section]["value"]


def put(section: str, *keys: Any, to: object) -> Breaking:
    """Sets one value, deep in a section."""

    def change(host: Answer) -> None:
        where = host[section]
        for key in ("value", *keys[:-1]) if keys else ():
            where = where[key]
        where[keys[-1] if keys else "value"] = to

    return change


UNIT = "postgresql@15-main.service"
EXPORTER = "prometheus-postgres-exporter.service"
CONF = "/etc/postgresql/15/main/conf.d/pgdeploy.conf"
PG = "package[postgresql-15]"

RED: dict[str, tuple[Breaking, set[str]]] = {
    "package": (put("packages", "postgresql-15", to=None), {f"{PG}.installed"}),
    "version": (put("packages", "postgresql-15", "version", to="14.1"), {f"{PG}.version"}),
    "hold": (put("packages", "postgresql-15", "held", to=False), {f"{PG}.hold"}),
    "origin": (put("origins", "postgresql-15", to=["https://apt.postgresql.org/x y"]), {f"{PG}.origin"}),
    "stopped": (put("units", UNIT, "active", to="inactive"), {"service[postgresql@15-main].active"}),
    "loop": (
        lambda host: value("units")(host)[UNIT].update(restarts=9, age=5),
        {"service[postgresql@15-main].restarts"},
    ),
    "not at boot": (
        lambda host: (
            value("units")(host)[UNIT].update(file_state="disabled"),
            host["start"].update(value="manual"),
        ),
        {"service[postgresql@15-main].enabled"},
    ),
    "exporter stopped": (
        put("units", EXPORTER, "active", to="failed"),
        {"service[prometheus-postgres-exporter].active"},
    ),
    "no pg_up": (put("exporter", "pg_up", to=0.0), {"exporter[postgres_exporter].pg_up"}),
    "no metrics": (
        put("exporter", to={"status": None, "why": "refused"}),
        {"exporter[postgres_exporter].metrics"},
    ),
    "scrape": (put("exporter", "scrape_error", to=1.0), {"exporter[postgres_exporter].scrape_error"}),
    "file gone": (put("paths", CONF, to=None), {f"file[{CONF}].exists"}),
    "file mode": (put("paths", CONF, "mode", to="0666"), {f"file[{CONF}].mode"}),
    "file text": (put("paths", CONF, "text", to="# nothing\n"), {f"file[{CONF}].content"}),
    "sysctl": (put("sysctl", "vm.swappiness", to="60"), {"sysctl[vm.swappiness].value"}),
    "huge pages": (put("huge_pages", "total", to=69), {"kernel[huge_pages].number"}),
    "transparent": (
        put("huge_pages", "transparent", to="always"),
        {"kernel[transparent_huge_pages].value"},
    ),
    "zone": (put("clock", "zone", to="Europe/Berlin"), {"clock[time_zone].value"}),
    "clock": (put("clock", "synchronised", to=False), {"clock[time].synchronised"}),
    "locale": (put("locale", "known", to=["C"]), {"locale[en_US.UTF-8].generated"}),
    "the system speaks another": (put("locale", "system", to="C"), {"locale[en_US.UTF-8].default"}),
    "full": (put("space", "free", to=1 << 20), {"mount[/mnt/data/pg01].free"}),
    "checksums": (put("control", "checksums", to=False), {"cluster[15-main].checksums"}),
    "elsewhere": (put("postmaster", "data_directory", to="/x"), {"cluster[15-main].data_directory"}),
    "limits": (put("postmaster", "open_files", to=1024), {"service[postgresql@15-main].open_files"}),
    "oom": (put("postmaster", "oom_score", to=0), {"service[postgresql@15-main].oom_score"}),
    "listener": (
        lambda host: value("listening")(host).append({"address": "0.0.0.0", "port": 8080, "program": ""}),
        {"socket[others].undeclared"},
    ),
    "no table": (put("firewall", "table", to=None), {"firewall[table].loaded"}),
    "policy": (put("firewall", "table", 2, "chain", "policy", to="drop"), {"firewall[table].loaded"}),
    "no boot": (put("firewall", "boot", to=None), {"firewall[table].boot"}),
    "no loopback": (
        lambda host: value("firewall")(host)["table"].pop(3),
        {"firewall[table].undeclared"},
    ),
    "another network": (
        put("firewall", "table", 7, "rule", "expr", 1, "match", "right", to="10.0.0.1"),
        {"firewall[5432].sources"},
    ),
    "older tls": (put("tls", "older", to="TLSv1.1"), {"tls[handshake].older"}),
    "no tls": (lambda host: value("tls")(host).update(version=None, why="none"), {"tls[handshake].version"}),
    "names": (put("tls", "names", to=["other"]), {"tls[certificate].names"}),
    "expires": (put("tls", "expires", to=1_800_000_000 + 5), {"tls[certificate].expires"}),
    "served": (put("tls", "fingerprint", to="bb"), {"tls[certificate].served"}),
    "docker": (put("users", "postgres", to=["docker", "postgres"]), {"osuser[postgres].groups"}),
    "sudo": (put("roots", "postgres", "ways", to=["sudo: (ALL) ALL"]), {"osuser[postgres].root"}),
    "a key": (put("roots", "prometheus", "keys", to=["/x"]), {"osuser[prometheus].keys"}),
    "another pair": (put("pair", to=False), {"tls[certificate].key"}),
    "a folder for all": (put("folders", "/mnt", to=["everybody"]), {"file[/mnt].writers"}),
    "another user's folder": (
        put("folders", "/etc/postgresql", to=["eve", "postgres"]),
        {"file[/etc/postgresql].writers"},
    ),
    "root's folder given to postgres": (put("folders", "/etc", to=["postgres"]), {"file[/etc].writers"}),
    "no record": (put("record", to=None), {"deployment[record].exists"}),
    "other spec": (put("record", "spec", to="x"), {"deployment[record].spec"}),
    "slow": (put("record", "first", "seconds", to=901.0), {"deployment[record].within"}),
}


@pytest.mark.parametrize("case", RED)
def test_red(case: str, tmp_path: Path) -> None:
    breaking, red = RED[case]
    target = load(tmp_path, pg15())
    host = answer(declared(target))
    breaking(host)
    found = gate(target, facts(declared(target), host))
    assert of(found, Verdict.DRIFTS, Verdict.UNREADABLE) == red
    assert all(found[known].remedy.text for known in red)


def test_a_remedy_says_who_does_it(tmp_path: Path) -> None:
    target = load(tmp_path, pg15())
    host = answer(declared(target))
    for case in ("docker", "hold"):
        RED[case][0](host)
    found = gate(target, facts(declared(target), host))
    by = {known: found[known].remedy.by for known in of(found, Verdict.DRIFTS)}
    assert by == {"osuser[postgres].groups": By.PERSON, f"{PG}.hold": By.DEPLOY}


CONTAINED = "run: compose, login: password, image: 'x/exporter:1'"

CONTAINER: dict[str, tuple[Breaking, set[str]]] = {
    "stopped": (put("container", "state", to="exited"), {"exporter[postgres_exporter].container"}),
    "absent": (put("container", to=None), {"exporter[postgres_exporter].container"}),
    "image": (put("container", "image", to="x/exporter:2"), {"exporter[postgres_exporter].image"}),
    "not at boot": (put("container", "restart", to="no"), {"exporter[postgres_exporter].restart"}),
    "folder": (
        put("paths", "/opt/postgres-exporter", "mode", to="0755"),
        {"file[/opt/postgres-exporter].mode"},
    ),
    "password": (
        put("paths", "/opt/postgres-exporter/password", "group", to="root"),
        {"file[/opt/postgres-exporter/password].group"},
    ),
}


@pytest.mark.parametrize("case", CONTAINER)
def test_red_of_the_container(case: str, tmp_path: Path) -> None:
    breaking, red = CONTAINER[case]
    target = load(tmp_path, pg15().replace("login: password", CONTAINED))
    host = answer(declared(target))
    assert of(gate(target, facts(declared(target), host)), Verdict.DRIFTS, Verdict.UNREADABLE) == set()
    breaking(host)
    found = gate(target, facts(declared(target), host))
    assert of(found, Verdict.DRIFTS, Verdict.UNREADABLE) == red
    assert all(found[known].remedy.text for known in red)


def test_compose_reads_a_dollar_as_it_is_meant(tmp_path: Path) -> None:
    spec = pg15().replace("login: password", f"{CONTAINED}, folder: '/srv/$x'")
    (file,) = exporter_files(load(tmp_path, spec).spec)
    assert file.path == "/srv/$x/docker-compose.yaml"
    assert '"file": "/srv/$$x/password"' in file.text


def test_a_section_that_could_not_be_read_is_no_drift(tmp_path: Path) -> None:
    target = load(tmp_path, pg15())
    for section in answer(declared(target)):
        host = answer(declared(target))
        host[section] = {"error": "broken"}
        found = gate(target, facts(declared(target), host))
        assert of(found, Verdict.DRIFTS) == set(), section


def test_server_lost(tmp_path: Path) -> None:
    """The unit runs and PostgreSQL does not answer: one check says so, what is asked in SQL is blocked."""
    target = load(tmp_path, pg15())
    read = facts(declared(target), lost="no answer")
    assert of(gate(target, read), Verdict.DRIFTS) == {"server[postgres].answers"}
    asked: Any = SimpleNamespace(facts=read, server=SimpleNamespace(address="db1 (ssh)"))
    assert where(asked) == "db1 (ssh), where PostgreSQL does not answer"
    assert {evaluate(check, read).verdict for check in (*target.checks_of("server"), *target.probes)} == {
        Verdict.BLOCKED
    }


def test_in_a_container_the_kernel_is_not_ours(tmp_path: Path) -> None:
    target = load(tmp_path, pg15())
    host = answer(declared(target))
    host["os"]["value"]["container"] = "docker"
    found = gate(target, facts(declared(target), host))
    assert "sysctl[vm.swappiness].value" in of(found, Verdict.INAPPLICABLE)
    assert of(found, Verdict.DRIFTS) == set()


def test_in_a_container_the_clock_is_not_ours(tmp_path: Path) -> None:
    """chrony wants a right that containers rarely have, and systemd then skips it; stopped by hand it drifts."""
    target = load(tmp_path, pg15())
    host = answer(declared(target))
    host["os"]["value"]["container"] = "docker"
    units = host["units"]["value"]
    units["chrony.service"] = {**units["chrony.service"], "active": "inactive"}
    assert of(gate(target, facts(declared(target), host)), Verdict.DRIFTS) == {"service[chrony].active"}
    units["chrony.service"]["skipped"] = True
    found = gate(target, facts(declared(target), host))
    assert of(found, Verdict.DRIFTS) == set()
    assert "service[chrony].active" in of(found, Verdict.INAPPLICABLE)


def test_without_access_to_the_host_nothing_applies(tmp_path: Path) -> None:
    target = load(tmp_path, pg15())
    read = replace(facts(declared(target)), sections={"host": Inapplicable(NO_HOST)}, _memo={})
    found = gate(target, read)
    assert of(found, *set(Verdict) - {Verdict.INAPPLICABLE}) == set()
    assert {finding.reason for finding in found.values()} == {NO_HOST}


QUANTITIES: dict[str, tuple[Breaking, float, str]] = {
    "mount[/mnt/data/pg01].free": (lambda host: value("space")(host).update(free=7), 7, "B"),
    "deployment[record].within": (
        lambda host: value("record")(host)["first"].update(seconds=9000),
        9000,
        "s",
    ),
    "tls[certificate].expires": (
        lambda host: value("tls")(host).update(expires=value("os")(host)["now"] + 60),
        60,
        "s",
    ),
    "guest[memory].size": (lambda host: value("os")(host).update(memory=1 << 20), 1 << 20, "B"),
}


def test_a_quantity_is_a_number(tmp_path: Path) -> None:
    """Reports and trends need not parse the text of what was compared."""
    target = load(tmp_path, pg15() + vm())
    found = gate(target, facts(declared(target)))
    measured = {known for known, finding in found.items() if finding.measured is not None}
    assert measured == set(QUANTITIES)
    assert all(finding.measured.fits for finding in found.values() if finding.measured is not None)


@pytest.mark.parametrize("check", QUANTITIES)
def test_a_quantity_beyond_its_limit(check: str, tmp_path: Path) -> None:
    breaking, number, unit = QUANTITIES[check]
    target = load(tmp_path, pg15() + vm())
    host = answer(declared(target))
    breaking(host)
    finding = gate(target, facts(declared(target), host))[check]
    assert finding.measured is not None
    assert (finding.verdict, finding.measured.value, finding.measured.unit) == (Verdict.DRIFTS, number, unit)
    assert not finding.measured.fits


def test_a_check_that_others_wait_for_is_evaluated_once(tmp_path: Path) -> None:
    target = load(tmp_path, pg15())
    asked: Counter[str] = Counter()
    read = facts(declared(target))
    checks = target.checks_of("host")
    alone = len(Counter(check.id for check in checks))
    evaluated = core_check.evaluate

    def counting(check: Check, facts: Facts, *, parents: bool = True) -> Finding:
        asked[check.id] += 1
        return evaluated(check, facts, parents=parents)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(core_check, "evaluate", counting)
        for check in checks:
            evaluated(check, read)
    assert 0 < len(asked) < alone
    assert set(asked.values()) == {1}
