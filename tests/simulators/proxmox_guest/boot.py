"""What Proxmox would start a machine with, for tests without the simulator."""

from __future__ import annotations

import hashlib
from ipaddress import IPv4Network

from tests.simulators.proxmox.guest import Boot, CloudInit

MAC = "BC:24:11:5E:00:{:02X}"

USER = """\
#cloud-config
hostname: {name}
manage_etc_hosts: true
fqdn: {name}
user: admin
ssh_authorized_keys:
  - {key}
chpasswd:
  expire: False
users:
  - default
"""

NETWORK = """\
version: 1
config:
    - type: physical
      name: eth0
      mac_address: '{mac}'
      subnets:
      - type: static
        address: '{address}'
        netmask: '{netmask}'
        gateway: '{gateway}'
    - type: nameserver
      address:
      - '{gateway}'
      search:
      - 'home'
"""


def boot(subnet: IPv4Network, number: int, key: str, **disks: str) -> Boot:
    """Machine 101, with the address of this number in the subnet; `disks` by slot."""
    address, gateway = subnet[number], subnet[1]
    name, mac = "prod-pg01", MAC.format(number)
    user = USER.format(name=name, key=key.strip())
    network = NETWORK.format(mac=mac.lower(), address=address, netmask=subnet.netmask, gateway=gateway)
    instance = hashlib.sha1((user + network).encode()).hexdigest()
    config = {
        "name": name,
        "net0": f"virtio={mac},bridge=vmbr0",
        "ipconfig0": f"ip={address}/{subnet.prefixlen},gw={gateway}",
        "ide2": "local-lvm:vm-101-cloudinit,media=cdrom",
        "scsi0": "local-lvm:vm-101-disk-0,size=8G",
        **disks,
    }
    return Boot(101, name, config, CloudInit(user, network, f"instance-id: {instance}\n"))
