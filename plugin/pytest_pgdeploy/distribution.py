"""Under xdist each target is asked by one worker, so that it is read once.

xdist's own way, `--dist loadgroup`, writes the group into the node ids (and with pytest 9.2 it does not
group at all), so a plain `-n` gets a scheduler of ours. Items carry the mark xdist_group all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Sequence

FREE = ("load", "worksteal")
"""The ways of xdist that promise nothing about which worker runs what."""


class Distribution:
    def __init__(self, targets: Sequence[str]) -> None:
        # longest first, as one name may be the beginning of another
        self._targets = sorted(targets, key=len, reverse=True)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_make_scheduler(self, config: pytest.Config, log: Any) -> Any:
        if config.getvalue("dist") not in FREE:
            return None
        from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

        # the method that xdist's own schedulers override
        by_target = type("ByTarget", (LoadScopeScheduling,), {"_split_scope": staticmethod(self.group)})
        return by_target(config, log)

    def group(self, nodeid: str) -> str:
        """The target of an item: its spec file's, or the one in a test's parameters; else the item is free."""
        file, _, name = nodeid.partition("::")
        _, bracket, parameters = name.partition("[")
        for target in self._targets:
            if file.rpartition("/")[2] in (f"{target}.yaml", f"{target}.yml"):
                return target
            if bracket and f"-{target}-" in f"-{parameters.removesuffix(']')}-":
                return target
        return nodeid
