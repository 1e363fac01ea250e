"""What other sections of a spec need of the host under the server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import BaseModel

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

    @property
    def host_folders(self) -> Mapping[str, str]:
        """What it keeps on the host, and where: whoever looks at disks looks at these, too."""
        return {}


def needs(spec: BaseModel) -> tuple[HostNeeds, ...]:
    """The sections of a spec that need something of the host."""
    sections = (getattr(spec, name) for name in type(spec).model_fields)
    return tuple(section for section in sections if isinstance(section, HostNeeds))
