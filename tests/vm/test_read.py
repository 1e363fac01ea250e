"""Reading a VM is a handful of requests, and none of them changes anything."""

from __future__ import annotations

from tests.vm.site import Site


def test_a_vm_is_read_with_six_requests(site: Site) -> None:
    site.apply()
    before = len(site.proxmox.requests)
    site.read()
    asked = site.proxmox.requests[before:]
    assert {seen.method for seen in asked} == {"GET"}
    assert [seen.path.rpartition("/2002/")[2] or seen.path for seen in asked] == [
        "/cluster/resources",
        "config",
        "pending",
        "status/current",
        "cloudinit",
        "agent/network-get-interfaces",
    ]


def test_the_template_is_read_where_there_is_no_vm_yet(site: Site) -> None:
    before = len(site.proxmox.requests)
    site.read()
    assert [seen.path for seen in site.proxmox.requests[before:]] == [
        "/cluster/resources",
        "/nodes/node04/qemu/9000/config",
        "/cluster/nextid",
    ]
