"""Files are written and read in most of these tests: how long one takes depends on the machine."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("files", deadline=None)
settings.load_profile("files")
