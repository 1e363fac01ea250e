"""A project of containers for the tests: its spec, its commands, and what the gate says of it."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pgdeploy.core.check import Finding, Verdict
from pgdeploy.gate.container.docker import attempt, docker
from pgdeploy.gate.gate import ConnectionOptions, Gate
from pgdeploy.gate.target import load_target
from pgdeploy.layers import layer_of
from pgdeploy.layers.service.compose import as_yaml, labelled, project
from pgdeploy.layers.service.container import containers
from tests.program import pgdeploy

SECRETS = {
    "SHOP_SUPERUSER": "canary-Super-5b",
    "SHOP_APP": "canary-App-0c",
    "SHOP_REDIS": "canary-Redis-77",
    "SHOP_CACHE": "canary-Cache-e2",
}
SPEC = """\
postgres: 17
settings: {work_mem: 8MB}
roles:
  postgres: {superuser: true, login: true, password: {env: SHOP_SUPERUSER}}
  app: {login: true, password: {env: SHOP_APP}}
databases:
  shop: {owner: app}
hba:
  - {type: local, database: all, user: postgres, method: peer}
  - {type: hostssl, database: shop, user: app, address: 172.16.0.0/12, method: scram-sha-256}
services:
  project: PROJECT
  networks: {data: {internal: true}}
  containers:
    db:
      kind: postgres
      image: pgdeploy-test/postgres:17
      password: {env: SHOP_SUPERUSER}
      ports: ['127.0.0.1:PORT']
      networks: [default, data]
      memory: 512MB
      cpus: 1.5
      processes: 200
      stop: 20s
      health: {interval: 1s}
      environment: {TZ: UTC}
      tls: {certificate: tls.crt, key: {file: tls.key}}
    cache:
      kind: redis
      image: pgdeploy-test/redis:8
      password: {env: SHOP_REDIS}
      networks: [data]
      memory: 256MB
      stop: 10s
      health: {interval: 1s}
      tls: {certificate: tls.crt, key: {file: tls.key}}
      settings: {maxmemory: 100mb, maxmemory-policy: allkeys-lru, appendonly: true, databases: 4}
      users:
        app: {password: {env: SHOP_CACHE}, rules: '~app:* +@read +@write -@dangerous'}
"""
Edit = Callable[[dict[str, Any]], object]


@dataclass(frozen=True)
class Place:
    folder: Path
    name: str
    port: int

    @property
    def file(self) -> Path:
        return self.folder / "specs/shop.yaml"

    def spec(self, *changes: tuple[str, str], more: str = "") -> None:
        """The spec, with texts of it replaced, and more behind it."""
        text = SPEC.replace("PROJECT", self.name).replace("PORT", str(self.port)) + more
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        self.file.write_text(text)

    def certify(self, days: int = 100) -> None:
        """A certificate and its key, new ones."""
        words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        words += ["-keyout", "tls.key", "-out", "tls.crt", "-days", str(days), "-subj", "/CN=db"]
        subprocess.run(words, cwd=self.folder / "specs", check=True, capture_output=True)

    def run(self, *words: str, status: int | None = 0, env: Mapping[str, str] | None = None) -> str:
        """What a command prints; `status` None: whatever it ends with."""
        command = (words[0], "shop", *words[1:])
        known = {**os.environ, **SECRETS, **(env or {})}
        done = pgdeploy(*command, cwd=self.folder, env=known, timeout=120)
        said = done.stdout + done.stderr
        assert "canary" not in said
        assert "Traceback" not in said
        assert status is None or done.returncode == status, said
        return said

    def apply(self, *words: str, status: int | None = 0, env: Mapping[str, str] | None = None) -> str:
        return self.run("apply", "--layer", "service", "--yes", *words, status=status, env=env)

    def mend(self) -> None:
        self.apply("--allow-restart")

    def container(self, service: str) -> str:
        return f"{self.name}-{service}-1"

    def inside(self, service: str, script: str, *, user: str = "0", stdin: str = "") -> str:
        """What a shell in a container prints."""
        return docker("exec", "-i", "-u", user, self.container(service), "sh", "-c", script, stdin=stdin)

    def redis(self, *words: str, user: str = "default", password: str = SECRETS["SHOP_REDIS"]) -> str:
        command = (
            f"redis-cli -h 127.0.0.1 --tls --insecure --no-auth-warning --user {user} --pass '{password}'"
        )
        return self.inside("cache", f"{command} {' '.join(words)}")

    def state(self, service: str) -> dict[str, Any]:
        (found,) = json.loads(docker("inspect", self.container(service)))
        return dict(found)

    def findings(self) -> dict[str, Finding]:
        """What the gate says of the services."""
        with closing(Gate(load_target(self.file), ConnectionOptions(), probes=False)) as gate:
            gate.ask_layer("service")
            return {finding.check.id: finding for finding in gate.ask()}

    def red(self) -> dict[str, str]:
        """What drifts, and what it is."""
        return self.red_of(self.findings())

    def red_of(self, found: Mapping[str, Finding]) -> dict[str, str]:
        unread = {name: one.reason for name, one in found.items() if one.verdict is Verdict.UNREADABLE}
        assert not unread, unread
        return {name: one.actual for name, one in found.items() if one.verdict is Verdict.DRIFTS}

    def turns_green(self, seconds: float = 60) -> None:
        """The engine asks for health once a second."""
        end = time.monotonic() + seconds
        while any(
            one.verdict in (Verdict.DRIFTS, Verdict.UNREADABLE, Verdict.BLOCKED)
            for one in self.findings().values()
        ):
            assert time.monotonic() < end, self.red()
            time.sleep(0.5)

    def document(self, edit: Edit = lambda _: None) -> str:
        """compose.yaml, changed."""
        target = load_target(self.file)
        section = layer_of("service").of(target.spec)
        document = project(section, containers(target.spec, section), labelled)
        edit(document)
        return as_yaml(document)

    def compose(self, *words: str, edit: Edit = lambda _: None) -> None:
        """A command of compose by hand, with its document changed."""
        docker("compose", "--env-file", "/dev/null", "-f", "-", *words, stdin=self.document(edit))

    def destroy(self) -> None:
        ids = docker("ps", "-aq", "--filter", f"label=com.docker.compose.project={self.name}").split()
        if ids:
            docker("rm", "-f", "-v", *ids)
        attempt("rm", "-f", f"{self.name}-pgdeploy-lock")
        for kind in ("network", "volume"):
            named = docker(kind, "ls", "-q", "--filter", f"name={self.name}_").split()
            if named:
                attempt(kind, "rm", *named)


def body(service: str, **values: Any) -> Edit:
    """Set keys of a service in the document; None takes one away."""

    def edit(document: dict[str, Any]) -> None:
        for key, value in values.items():
            if value is None:
                document["services"][service].pop(key)
            else:
                document["services"][service][key] = value

    return edit


def read(text: str) -> Mapping[str, Any]:
    """YAML that a command printed."""
    found: Mapping[str, Any] = YAML(typ="safe", pure=True).load(text)
    return found
