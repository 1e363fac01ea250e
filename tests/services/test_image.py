"""The contract of the images that services are made from: of the stand-ins here, and of those that somebody names.

`make test-images IMAGES="postgres=postgres:17.6 redis=redis:8.0"` holds pulled ones to it.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from secrets import token_hex
from typing import Any

import pytest

from pgdeploy.gate.container.docker import attempt, docker
from pgdeploy.layers.service.container import CAPABILITIES
from tests.services import images
from tests.wait import until

pytestmark = [pytest.mark.docker, pytest.mark.long]

NAMED = [one.partition("=")[::2] for one in os.environ.get("PGDEPLOY_IMAGES", "").split()]
KNOWN = NAMED or [("postgres", images.POSTGRES), ("timescaledb", images.POSTGRES), ("redis", images.REDIS)]
PASSWORD = "canary-Image-1"
MAY = [
    "--cap-drop=ALL",
    *(f"--cap-add={one}" for one in CAPABILITIES),
    "--security-opt=no-new-privileges:true",
]


def of(*kinds: str) -> pytest.MarkDecorator:
    names = sorted({name for kind, name in KNOWN if kind in kinds})
    return pytest.mark.parametrize("image", names)


@contextmanager
def running(image: str, *options: str, words: tuple[str, ...], files: dict[str, str]) -> Iterator[str]:
    """A container with files of its own, as those of a service, with no more rights than it has."""
    name = f"pgdeploy-image-{token_hex(4)}"
    docker("create", "--name", name, *MAY, *options, image, *words)
    try:
        for path, text in files.items():
            put = f'mkdir -p "$(dirname {path})" && cat > {path} && chmod 644 {path}'
            docker(
                "run",
                "--rm",
                "-i",
                "--volumes-from",
                name,
                "--entrypoint",
                "sh",
                image,
                "-c",
                put,
                stdin=text,
            )
        docker("start", name)
        yield name
    finally:
        docker("rm", "-f", "-v", name)


def config(image: str) -> dict[str, Any]:
    (found,) = json.loads(docker("image", "inspect", image))
    return dict(found["Config"])


def inside(name: str, *words: str) -> str:
    return docker("exec", name, *words).strip()


def server_user(name: str) -> str:
    """Whose the first process is, by the image's own names."""
    uid = re.findall(r"^Uid:\s+(\d+)", inside(name, "cat", "/proc/1/status"), re.MULTILINE)[0]
    users = dict(line.split(":")[2::-2] for line in inside(name, "cat", "/etc/passwd").splitlines())
    return str(users[uid])


def psql(name: str, text: str, database: str = "postgres") -> str:
    return inside(name, "psql", "-XAtq", "-U", "chief", "-d", database, "-c", text)


@contextmanager
def server(image: str, **files: str) -> Iterator[str]:
    """PostgreSQL as a service has it."""
    variables = {"POSTGRES_USER": "chief", "POSTGRES_PASSWORD_FILE": "/run/secrets/superuser"}
    words = [word for key, value in variables.items() for word in ("-e", f"{key}={value}")]
    options = (*words, "-v", "/run/secrets", "-v", "/docker-entrypoint-initdb.d")
    known = {"/run/secrets/superuser": PASSWORD, **files}
    with running(image, *options, words=("postgres", "-c", "shared_buffers=20MB"), files=known) as name:
        ready = ("exec", name, "pg_isready", "-q", "-h", "127.0.0.1", "-U", "chief")
        until(lambda: attempt(*ready).returncode == 0, 120)
        yield name


@of("postgres", "timescaledb")
def test_postgres(engine: None, image: str) -> None:
    said = config(image)
    variables = dict(line.partition("=")[::2] for line in said["Env"])
    (volume,) = said["Volumes"]
    assert f"{variables['PGDATA']}/".startswith(f"{volume}/")
    assert (said.get("User", ""), bool(said["Entrypoint"])) in (("", True), ("0", True), ("root", True))
    init = {"/docker-entrypoint-initdb.d/once.sql": "CREATE TABLE public.once AS SELECT 1 AS number;"}
    with server(image, **init) as name:
        assert server_user(name) == "postgres"
        assert psql(name, "SHOW shared_buffers") == "20MB"
        assert psql(name, "SHOW data_directory") == variables["PGDATA"]
        assert psql(name, "SELECT rolname FROM pg_roles WHERE rolsuper") == "chief"
        assert psql(name, "SELECT count(*) FROM public.once", "chief") == "1"
        way = f"postgresql://chief:{PASSWORD}@127.0.0.1/chief"
        refused = way.replace(PASSWORD, "canary-Other-2")
        outside = "SELECT inet_client_addr() IS NOT NULL"
        assert inside(name, "psql", "-XAtqw", way, "-c", outside) == "t"
        address = inside(name, "hostname", "-i").split()[0]
        elsewhere = refused.replace("127.0.0.1", address)
        assert attempt("exec", name, "psql", "-XAtqw", elsewhere, "-c", outside).returncode != 0
        docker("restart", name)
        until(lambda: attempt("exec", name, "pg_isready", "-q", "-h", "127.0.0.1").returncode == 0, 120)
        assert psql(name, "SELECT count(*) FROM public.once", "chief") == "1"


@of("postgres", "timescaledb")
def test_there_is_a_shell_and_a_way_in(engine: None, image: str) -> None:
    """Perl is how pgdeploy comes in to a container's socket."""
    for program, *words in (("sh", "-c", ":"), ("perl", "-e", "1")):
        done = attempt("run", "--rm", "--entrypoint", program, image, *words)
        assert done.returncode == 0, f"{image} has no {program}"


@of("postgres", "timescaledb")
def test_a_password_is_said_once(engine: None, image: str) -> None:
    words = ("-e", "POSTGRES_PASSWORD=canary-Both-3", "-e", "POSTGRES_PASSWORD_FILE=/run/secrets/superuser")
    files = {"/run/secrets/superuser": PASSWORD}
    with running(image, *words, "-v", "/run/secrets", words=("postgres",), files=files) as name:
        assert docker("wait", name).strip() != "0"


@of("timescaledb")
def test_timescaledb(engine: None, image: str) -> None:
    with server(image) as name:
        psql(name, "ALTER SYSTEM SET shared_preload_libraries = timescaledb")
        docker("restart", name)
        until(lambda: attempt("exec", name, "pg_isready", "-q", "-h", "127.0.0.1").returncode == 0, 120)
        psql(name, "CREATE EXTENSION IF NOT EXISTS timescaledb")
        psql(name, "CREATE TABLE public.prices (at timestamptz NOT NULL)")
        assert "prices" in psql(name, "SELECT create_hypertable('public.prices', 'at')")


@of("redis")
def test_redis(engine: None, image: str) -> None:
    assert set(config(image)["Volumes"]) == {"/data"}
    conf = "databases 3\nrequirepass canary-Redis-4\ndir /data\n"
    words = ("redis-server", "/run/secrets/redis.conf")
    with running(image, "-v", "/run/secrets", words=words, files={"/run/secrets/redis.conf": conf}) as name:
        ask = ("redis-cli", "--no-auth-warning", "-a", "canary-Redis-4")
        until(lambda: attempt("exec", name, *ask, "ping").stdout.strip() == "PONG")
        assert server_user(name) == "redis"
        assert inside(name, *ask, "CONFIG", "GET", "databases").split() == ["databases", "3"]
        assert inside(name, *ask, "SAVE") == "OK"
        assert "dump.rdb" in inside(name, "ls", "/data")
