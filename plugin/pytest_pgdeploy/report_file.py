"""`--pgdeploy-report`: all findings as JSON, replaced in one step at the end of the run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pgdeploy.local.new_file import require_writable, write_file
from pgdeploy.report.findings import SCHEMA
from pgdeploy.text.one_line import json_text

if TYPE_CHECKING:
    from pytest_pgdeploy.result import Results


class ReportFile:
    """Raises pytest.UsageError when the file cannot be written, before any server is asked."""

    def __init__(self, file: Path, results: Results) -> None:
        self._file = file
        self._results = results
        try:
            require_writable(file)
        except OSError as error:
            raise pytest.UsageError(f"--pgdeploy-report {file}: {error.strerror}") from None

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if session.config.option.collectonly:
            return
        targets = [result.as_data() for result in self._results.by_name.values()]
        write_file(self._file, json_text({"schema": SCHEMA, "targets": targets}))
