"""What PostgreSQL has and a spec cannot say, and why: who writes such a key reads it, with the page that has more."""

from __future__ import annotations

from collections.abc import Mapping

_PAGE = "docs/spec.md, What pgdeploy does not manage"

_WHY = {
    ("comment", "comments"): "comments: they change nothing that a server does, and a migration writes them",
    ("security_label", "security_labels"): "security labels: only their provider knows what they mean; use its tools",
    ("subscription", "subscriptions"): "subscriptions: one holds a password and a slot on another server; "
    "make it by hand",
    ("user_mapping", "user_mappings"): "user mappings: they hold passwords that cannot be compared; make them by hand",
    ("policy", "policies"): "what policies say: they are code, and a migration's; "
    "`row_security:` of a database has their names",
}  # fmt: skip

NOT_MANAGED: Mapping[str, str] = {
    key: f"pgdeploy does not manage {why}; see {_PAGE}" for keys, why in _WHY.items() for key in keys
}
"""By the key that somebody may write."""
