"""Network cards: which bridges a user may plug a machine into."""

from __future__ import annotations

import re
from collections.abc import Mapping

from tests.simulators.proxmox.access import ROOT
from tests.simulators.proxmox.call import Call
from tests.simulators.proxmox.options import parse_option


def demand_bridges(call: Call, values: Mapping[str, str]) -> None:
    """SDN.Use on each bridge, or on the VLANs that are used of it."""
    if call.who == ROOT:
        return
    for option in sorted(values):
        if re.fullmatch(r"net\d+", option):
            card = parse_option(call.version, option, values[option])
            _demand(call, card)


def _demand(call: Call, card: Mapping[str, str]) -> None:
    if "bridge" not in card:
        return
    path = f"/sdn/zones/localnetwork/{card['bridge']}"
    tags = [*([card["tag"]] if "tag" in card else []), *card.get("trunks", "").split(";")]
    for tag in filter(None, tags):
        call.demand(f"{path}/{tag}", "SDN.Use")
    if not any(tags):
        call.demand(path, "SDN.Use")
