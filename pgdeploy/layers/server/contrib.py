"""The settings of the libraries that come with PostgreSQL 14 to 18, so that a misspelt one is an error offline.

Any other setting with a prefix is a placeholder to PostgreSQL, which takes whatever name and value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pgdeploy.text.problem import did_you_mean, near_misses

SETTINGS: Mapping[str, tuple[str, ...]] = {
    "auth_delay": ("milliseconds",),
    "auto_explain": (
        "log_analyze", "log_buffers", "log_format", "log_level", "log_min_duration", "log_nested_statements",
        "log_parameter_max_length", "log_settings", "log_timing", "log_triggers", "log_verbose", "log_wal",
        "sample_rate",
    ),
    "pg_prewarm": ("autoprewarm", "autoprewarm_interval"),
    "pg_stat_statements": ("max", "save", "track", "track_planning", "track_utility"),
    "pg_trgm": ("similarity_threshold", "strict_word_similarity_threshold", "word_similarity_threshold"),
    "postgres_fdw": ("application_name",),
}  # fmt: skip
"""Names by prefix, of all versions together: what one version lacks its server says."""


def misspelt(setting: str, prefixes: Iterable[str]) -> str:
    """What is wrong with a setting that has a prefix; nothing where it may be right.

    `prefixes` are those of what else the spec names; any of them has settings that are not known here.
    """
    prefix, _, rest = setting.lower().partition(".")
    if prefix in SETTINGS:
        known = SETTINGS[prefix]
        if rest in known:
            return ""
        return (
            f"{prefix} has no setting {setting}{did_you_mean(setting, [f'{prefix}.{one}' for one in known])}"
        )
    near = near_misses(prefix, SETTINGS, 1)
    if prefix in prefixes or not near or rest not in SETTINGS[near[0]]:
        return ""
    return f"{setting} is a setting of {near[0]} with a slip in it; did you mean '{near[0]}.{rest}'?"
