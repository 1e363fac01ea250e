from __future__ import annotations

from pathlib import Path

import pytest

from tests.lint.advice import Read, reader


@pytest.fixture
def read(tmp_path: Path) -> Read:
    return reader(tmp_path)
