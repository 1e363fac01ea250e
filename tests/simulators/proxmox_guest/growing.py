"""Whether a container here may let a mounted ext4 grow, as root of a VM may."""

from __future__ import annotations

import re
from pathlib import Path

_SYS_RESOURCE = 1 << 24
_CAPABILITIES = int(re.findall(r"CapBnd:\s+(\w+)", Path("/proc/self/status").read_text())[0], 16)

MAY_GROW = bool(_CAPABILITIES & _SYS_RESOURCE)
"""Where we do not have the right, none can be given on."""

GROWING = ("--cap-add", "SYS_RESOURCE") if MAY_GROW else ()
"""Options of docker for it."""
