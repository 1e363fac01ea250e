"""`--pgdeploy-report`: all findings as JSON, replaced in one step at the end of the run."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pgdeploy.report import SCHEMA

if TYPE_CHECKING:
    from pytest_pgdeploy.result import Results


class ReportFile:
    """Raises pytest.UsageError when the file cannot be written, before any server is asked."""

    def __init__(self, file: Path, results: Results) -> None:
        self._file = file
        self._results = results
        try:
            if file.is_dir():
                raise IsADirectoryError(0, "is a directory")
            self._new().unlink()
        except OSError as error:
            raise pytest.UsageError(f"--pgdeploy-report {file}: {error.strerror}") from None

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if session.config.option.collectonly:
            return
        targets = [result.as_data() for result in self._results.by_name.values()]
        text = json.dumps({"schema": SCHEMA, "targets": targets}, indent=2, ensure_ascii=False)
        new = self._new(text + "\n")
        new.chmod(0o644)
        new.replace(self._file)

    def _new(self, text: str = "") -> Path:
        """A new file beside the report, so that replacing it is one step."""
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=self._file.parent, prefix=f".{self._file.name}.", delete=False
        ) as new:
            new.write(text)
        return Path(new.name)
