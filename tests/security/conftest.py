from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.security import attack


@pytest.fixture
def site() -> Iterator[attack.Site]:
    with attack.site() as made:
        yield made
