"""What other sections of a spec need of the host under the server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pgdeploy.model.setting import SettingValue


class HostNeeds:
    """A section that needs packages on the host, and settings of the server."""

    @property
    def host_packages(self) -> tuple[str, ...]:
        """Packages that are installed."""
        return ()

    @property
    def host_settings(self) -> Mapping[str, SettingValue]:
        """Settings that the server gets where the spec's `settings:` say nothing of them."""
        return {}
