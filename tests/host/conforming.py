"""Facts of a host that is as a spec says, made from the spec: for tests that need the comparisons and no machine."""

from __future__ import annotations

import json
from typing import Any

from pgdeploy.core.facts import Facts, ServerFact
from pgdeploy.layers.host import path, rule, socket
from pgdeploy.layers.host.declared import DeclaredHost
from pgdeploy.layers.host.file import files
from pgdeploy.layers.host.question import question
from pgdeploy.layers.server.database import DATABASES, DatabaseFact
from pgdeploy.layers.server.setting import SETTINGS, STORED_SETTINGS, SettingFact
from pgdeploy.model.host.amount import bytes_of
from pgdeploy.model.host.package import MirrorSpec

NOW = 1_800_000_000.0
DAY = 86400


def answer(declared: DeclaredHost) -> dict[str, Any]:
    """What gather.py would print there."""
    found = {name: {"value": value} for name, value in _values(declared).items()}
    return json.loads(json.dumps(found))  # type: ignore[no-any-return]


def facts(declared: DeclaredHost, host: dict[str, Any] | None = None, lost: str = "") -> Facts:
    major = declared.spec.postgres
    cluster = declared.host.cluster
    template = DatabaseFact(
        "template0", 10, cluster.encoding, cluster.locale, cluster.locale, "c", None, True, False, -1, ""
    )
    values = {"shared_memory_size_in_huge_pages": "70", **declared.layout.tls_settings}
    settings = tuple(_setting(name, "on" if value is True else str(value)) for name, value in values.items())
    rows = {DATABASES.name: (template,), SETTINGS.name: settings, STORED_SETTINGS.name: ()}
    about = ServerFact(major * 10000, "postgres", True, "UTF8", False)
    return Facts(
        about, None, {} if lost else rows, {}, sections={"host": host or answer(declared)}, lost=lost
    )


def _setting(name: str, value: str) -> SettingFact:
    """As the command line has it: no file says otherwise then."""
    return SettingFact(
        name, value, None, "string", "sighup", "command line", None, None, None, False, None, None, None
    )


def _values(declared: DeclaredHost) -> dict[str, Any]:
    asked, layout, host = question(declared), declared.layout, declared.host
    unit = {
        "load": "loaded",
        "active": "active",
        "sub": "running",
        "file_state": "enabled",
        "restarts": 0,
        "path": "/x",
        "pid": 7,
        "result": "success",
        "skipped": False,
        "age": 4000.0,
    }
    version = (host.packages.version or f"{layout.major}.9*").replace("*", "1-1")
    kernel, limits, tls, exporter = host.kernel, host.limits, host.tls, host.exporter
    return {
        "os": {"codename": "bookworm", "container": "none", "now": NOW, **_machine(declared)},
        "sysctl": {name: str(value) for name, value in kernel.sysctl.items()} if kernel else {},
        "huge_pages": {"total": 70, "size": 2 << 20, "transparent": kernel and kernel.transparent_huge_pages},
        "clock": {"zone": host.time_zone, "synchronised": True},
        "locale": {
            "known": ["C", (host.locale or "C.UTF-8").replace("UTF-8", "utf8")],
            "system": host.locale,
        },
        "packages": {
            name: {"version": version, "held": True, "status": "installed"} for name in layout.packages
        },
        "origins": {layout.packages[0]: [_origin(declared)]},
        "units": dict.fromkeys(asked["units"], unit),
        "paths": {known.path: _path(declared, known) for known in path.paths(declared)},
        "folders": {path: [] for path in asked["folders"]},
        "roots": {user: {"ways": [], "keys": []} for user in asked["users"]},
        "pair": True,
        "space": {"mount": host.cluster.mount or "/", "free": 1 << 42, "size": 1 << 43, "inodes": 1000},
        "mounted": host.cluster.mount and True,
        "disks": _disks(declared),
        "control": {"checksums": host.cluster.checksums, "state": "in production", "system": "1"},
        "postmaster": {
            "pid": 7,
            "data_directory": layout.data_directory,
            "open_files": limits and limits.open_files,
            "most_files": None,
            "oom_score": limits and limits.oom_score,
        },
        "start": "auto",
        "users": {user: [user] for user in asked["users"]},
        "record": {
            "spec": declared.digest(),
            "when": "2027-01-15T07:00:00Z",
            "by": "me",
            "first": {"when": "then", "seconds": 61.0},
        },
        "listening": [
            {"address": "0.0.0.0", "port": 22, "program": "sshd"},
            {"address": "127.0.0.1", "port": 6010, "program": "sshd"},
            *_listening(socket.postgres(declared)),
            *(_listening(known) if (known := socket.exporter(declared)) else []),
        ],
        "firewall": {"table": _table(declared), "boot": 'include "/etc/nftables.d/pgdeploy.nft"\n'},
        "container": exporter and {"state": "running", "restart": "unless-stopped", "image": exporter.image},
        "exporter": exporter and {"status": 200, "pg_up": 1.0, "scrape_error": 0.0},
        "tls": tls
        and {
            "version": "TLSv1.3",
            "older": None,
            "names": list(tls.names),
            "expires": NOW + 90 * DAY,
            "fingerprint": "aa",
            "file": "aa",
        },
        "client": "172.17.0.1",
    }


def _machine(declared: DeclaredHost) -> dict[str, Any]:
    vm = declared.spec.vm
    if vm is None:
        return {"cpus": 2, "memory": 1 << 30}
    return {"cpus": vm.sockets * vm.cores, "memory": round(bytes_of(vm.memory) * 0.979)}


def _disks(declared: DeclaredHost) -> dict[str, Any]:
    vm = declared.spec.vm
    found: dict[str, Any] = {}
    for name, spec in vm.disks.items() if vm else ():
        size, device = bytes_of(spec.size), f"/dev/sd{chr(ord('a') + len(found))}"
        here = {"mounted": device, "boot": [device], "file_system": size} if spec.mount else {}
        found[name] = {
            "device": device,
            "size": size,
            "mounted": None,
            "boot": [],
            "file_system": None,
            **here,
        }
    return found


def _origin(declared: DeclaredHost) -> str:
    source = declared.host.packages.source
    if isinstance(source, MirrorSpec):
        return f"{source.uri} {source.suite}/main"
    host = "https://apt.postgresql.org/pub/repos/apt" if source == "pgdg" else "http://deb.debian.org/debian"
    return f"{host} bookworm/main"


def _path(declared: DeclaredHost, known: path.Path) -> dict[str, Any]:
    texts = {file.path: file.text for file in files(declared.spec, "bookworm")}
    return {
        "type": known.type,
        "owner": known.owner,
        "group": known.group,
        "mode": known.mode,
        "size": 1,
        "text": texts.get(known.path, "PEM\n"),
    }


def _listening(known: socket.Socket) -> list[dict[str, Any]]:
    words = {"*": "::", "localhost": "127.0.0.1"}
    return [
        {"address": words.get(word, word), "port": known.port, "program": "x"} for word in known.addresses
    ]


def _table(declared: DeclaredHost) -> list[dict[str, Any]] | None:
    """As nft lists it."""
    spec, layout = declared.host.firewall, declared.layout
    if spec is None:
        return None
    chain = {"name": "input", "type": "filter", "hook": "input", "prio": 0, "policy": "accept"}
    exporter = layout.host.exporter.port if layout.host.exporter else 9187
    rules = [
        [_match({"meta": {"key": "iif"}}, "lo"), {"accept": None}],
        [_match({"ct": {"key": "state"}}, ["established", "related"], "in"), {"accept": None}],
    ]
    ports = (layout.ssh_port, spec.ssh), (layout.port, spec.postgres), (exporter, spec.exporter)
    for port, networks in ports:
        rules += [_listed(known) for known in rule.declared(port, networks)] if networks is not None else []
    listed = [{"rule": {"chain": "input", "handle": at, "expr": expr}} for at, expr in enumerate(rules)]
    return [{"metainfo": {}}, {"table": {"name": "pgdeploy"}}, {"chain": chain}, *listed]


def _listed(known: rule.Rule) -> list[dict[str, Any]]:
    found = [_match({"payload": {"protocol": "tcp", "field": "dport"}}, known.port)]
    if known.networks:
        family = "ip6" if ":" in min(known.networks) else "ip"
        elements = [
            {"prefix": {"addr": network.split("/")[0], "len": int(network.split("/")[1])}}
            for network in sorted(known.networks)
        ]
        right = {"set": elements} if len(elements) > 1 else elements[0]
        found.append(_match({"payload": {"protocol": family, "field": "saddr"}}, right))
    return [*found, {known.verdict: None}]


def _match(left: object, right: object, op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": left, "right": right}}
