"""Node ids such as `role[app].login`, which pytest 9.2 mangles.

It takes what follows the first `[` for the parameters of a test, and where it writes such an id anew it
puts a `]` at the end. Ids that are texts from the start are at least always mangled alike, so `--lf` and
`--sw` find them again; the two places that show them are mended here. Older versions are as they were.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest


def file_id(config: pytest.Config, file: Path) -> str | None:
    """The id of a file for `from_parent(nodeid=...)`; None below rootdir, where pytest makes the right one.

    Elsewhere pytest gives every file that it is told to run the same empty id, and xdist loses items with equal ids.
    """
    if file.is_relative_to(config.rootpath):
        return None
    return Path(os.path.relpath(file, config.rootpath)).as_posix()


def text_id(parent: pytest.Collector, name: str) -> str:
    """The id for `from_parent(nodeid=...)`."""
    return f"{parent.nodeid}::{name}"


def mend_junit(config: pytest.Config, report: pytest.TestReport) -> None:
    from _pytest.junitxml import xml_key

    xml = config.stash.get(xml_key, None)
    if xml is not None:
        xml.node_reporter(report).add_attribute("name", report.location[2])


def mend_summary(stats: dict[str, list[Any]]) -> None:
    """The short summary, which is made from the terminal's reports at the very end."""
    for report in (report for reports in stats.values() for report in reports if hasattr(report, "pgdeploy")):
        mangled = getattr(report, "_id", None)
        if mangled is not None:
            path, _, name = report.nodeid.partition("::")
            report._id = type(mangled)(path=path, names=(name,))
