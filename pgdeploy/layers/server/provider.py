"""Roles that a provider of managed servers makes and keeps: nobody else can declare, change or drop them."""

from __future__ import annotations

from collections.abc import Mapping

from pgdeploy.core.facts import Facts
from pgdeploy.layers.server.setting import settings

BY_PREFIX: Mapping[str, frozenset[str]] = {
    "rds": frozenset(
        {
            *("rdsadmin", "rdsproxyadmin", "rdsrepladmin", "rdstopmgr", "rdswriteforwarduser"),
            *(
                "rds_ad",
                "rds_extension",
                "rds_iam",
                "rds_password",
                "rds_replication",
                "rds_reserved",
                "rds_superuser",
            ),
        }
    ),
    "cloudsql": frozenset(
        {
            *(
                "cloudsqladmin",
                "cloudsqlagent",
                "cloudsqlconnpooladmin",
                "cloudsqliamgroup",
                "cloudsqliamuser",
            ),
            *("cloudsqliamgroupserviceaccount", "cloudsqliamgroupuser", "cloudsqliamserviceaccount"),
            *(
                "cloudsqlimportexport",
                "cloudsqllogical",
                "cloudsqlobservability",
                "cloudsqlreplica",
                "cloudsqlsuperuser",
            ),
        }
    ),
    "azure": frozenset({"azure_pg_admin", "azure_superuser", "azuresu"}),
    "alloydb": frozenset(
        {
            *("alloydbadmin", "alloydbagent", "alloydbexport", "alloydbiamuser", "alloydbimportexport"),
            *("alloydbmetadata", "alloydbobservability", "alloydbreplica", "alloydbsuperuser"),
        }
    ),
}
"""By how the provider's own settings begin."""

NAMES = frozenset().union(*BY_PREFIX.values())


def provided(facts: Facts) -> frozenset[str]:
    """The provider's roles on this server. Elsewhere a role of such a name is anybody's."""
    prefixes = {setting.partition(".")[0] for setting in facts.once(settings) if "." in setting}
    return frozenset().union(*(BY_PREFIX.get(prefix, frozenset()) for prefix in prefixes))
