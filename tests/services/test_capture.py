"""A project of compose that others made: said as a spec, with what is wrong with it, and taken over with its data."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from secrets import token_hex
from typing import Any

import pytest

from pgdeploy.gate.container.docker import attempt, docker
from pgdeploy.layers.service.fault import faults
from pgdeploy.layers.service.redis.taken import settings_of
from tests.program import pgdeploy
from tests.wait import until

SUPERUSER, REDIS = "canary-Theirs-1a", "canary-Cache-2b"
COMPOSE = f"""\
name: PROJECT
services:
  postgres:
    image: pgdeploy-test/postgres:17
    container_name: PROJECT-the-database
    command: ["-c", "work_mem=9MB"]
    environment: {{POSTGRES_USER: chief, POSTGRES_DB: nest, POSTGRES_PASSWORD: {SUPERUSER}, TZ: UTC, URL: "a://b:{SUPERUSER}@c"}}
    volumes: ["theirs:/var/lib/postgresql/data", "FOLDER/init:/docker-entrypoint-initdb.d:ro"]
    healthcheck: {{test: ["CMD-SHELL", "pg_isready -U chief"], interval: 1s, retries: 7}}
    networks: [db]
  cache:
    image: pgdeploy-test/redis:8
    command: redis-server --requirepass {REDIS} --maxmemory 100mb --save ""
    volumes: ["cached:/data"]
    mem_limit: 256m
    networks: [db, others]
  helper:
    image: pgdeploy-test/postgres:17
    entrypoint: ["sleep", "600"]
volumes: {{theirs: {{}}, cached: {{}}}}
networks: {{db: {{internal: true}}, others: {{name: PROJECT-others}}}}
"""
INIT = """\
CREATE SCHEMA auth;
CREATE TABLE auth.users AS SELECT 7 AS id;
"""


class Nest:
    """The project, and pgdeploy beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.project = folder, f"nest{token_hex(3)}"
        folder.chmod(0o755)
        (folder / "init").mkdir(mode=0o755)
        (folder / "init/1.sql").write_text(INIT)
        self._text = COMPOSE.replace("PROJECT", self.project).replace("FOLDER", str(folder))
        docker("compose", "-f", "-", "up", "--detach", stdin=self._text)
        ready = ("exec", f"{self.project}-the-database", "pg_isready", "-q", "-h", "127.0.0.1")
        until(lambda: attempt(*ready).returncode == 0)

    def run(self, *words: str, status: int = 0) -> str:
        secrets = {"CHIEF_PASSWORD": SUPERUSER, f"{self.project.upper()}_CACHE_PASSWORD": REDIS}
        done = pgdeploy(*words, cwd=self.folder, env={**os.environ, **secrets})
        assert done.returncode == status, done.stdout + done.stderr
        assert "canary" not in done.stdout + done.stderr
        return done.stdout + done.stderr

    def ask(self, container: str) -> str:
        return docker(
            "exec", container, "psql", "-XAtqU", "chief", "-d", "nest", "-c", "TABLE auth.users"
        ).strip()

    def close(self) -> None:
        docker("compose", "-f", "-", "down", "-v", "-t", "1", stdin=self._text)


@pytest.fixture
def nest(engine: None, tmp_path: Path) -> Iterator[Nest]:
    made = Nest(tmp_path)
    try:
        yield made
    finally:
        made.close()


@pytest.mark.docker
@pytest.mark.long
def test_taken_over_with_its_data(nest: Nest) -> None:
    said = nest.run("capture", "nest", "--project", nest.project)
    assert (
        "service[postgres]: POSTGRES_PASSWORD is a variable, which everybody who may ask the engine sees"
        in said
    )
    assert (
        "service[cache]: --requirepass is followed by a password, which `docker inspect` and `ps` show"
        in said
    )
    assert f"service[cache]: it is in the network {nest.project}-others, which is not of the project" in said
    assert "helper: is neither PostgreSQL nor Redis, and is left out" in said
    text = (nest.folder / "specs/nest.yaml").read_text()
    assert "canary" not in text
    for line in (
        f"volume: {nest.project}_theirs",
        "superuser: chief",
        "networks: {db: {internal: true}}",
        "health: {interval: 1s, retries: 7}",
        "environment: {TZ: UTC}",
        "memory: 256MB",
        "undeclared: ignore",
        "work_mem: 9MB",
        "schemas: {auth: {}}",
        "    # cache: nobody asks whether it is healthy",
        "      # variables that are set there and may hold a secret: URL",
    ):
        assert line in text, text
    assert "{maxmemory: 100mb, save: ''}" in text
    assert "connect:" not in text
    waits = "make its container anew, with the same data"
    assert waits in nest.run("plan", "nest", "--layer", "service", status=2)
    assert nest.ask(f"{nest.project}-the-database") == "7"

    nest.run("up", "nest", "--allow-restart")
    assert nest.ask(f"{nest.project}-postgres-1") == "7"
    assert attempt("inspect", f"{nest.project}-the-database").returncode != 0
    assert "nothing to do" in nest.run("plan", "nest", "--layer", "service")
    assert "canary" not in docker("inspect", f"{nest.project}-postgres-1", f"{nest.project}-cache-1")


@pytest.mark.docker
@pytest.mark.long
def test_a_project_that_there_is_not(engine: None, tmp_path: Path) -> None:
    done = pgdeploy("capture", "nest", "--project", "not-there", cwd=tmp_path)
    assert done.returncode == 1
    assert "has no containers of a project not-there; `docker compose ls -a` lists them" in done.stderr


# -- what is wrong, one by one -------------------------------------------------------------------------

GOOD: dict[str, Any] = {
    "Config": {
        "Image": "postgres:17.6",
        "Env": ["POSTGRES_PASSWORD_FILE=/run/secrets/superuser", "TZ=UTC", "PG_SHA256=postgres"],
        "Cmd": ["postgres", "-c", "work_mem=9MB"],
        "Healthcheck": {"Test": ["CMD-SHELL", "pg_isready -U postgres -d created"]},
    },
    "HostConfig": {
        "Memory": 1 << 30,
        "LogConfig": {"Type": "json-file", "Config": {"max-size": "10m"}},
        "RestartPolicy": {"Name": "always"},
        "PortBindings": {"5432/tcp": [{"HostIp": "10.0.0.5", "HostPort": "5432"}]},
    },
    "Mounts": [{"Type": "bind", "Source": "/srv/tmp/conf", "Destination": "/conf"}],
}
Change = Callable[[dict[str, Any]], object]
FAULTS: dict[str, tuple[Change, str]] = {
    "a password in a variable": (
        lambda data: data["Config"]["Env"].append("REDIS_PASSWORD=canary-x"),
        "REDIS_PASSWORD is a variable, which everybody who may ask the engine sees",
    ),
    "a password that is followed by": (
        lambda data: data["Config"].update(Cmd=["redis-server", "--requirepass", "canary-x"]),
        "--requirepass is followed by a password, which `docker inspect` and `ps` show",
    ),
    "latest": (
        lambda data: data["Config"].update(Image="a/b:latest-pg15"),
        "a/b:latest-pg15 is another image tomorrow",
    ),
    "no tag": (
        lambda data: data["Config"].update(Image="h:5000/postgres"),
        "h:5000/postgres is another image tomorrow",
    ),
    "a folder that is emptied": (
        lambda data: data["Mounts"][0].update(Source="/tmp/conf"),
        "/conf is /tmp/conf of the host, which a restart may empty",
    ),
    "the engine's socket": (
        lambda data: data["Mounts"][0].update(Source="/var/run/docker.sock"),
        "/conf is the engine's socket: who has this container has the host",
    ),
    "every address": (
        lambda data: data["HostConfig"]["PortBindings"]["5432/tcp"][0].update(HostIp=""),
        "5432/tcp is open on every address of the host, past its firewall",
    ),
    "no health check": (lambda data: data["Config"].pop("Healthcheck"), "nobody asks whether it is healthy"),
    "a health check that writes": (
        lambda data: data["Config"].update(Healthcheck={"Test": ["CMD", "redis-cli", "set", "x", "1"]}),
        "its health check writes into the server",
    ),
    "a health check with a password": (
        lambda data: data["Config"].update(
            Healthcheck={"Test": ["CMD", "redis-cli", "-a", "canary-x", "ping"]}
        ),
        "its health check has a password in its command",
    ),
    "no limit": (lambda data: data["HostConfig"].update(Memory=0), "it may take all memory of its host"),
    "privileged": (
        lambda data: data["HostConfig"].update(Privileged=True),
        "it is privileged: who has this container has the host",
    ),
    "a log without end": (
        lambda data: data["HostConfig"]["LogConfig"].update(Config={}),
        "its log has no bound, and fills the disk",
    ),
    "no restart": (
        lambda data: data["HostConfig"].update(RestartPolicy={"Name": ""}),
        "nothing starts it again after a failure or a restart of the host",
    ),
}


def said_of(change: Change = lambda _: None) -> list[str]:
    data = deepcopy(GOOD)
    change(data)
    return list(faults(data, {"Config": {"Env": ["PG_SHA256=postgres"]}}, ""))


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_named_and_no_other(name: str) -> None:
    change, text = FAULTS[name]
    assert said_of(change) == [text]


def test_what_is_right_is_not_named() -> None:
    assert said_of() == []


@pytest.mark.parametrize("value", ["postgres", "dev_password", "changeme", "Password123", "secret"])
def test_a_password_that_everybody_knows(value: str) -> None:
    found = said_of(lambda data: data["Config"]["Env"].append(f"POSTGRES_PASSWORD={value}"))
    assert found == [
        "POSTGRES_PASSWORD is a variable, which everybody who may ask the engine sees",
        "both POSTGRES_PASSWORD and POSTGRES_PASSWORD_FILE are set: the image refuses to start a first time",
        "POSTGRES_PASSWORD is a password that everybody knows",
    ]


FILE, OTHERS = {"maxmemory": "1gb", "appendonly": "yes"}, ["bind", "nothing-like-it"]


@pytest.mark.parametrize(
    ("command", "known", "others"),
    [
        (["redis-server"], {}, []),
        (["docker-entrypoint.sh", "redis-server", "/etc/redis.conf"], FILE, OTHERS),
        (["redis-server", "/etc/redis.conf", "--maxmemory", "2gb"], {**FILE, "maxmemory": "2gb"}, OTHERS),
        (["sh", "-c", "exec redis-server --save 60 1 --requirepass x"], {"save": "60 1"}, ["requirepass"]),
        (["sh", "-c", "exec redis-server 'unfinished"], {}, []),
        (["redis-server", "--tls-client-key-file-pass", "x"], {}, ["tls-client-key-file-pass"]),
        (["sleep", "60"], {}, []),
    ],
)
def test_settings_of_others(command: list[str], known: dict[str, str], others: list[str]) -> None:
    conf = '# theirs\nbind 0.0.0.0\nmaxmemory 1gb\nappendonly "yes"\n\nNothing-like-it 7\n'
    assert settings_of(command, {"/etc/redis.conf": conf}.__getitem__, 8) == (known, others)
