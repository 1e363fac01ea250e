"""A folder of specs in a folder of pytester's, a server that conforms to one of them, and runs of the gate."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import psycopg
import pytest

from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.gate.target import load_target
from pgdeploy.layers.server.apply import apply
from pgdeploy.reach.embedded import Cluster

CANARY = "canary-5f2b'\"<&"
"""The password of a role; it must never be seen."""

QUIET = ("--no-probes", "-W", "error", "-p", "no:hypothesispytest", "-p", "no:benchmark")
"""One thing broken is one failure without probes; and plugins that cost a run a second stay out."""

TOWN = """\
postgres: 16
settings:
  {work_mem: 4MB, fsync: off}
roles:
  postgres: {superuser: true}
  town_app:
    login: true
    password: {env: TOWN_APP_PASSWORD}
  town_group: {login: false}
"""


@dataclass
class Site:
    """`run` is the gate in this process, by the DSN of the server; `execute` breaks things by hand."""

    pytester: pytest.Pytester
    server: Cluster

    def write(self, name: str, text: str) -> Path:
        file = self.pytester.path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    def realise(self, name: str = "town") -> None:
        gate = Gate(
            load_target(self.pytester.path / f"specs/{name}.yaml"), ConnectionOptions(dsn=self.server.dsn)
        )
        apply(gate.plan(), gate.server)

    def execute(self, *texts: str) -> None:
        with psycopg.connect(self.server.dsn, autocommit=True) as connection:
            for text in texts:
                connection.execute(text)

    def run(self, *arguments: str, target: str = "town", dsn: str | None = None) -> pytest.RunResult:
        return self.pytester.runpytest_inprocess(
            "--target", target, "--dsn", dsn or self.server.dsn, *QUIET, *arguments
        )

    def run_apart(self, *arguments: str) -> pytest.RunResult:
        return self.pytester.runpytest_subprocess(
            "--target", "town", "--dsn", self.server.dsn, *QUIET, *arguments
        )

    def report(self, *arguments: str) -> list[dict[str, Any]]:
        """The targets of the JSON report of a run."""
        self.run("--pgdeploy-report", "report.json", *arguments)
        return self.read_report()

    def read_report(self) -> list[dict[str, Any]]:
        data = json.loads((self.pytester.path / "report.json").read_text(encoding="utf-8"))
        assert data["schema"] == 1
        return list(data["targets"])

    def junit(self, *arguments: str) -> dict[str, ET.Element]:
        """The test cases of the JUnit XML of a run, by name."""
        self.run("--junitxml", "junit.xml", *arguments)
        return self.read_junit()

    def read_junit(self) -> dict[str, ET.Element]:
        root = ET.parse(self.pytester.path / "junit.xml").getroot()
        return {str(case.get("name")): case for case in root.iter("testcase")}

    def seen(self, result: pytest.RunResult) -> bool:
        """Whether the password stands in anything that a run has said, on the terminal and in files.

        Its first half will do: the rest is spelt differently in Python, SQL and XML.
        """
        files = [file for file in self.pytester.path.rglob("*") if file.is_file()]
        written = [file.read_text(encoding="utf-8", errors="replace") for file in files]
        return CANARY[:11] in "\n".join([*result.outlines, *result.errlines, *written])


def properties(case: ET.Element) -> dict[str, str | None]:
    return {str(item.get("name")): item.get("value") for item in case.iter("property")}


def lines(result: pytest.RunResult, start: str) -> Sequence[str]:
    return [line for line in result.outlines if line.startswith(start)]
