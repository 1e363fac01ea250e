"""Advice as SARIF 2.1.0, which code hosts and editors show at its line.

Source: Static Analysis Results Interchange Format (SARIF) Version 2.1.0, OASIS Standard.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from pgdeploy import __version__


class Result(NamedTuple):
    """One piece of advice. `level` is error, warning or note; lines and columns count from 1."""

    rule: str
    message: str
    file: str
    line: int
    level: str = "warning"
    column: int = 1


def sarif(results: Iterable[Result]) -> dict[str, Any]:
    """The whole file. Paths below the working directory are relative to it, as code hosts want them."""
    found = list(results)
    rules = [{"id": rule} for rule in sorted({one.rule for one in found})]
    driver = {"name": "pgdeploy", "version": __version__, "rules": rules}
    return {
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "results": [_result(one) for one in found]}],
    }


def _result(one: Result) -> dict[str, Any]:
    place = {
        "artifactLocation": _artifact(Path(one.file)),
        "region": {"startLine": one.line, "startColumn": one.column},
    }
    return {
        "ruleId": one.rule,
        "level": one.level,
        "message": {"text": one.message},
        "locations": [{"physicalLocation": place}],
    }


def _artifact(file: Path) -> dict[str, str]:
    file, here = file.resolve(), Path.cwd()
    if file.is_relative_to(here):
        return {"uri": quote(file.relative_to(here).as_posix()), "uriBaseId": "%SRCROOT%"}
    return {"uri": file.as_uri()}
