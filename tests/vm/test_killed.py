"""An apply that is killed at any request, and the next one that takes it up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.vm.command import start
from tests.vm.faulty import chosen
from tests.vm.hasty import hasty
from tests.vm.site import Site
from tests.vm.whole import anew, require_whole

BATCHES = 8
REQUESTS = 44
"""Fewer than a run that is not killed takes until ssh is asked: three for the plan that is shown first."""


@pytest.mark.parametrize("batch", range(BATCHES))
def test_killed_at_a_request(batch: int, site: Site) -> None:
    """What was asked last is done, as the request was sent; nobody hears of it."""
    ssh = f"host: 10.25.20.8, known_hosts: {site.folder}/known_hosts"
    site.change("postgres: 16\n", f"postgres: 16\nconnect: {{ssh: {{{ssh}}}}}\n")
    for nth in chosen(range(1 + batch, REQUESTS + 1, BATCHES)):
        _killed(site, nth)
        with hasty():
            site.apply()
            require_whole(site)
        anew(site.proxmox)


def _killed(site: Site, nth: int) -> None:
    process = start(site.folder, "vm", "apply", str(site.file), "--yes")
    numbers: Iterator[int] = iter(range(1, 1000))

    def kill(_: str, __: str) -> bool:
        if next(numbers) == nth:
            process.kill()
        return False

    site.proxmox.faults.drop(1, kill)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == -9, errors
    assert "Traceback" not in errors
    site.proxmox.faults.clear()
