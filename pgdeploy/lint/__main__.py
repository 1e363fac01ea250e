"""Prints docs/lint.md: `python -m pgdeploy.lint > docs/lint.md`."""

from __future__ import annotations

import sys

from pgdeploy.lint import RULES
from pgdeploy.lint.text import page

sys.stdout.write(page(RULES))
