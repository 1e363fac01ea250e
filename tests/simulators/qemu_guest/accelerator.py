"""What runs the machines: the processor itself where it can, else an emulation about ten times slower."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, Literal


def _found() -> Literal["kvm", "tcg"]:
    """/dev/kvm alone says too little: where it needs kernels made for it, Debian's does not boot."""
    able = re.search(r"^flags\s*:.*\b(vmx|svm)\b", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return "kvm" if able and Path("/dev/kvm").exists() else "tcg"


ACCELERATOR: Final = _found()
