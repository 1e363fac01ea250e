"""What a run with `--target` consists of: the parts are made from the options and registered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_pgdeploy import host_fixture
from pytest_pgdeploy.collection import Collection, choose_arguments
from pytest_pgdeploy.distribution import Distribution
from pytest_pgdeploy.ending import Ends
from pytest_pgdeploy.fixtures import target_fixture
from pytest_pgdeploy.item import Reporting
from pytest_pgdeploy.options import read_options
from pytest_pgdeploy.report_file import ReportFile
from pytest_pgdeploy.result import Results
from pytest_pgdeploy.summary import Summary
from pytest_pgdeploy.visit import VISITS, TargetSessions

if TYPE_CHECKING:
    import pytest


def start(config: pytest.Config) -> None:
    """Set the gate up, offline.

    Raises:
        pytest.UsageError: the options name no target, or contradict each other.
    """
    options = read_options(config)
    visits = TargetSessions(options)
    config.stash[VISITS] = visits
    choose_arguments(config, visits)
    parts: dict[str, object] = {
        "ends": Ends(),
        "visits": visits,
        "collection": Collection(visits),
        "reporting": Reporting(),
        "target": target_fixture(config, visits.all),
        "host": host_fixture,
        "distribution": Distribution([visit.name for visit in visits.all]),
    }
    if not hasattr(config, "workerinput"):  # a worker of xdist reports to its controller, nothing else
        results = Results(config, visits.all)
        parts |= {"results": results, "summary": Summary(options, results)}
        if options.report is not None:
            parts["report-file"] = ReportFile(options.report, results)
    for name, part in parts.items():
        config.pluginmanager.register(part, f"pgdeploy-{name}")
