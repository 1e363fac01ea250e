"""Identifiers as the server's own scanners read them, for regular expressions.

Every character beyond ASCII counts as a letter. The classes say what is left out, all of it ASCII: a class that names
the rest of Unicode takes twenty milliseconds to compile.
"""

from __future__ import annotations

START = r"[^\x00-@\[-^`{-\x7f]"
"""A letter or an underscore."""

PART = r"[^\x00-/:-@\[-^`{-\x7f]"
"""The same, or a digit."""

PART_OR_DOLLAR = r"[^\x00-#%-/:-@\[-^`{-\x7f]"
"""The same, or a dollar sign."""
