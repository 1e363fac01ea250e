"""Lines of pg_hba.conf that read other files: what a spec may say of them, and what a plan makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pgdeploy.core.check import Verdict, evaluate
from pgdeploy.core.step import Effect
from pgdeploy.errors import SpecError
from pgdeploy.gate.target import load_target
from pgdeploy.layers.server.apply import apply
from pgdeploy.layers.server.hba import render, wanted
from pgdeploy.layers.server.probes.admission import Login, Undecided, deciding
from pgdeploy.reach.dsn import DsnServer
from pgdeploy.reach.embedded import Cluster
from tests import by_hand

SPEC = """\
postgres: $major
undeclared: {roles: ignore, databases: ignore}
hba:
  - {type: local, database: all, user: all, method: trust}
  - {include_dir: team "rules"}
  - {type: host, database: all, user: all, address: 10.1.0.0/16, method: reject}
"""
WRITTEN = 'local all all trust\ninclude_dir "team ""rules"""\nhost all all 10.1.0.0/16 reject\n'


@pytest.mark.parametrize(
    ("line", "major", "said"),
    [
        ("{include: a}", 15, "3:15: hba[0].include: include needs PostgreSQL 16; this spec says 15"),
        ("{include_dir: a, include: b}", 16, "3:5: hba[0]: read a mapping; a line that reads other files has"),
        ("{include: a, method: trust}", 16, "3:18: hba[0].method: this key does not go with the others here"),
        ("{include_if_exists: ''}", 16, '3:25: hba[0].include_if_exists: read ""; a file or folder needs a name'),
        ('{include: "a\\nb"}', 16, "3:15: hba[0].include: read \"a\\nb\"; pg_hba.conf cannot hold a line break"),
        ("{inclde: a}", 16, "3:6: hba[0].inclde: unknown key; did you mean include?"),
        ("{include: null}", 16, "a line that reads other files has exactly one of include, include_if_exists"),
    ],
)  # fmt: skip
def test_what_cannot_be_said(line: str, major: int, said: str, tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(f"postgres: {major}\nhba:\n  - {line}\n")
    with pytest.raises(SpecError) as refused:
        load_target(file)
    assert said in str(refused.value)


def test_places_and_advice_count_every_line(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(SPEC.replace("$major", "16"))
    target = load_target(file)
    places = {check.id: target.place(check).line for check in target.checks if check.address != "hba[rules]"}
    own = {key: line for key, line in places.items() if key.startswith("hba[")}
    assert own == {
        "hba[local all all].method": 4,
        'hba[include_dir team "rules"].included': 5,
        "hba[host all all 10.1.0.0/16].method": 6,
    }
    assert render(target.spec.hba or (), reveal=True) == WRITTEN
    assert [at for at, _ in target.spec.hba_rules] == [0, 2]


def test_who_comes_after_what_is_not_known_is_not_known(tmp_path: Path) -> None:
    file = tmp_path / "spec.yaml"
    file.write_text(SPEC.replace("$major", "16"))
    spec = load_target(file).spec
    found = deciding(spec, Login("app", "shop", None, tls=False))
    assert found is not None
    assert found.method == "trust"
    with pytest.raises(Undecided):
        deciding(spec, Login("app", "shop", "10.1.0.1", tls=False))


def test_a_plan_keeps_the_line_and_takes_out_others(server16: Cluster, tmp_path: Path) -> None:
    """An empty folder brings nothing, and its line is there or not all the same."""
    server = server16
    target = by_hand.load(server, tmp_path / "spec.yaml", SPEC)
    (server.data / 'team "rules"').mkdir()
    (server.data / "other rules").write_text("host all all all reject\n")
    try:
        server.write_hba('include_dir "team ""rules"""\ninclude "other rules"\n')
        made = by_hand.planned(target, server)
        (change,) = [one for one in made.changes if one.hba is not None]
        own = server.own_hba_lines
        (note,) = change.notes
        assert note.startswith(
            f"line {own + 2} of pg_hba.conf goes (include other rules); {server.data}/other rules "
        )
        assert (change.hba and change.hba.shown, change.effect) == (WRITTEN, Effect.RELOAD)
        apply(made, server)
        facts = target.read(server)
        findings = [evaluate(check, facts) for check in target.checks if check.id.startswith("hba[")]
        assert {finding.verdict for finding in findings} == {Verdict.CONFORMS}
        # over a connection the line stands in the file that a plan prints
        server.write_hba("local all all trust\n")
        facts = target.read(DsnServer(server.dsn))
        findings = [evaluate(check, facts) for check in target.checks]
        assert wanted([one for one in findings if one.remedy.text], facts) == WRITTEN
    finally:
        (server.data / 'team "rules"').rmdir()
        (server.data / "other rules").unlink()
        server.write_hba("")
