"""The gate of a machine in this process, and what of it is red."""

from __future__ import annotations

import os
from unittest.mock import patch

from pgdeploy.core.check import Finding, Verdict
from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.gate.target import load_target
from pgdeploy.report.findings import lines
from tests.host.machine import SECRETS, Machine


def findings(machine: Machine, target: str = "prod-pg01") -> dict[str, Finding]:
    """Every finding of the gate that neither conforms nor is inapplicable, by its id."""
    gate = Gate(
        load_target(machine.specs / f"{target}.yaml"), ConnectionOptions(ssh_config=machine.ssh_config)
    )
    with patch.dict(os.environ, SECRETS):
        try:
            found = [gate.evaluate(check) for check in gate.checks]
            fine = (Verdict.CONFORMS, Verdict.INAPPLICABLE)
            bad = {finding.check.id: finding for finding in found if finding.verdict not in fine}
            for finding in bad.values():
                lines(finding, gate)  # every finding can be told
            return bad
        finally:
            gate.close()


class Red(dict[str, str]):
    """Checks that fail or have no answer, each with why; compares with the set of their ids."""

    def __eq__(self, other: object) -> bool:
        return set(self) == other

    __hash__ = None


def red(machine: Machine) -> Red:
    """What is red; what is blocked has its reason in one of these."""
    return Red(
        {
            identity: finding.reason or f"desired {finding.desired}, actual {finding.actual}"
            for identity, finding in findings(machine).items()
            if finding.verdict is not Verdict.BLOCKED
        }
    )
