"""A layer is a folder and a line: a toy layer is seen everywhere, without a line changed elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

TOY = """
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from pgdeploy import layers
from pgdeploy.core.capture import Captured
from pgdeploy.core.check import Check, Finding, Outcome, Resource, Verdict
from pgdeploy.core.layer import Layer
from pgdeploy.core.step import Step, StepPlan
from pgdeploy.errors import Unreadable
from pgdeploy.spec.model import Model
from pgdeploy.spec.problem import Problem

SHOP = Path("shop.txt")

class ToySpec(Model):
    \"""A toy.\"""
    memory: str

@dataclass(frozen=True)
class Memory(Resource):
    kind = "toy"
    layer = "toy"
    desired: str

    def checks(self):
        yield Check(self, "toy[memory]", "size", ("toy", "memory"), self._compare)
        yield Check(self, "toy[memory]", "speed", ("toy", "memory"), self._time, tools=("benchmark",))

    def _compare(self, facts):
        actual = facts.section("toy")
        return Outcome(actual == self.desired, self.desired, actual, remedy="buy some")

    def _time(self, facts, benchmark=None):
        actual = facts.section("toy")
        if actual == "?":
            raise Unreadable("nobody says")
        read = benchmark(str, actual) if benchmark is not None else "without pytest"
        return Outcome(actual != "slow", "quick", read)

@dataclass(frozen=True)
class Fall(Resource):
    kind = "fall"
    layer = "toy"
    trial = True

    def checks(self):
        yield Check(self, "fall[toy]", "survived", ("toy",), self._compare)

    def _compare(self, facts):
        return Outcome(facts.section("toy") != "fragile", "whole", facts.section("toy"))

class ToyLayer(Layer):
    name, title, description = "toy", "the toy", "checks of the toy"
    markers = {"toy": "toys", "fall": "falls"}
    trial_marker = "falls"

    def trials(self, declared):
        return (Fall(),) if declared.spec.toy is not None else ()

    def try_out(self, site):
        with site.server.open() as connection:
            connection.execute("CREATE TABLE public.thrown_down ()")
        return self.read(None, None)["sections"]["toy"]

    def section(self):
        return ToySpec

    def declared_in(self, spec):
        return spec.toy is not None

    def resources(self, declared):
        return (Memory(declared.spec.toy.memory),) if declared.spec.toy is not None else ()

    def problems(self, spec):
        if spec.toy is not None and spec.toy.memory == "13MB":
            yield Problem(("toy", "memory"), "13 is no number for a toy")

    def read(self, declared, server):
        return {"sections": {"toy": SHOP.read_text() if SHOP.exists() else "48GB"}}

    plans = True

    def heading(self, declared):
        return "a toy"

    def plan(self, site, *, patient=False):
        memory, actual = site.declared.spec.toy.memory, self.read(None, None)["sections"]["toy"]
        check, _ = Memory(memory).checks()
        if actual == "?":
            return StepPlan(unreadable=(Finding(check, Verdict.UNREADABLE, reason="nobody says"),))
        if actual == memory:
            return StepPlan()
        drift = Finding(check, Verdict.DRIFTS, memory, actual)
        return StepPlan((Step("buy memory", (check.id,), payload=memory),), drifts={check.id: drift})

    def apply(self, approved, site, *, downtime):
        for step in self.plan(site).steps:
            SHOP.write_text(step.payload)
        return self.plan(site)

    def reached(self, declared):
        return "it has all its memory"

    def step_data(self, payload):
        return {"memory": payload}

    captures = True

    def capture(self, server):
        return Captured({"toy": {"memory": self.read(None, None)["sections"]["toy"]}})

layers.LAYERS = (*layers.LAYERS, ToyLayer())
"""

SPEC = "postgres: 16\ntoy: {memory: 48GB}\nroles: {postgres: {superuser: true, login: true}}\n"


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "toy.py").write_text(TOY)
    (tmp_path / "specs").mkdir()
    (tmp_path / "specs/town.yaml").write_text(SPEC)
    return tmp_path


def run(site: Path, code: str, *words: str) -> subprocess.CompletedProcess[str]:
    program = f"import sys; sys.argv = {['x', *words]!r}; sys.path.insert(0, '.'); import toy; {code}"
    # pytest-benchmark times nothing in a worker of xdist, which a run that one starts is not
    environment = {name: value for name, value in os.environ.items() if "XDIST" not in name}
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=site,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def pgdeploy(site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return run(site, "from pgdeploy.cli import main; main()", *words)


def gate(site: Path, *words: str) -> subprocess.CompletedProcess[str]:
    code = "import pytest; sys.exit(pytest.main(sys.argv[1:]))"
    return run(site, code, "-q", "-p", "no:cacheprovider", "--rootdir=.", *words)


def test_what_takes_its_time_is_tried_where_somebody_asks_for_it(site: Path) -> None:
    """On a server that is made for it, and not the one that the gate asks."""
    assert "fall[toy]" not in gate(site, "--collect-only", "--target=town").stdout
    words = ("--target=town", "--on=embedded", "-m", "falls or database")
    assert "fall[toy].survived" in gate(site, "--collect-only", *words).stdout
    done = gate(site, *words, "-k", "fall")
    assert (done.returncode, "1 conform" in done.stdout) == (0, True), done.stdout
    (site / "shop.txt").write_text("fragile")
    done = gate(site, *words, "-k", "fall")
    assert done.returncode == 1
    assert "FAILED specs/town.yaml::fall[toy].survived - desired whole, actual fragile" in done.stdout


def test_it_is_collected_and_has_its_markers(site: Path) -> None:
    listed = gate(site, "--collect-only", "--target=town", "-m", "toys").stdout
    assert "specs/town.yaml::toy[memory].size" in listed
    assert "role[postgres]" not in listed
    assert "toy[memory].size" in gate(site, "--collect-only", "--target=town", "-m", "toy").stdout
    markers = gate(site, "--markers").stdout
    assert "@pytest.mark.toy: checks of the toy" in markers
    assert "@pytest.mark.toys: checks of toys in a spec" in markers


def test_its_checks_are_asked_and_reported(site: Path) -> None:
    green = gate(site, "--target=town", "--on", "embedded", "-m", "toy")
    assert "2 passed" in green.stdout, green.stdout
    (site / "specs/town.yaml").write_text(SPEC.replace("48GB", "64GB"))
    red = pgdeploy(site, "check", "town", "--on", "embedded", "--no-probes", "--json")
    assert red.returncode == 2
    (target,) = json.loads(red.stdout)["targets"]
    (found,) = [one for one in target["findings"] if one["id"] == "toy[memory].size"]
    assert (found["verdict"], found["desired"], found["actual"]) == ("drifts", "64GB", "48GB")
    assert (found["remedy"], found["remedy_by"]) == ("buy some", "a person")


def test_a_plan_of_sql_does_not_ask_it_and_says_so(site: Path) -> None:
    applied = pgdeploy(site, "apply", "town", "--on", "embedded", "--yes", "--no-gate")
    assert applied.returncode == 0, applied.stderr
    assert "checks of the toy: 2" in applied.stdout


def test_it_is_planned_saved_and_applied_as_all_others(site: Path) -> None:
    spec = site / "specs/town.yaml"
    spec.write_text(SPEC.replace("48GB", "64GB"))
    planned = pgdeploy(site, "plan", "town", "--layer", "toy", "--out", "plan.json")
    assert planned.returncode == 2, planned.stderr
    assert planned.stdout == ("town: a toy: 1 step\n  1. buy memory\n       toy[memory].size: 48GB -> 64GB\n")
    (change,) = json.loads((site / "plan.json").read_text())["changes"]
    assert (change["text"], change["causes"], change["memory"]) == (
        "buy memory",
        ["toy[memory].size"],
        "64GB",
    )
    applied = pgdeploy(site, "apply", "town", "--layer", "toy", "--plan", "plan.json", "--yes")
    assert (applied.returncode, applied.stdout.splitlines()[-1]) == (0, "town: it has all its memory")
    again = pgdeploy(site, "apply", "town", "--layer", "toy", "--plan", "plan.json", "--yes")
    assert again.returncode == 1
    assert "is not what the toy needs now" in again.stderr
    assert pgdeploy(site, "plan", "town", "--layer", "toy").returncode == 0
    assert pgdeploy(site, "plan", "town", "--layer", "attic").returncode == 1
    (site / "shop.txt").write_text("?")
    unread = pgdeploy(site, "plan", "town", "--layer", "toy")
    assert (unread.returncode, "could not be read: toy[memory].size: nobody says" in unread.stdout) == (
        1,
        True,
    )
    refused = pgdeploy(site, "apply", "town", "--layer", "toy", "--yes")
    assert refused.returncode == 1
    assert "the plan would rest on what could not be read" in refused.stderr
    spec.write_text(SPEC.replace("toy: {memory: 48GB}\n", ""))
    for command in ("plan", "check"):
        none = pgdeploy(site, command, "town", "--layer", "toy")
        assert (none.returncode, none.stdout) == (1, "")
        assert "there is no toy: write `toy:`" in none.stderr


def test_its_problems_and_waivers_are_of_the_spec(site: Path) -> None:
    file = site / "specs/town.yaml"
    file.write_text(SPEC.replace("48GB", "13MB"))
    refused = pgdeploy(site, "lint", "town")
    assert (refused.returncode, "toy.memory: 13 is no number for a toy" in refused.stderr) == (1, True)
    waived = "waivers: [{check: 'toy[memory].size', reason: it is small, until: 2999-01-01}]\n"
    file.write_text(SPEC + waived)
    assert "there is no check" not in pgdeploy(site, "lint", "town").stdout
    file.write_text(SPEC + waived.replace("size", "sise"))
    assert "there is no check toy[memory].sise" in pgdeploy(site, "lint", "town").stdout


def test_its_section_is_in_the_schema_and_checked_as_all_others(site: Path) -> None:
    schema = json.loads(pgdeploy(site, "schema").stdout)
    assert "memory" in str(schema["properties"]["toy"]) + str(schema["$defs"]["ToySpec"])
    (site / "specs/town.yaml").write_text(SPEC.replace("memory", "memry"))
    assert "specs/town.yaml:2:7: toy.memry: unknown key" in pgdeploy(site, "lint", "town").stderr


def test_a_check_that_uses_a_fixture_of_pytest_runs_as_a_test(site: Path) -> None:
    """Timed by pytest-benchmark; drift is a failure, and what has no answer an error, in JUnit's XML, too."""
    options = ("--target=town", "--on", "embedded", "-k", "speed", "--benchmark-max-time=0.01")
    green = gate(site, *options, "--benchmark-json=times.json")
    assert "1 passed" in green.stdout, green.stdout
    (timed,) = json.loads((site / "times.json").read_text())["benchmarks"]
    assert (timed["name"], timed["stats"]["rounds"] > 0) == ("toy[memory].speed", True)
    (site / "shop.txt").write_text("slow")
    red = gate(site, *options, "--junitxml=report.xml")
    assert "1 failed" in red.stdout
    assert 'failures="1"' in (site / "report.xml").read_text()
    assert "toy[memory].speed drifts" in red.stdout
    (site / "shop.txt").write_text("?")
    unread = gate(site, *options, "--junitxml=report.xml")
    assert "1 error" in unread.stdout
    assert "failed" not in unread.stdout
    assert 'errors="1" failures="0"' in (site / "report.xml").read_text()
    (site / "shop.txt").write_text("48GB")
    assert pgdeploy(site, "check", "town", "--on", "embedded", "--no-probes").returncode == 0


def test_its_section_is_captured(site: Path) -> None:
    with TemporaryDirectory(prefix="pgdeploy-toy-") as folder:
        Path(folder).chmod(0o755)  # the embedded server runs as another user when we are root
        home = f"{folder}/home"
        made = pgdeploy(site, "apply", "town", "--on", "embedded", "--data-dir", home, "--yes")
        assert made.returncode == 0, made.stderr
        captured = pgdeploy(site, "capture", "copy", "--data-dir", home)
        assert captured.returncode == 0, captured.stderr
    assert "\ntoy: {memory: 48GB}\n" in (site / "specs/copy.yaml").read_text()
