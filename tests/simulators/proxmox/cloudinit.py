"""The files of the cloud-init drive as Proxmox writes them for Linux (NoCloud), and what it has not seen yet."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterator, Mapping

from tests.simulators.proxmox.cluster import Cluster, Machine
from tests.simulators.proxmox.formats import NESTED, split_list, unescape
from tests.simulators.proxmox.guest import CloudInit
from tests.simulators.proxmox.options import parse_option
from tests.simulators.proxmox.schema import parse

OPTIONS = (
    *("cicustom", "cipassword", "citype", "ciupgrade", "ciuser", "nameserver", "searchdomain", "sshkeys"),
)
"""What GET cloudinit lists; ipconfigN is not among them, nor in the real one."""

RESOLVER = {"nameserver": "192.0.2.53", "searchdomain": "example.net"}
"""/etc/resolv.conf of the nodes, which holds where a machine says nothing."""


def is_seen(option: str) -> bool:
    """Whether a change of this option waits for the drive to be made anew."""
    return option in OPTIONS or option == "name" or option.startswith(("ipconfig", "net"))


def generate(version: str, vmid: int, config: Mapping[str, str]) -> CloudInit:
    user, network = user_data(vmid, config), network_config(version, config)
    instance = hashlib.sha1((user + network).encode()).hexdigest()
    return CloudInit(user, network, f"instance-id: {instance}\n")


def regenerate(cluster: Cluster, machine: Machine) -> None:
    """Write the drive, if there is one; nothing waits for it after."""
    if machine.config.cloudinit_drive():
        machine.cloud_init = generate(cluster.version, machine.vmid, machine.config)
        machine.config.changed.clear()


def user_data(vmid: int, config: Mapping[str, str], *, mask: bool = False) -> str:
    return "".join(f"{line}\n" for line in _user_lines(vmid, config, mask=mask))


def _user_lines(vmid: int, config: Mapping[str, str], *, mask: bool) -> Iterator[str]:
    host, fqdn = _names(vmid, config)
    user = config.get("ciuser")
    yield from ("#cloud-config", f"hostname: {host}", "manage_etc_hosts: true", f"fqdn: {fqdn}")
    if user is not None:
        yield f"user: {user}"
    if user == "root":
        yield "disable_root: False"
    if "cipassword" in config:
        yield f"password: {'**********' if mask else config['cipassword']}"
    if "sshkeys" in config:
        yield "ssh_authorized_keys:"
        yield from (f"  - {key}" for key in unescape(config["sshkeys"]).split("\n") if key.strip())
    yield from ("chpasswd:", "  expire: False")
    if user != "root":
        yield from ("users:", "  - default")
    if config.get("ciupgrade", "1") != "0":
        yield "package_upgrade: true"


def _names(vmid: int, config: Mapping[str, str]) -> tuple[str, str]:
    host = config.get("name", f"VM{vmid}")
    if "." in host:
        return host.partition(".")[0], host
    search = config.get("searchdomain")
    return host, f"{host}.{search}" if search else host


def network_config(version: str, config: Mapping[str, str]) -> str:
    lines = ["version: 1", "config:"]
    for card in sorted(key for key in config if key.startswith("net") and key[3:].isdecimal()):
        written = config.get(f"ipconfig{card[3:]}")
        if written is not None:
            mac = parse_option(version, card, config[card])["macaddr"].lower()
            lines += _card(card[3:], mac, ip_config(written))
    lines += _resolver(config)
    return "".join(f"{line}\n" for line in lines)


def ip_config(text: str) -> Mapping[str, str]:
    found = parse(NESTED["pve-qm-ipconfig"], text)
    return found if found.keys() & {"ip", "ip6"} else {"ip": "dhcp", "ip6": "dhcp"}


def _card(number: str, mac: str, found: Mapping[str, str]) -> list[str]:
    lines = [
        "    - type: physical",
        f"      name: eth{number}",
        f"      mac_address: '{mac}'",
        "      subnets:",
    ]
    lines += _subnet(found.get("ip"), found.get("gw"))
    lines += _subnet6(found.get("ip6"), found.get("gw6"))
    return lines


def _subnet(ip: str | None, gateway: str | None) -> list[str]:
    if ip is None:
        return []
    if ip == "dhcp":
        return ["      - type: dhcp4"]
    interface = ipaddress.IPv4Interface(ip)
    lines = [
        "      - type: static",
        f"        address: '{interface.ip}'",
        f"        netmask: '{interface.netmask}'",
    ]
    return lines + ([f"        gateway: '{gateway}'"] if gateway else [])


def _subnet6(ip: str | None, gateway: str | None) -> list[str]:
    if ip is None:
        return []
    if ip in ("dhcp", "auto"):
        return [f"      - type: {'dhcp6' if ip == 'dhcp' else 'ipv6_slaac'}"]
    lines = ["      - type: static6", f"        address: '{ip}'"]
    return lines + ([f"        gateway: '{gateway}'"] if gateway else [])


def _resolver(config: Mapping[str, str]) -> list[str]:
    lines = ["    - type: nameserver"]
    for option, title in (("nameserver", "address"), ("searchdomain", "search")):
        found = config.get(option, RESOLVER[option]).split()
        if found:
            lines += [f"      {title}:", *(f"      - '{entry}'" for entry in found)]
    return lines


def record(machine: Machine, option: str, old: str | None, new: str | None) -> None:
    """Note that a running machine's drive is behind: its value as the drive has it, or that it has none."""
    if not is_seen(option) or old == new:
        return
    changed = machine.config.changed
    added = set(split_list(changed.pop("added", "")))
    if changed.get(option) is not None:
        if new == changed[option]:
            del changed[option]
    elif option in added:
        if new is None:
            added.discard(option)
    elif old is None:
        added.add(option)
    else:
        changed[option] = old
    if added:
        changed["added"] = ",".join(sorted(added))


def listing(machine: Machine) -> list[dict[str, object]]:
    """GET cloudinit: what is on the drive, and what will be once it is made anew."""
    config, changed = machine.config, dict(machine.config.changed)
    added = split_list(changed.pop("added", ""))
    rows: list[dict[str, object]] = [{"key": key, "pending": config.get(key)} for key in added]
    for option in OPTIONS:
        if option not in config or option in added:
            continue
        if option in changed:
            rows.append({"key": option, "value": changed[option], "pending": config[option]})
        else:
            rows.append({"key": option, "value": config[option]})
    rows += [{"key": option, "delete": 1} for option in changed if option not in config]
    return [{**row, **_masked(row)} for row in rows]


def _masked(row: Mapping[str, object]) -> dict[str, object]:
    secret = row["key"] == "cipassword"
    return {key: "**********" for key in ("value", "pending") if secret and key in row}
