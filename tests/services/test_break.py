"""What runs, broken by hand: each turns its check red, and no other; an apply makes it green again."""

from __future__ import annotations

import os
import signal

import pytest

from pgdeploy.core.check import Verdict
from pgdeploy.gate.container.docker import docker
from tests.services.place import Place
from tests.wait import until

pytestmark = [pytest.mark.docker, pytest.mark.long]


def test_it_is_green(shop: Place) -> None:
    said = shop.run("check")
    assert " 0 drift" in said
    assert "unreadable" not in said
    assert "nothing to do" in shop.run("plan", "--layer", "service")


# -- containers ----------------------------------------------------------------------------------------


def test_one_that_was_stopped(shop: Place) -> None:
    docker("stop", shop.container("cache"))
    assert shop.red() == {"service[cache].running": "exited"}
    assert "start it" in shop.run("plan", "--layer", "service", status=2)
    shop.apply()
    assert shop.red() == {}


def test_one_that_is_paused(shop: Place) -> None:
    docker("pause", shop.container("cache"))
    try:
        assert shop.red() == {"service[cache].running": "paused"}
    finally:
        docker("unpause", shop.container("cache"))
    shop.turns_green()


def test_one_that_is_gone_keeps_its_data(shop: Place) -> None:
    shop.redis("SET kept 7")
    shop.redis("SAVE")
    docker("rm", "-f", shop.container("cache"))
    assert shop.red() == {"service[cache].exists": "absent"}
    shop.apply()
    assert shop.red() == {}
    assert shop.redis("GET kept") == "7"


def test_a_container_of_somebody_else(shop: Place) -> None:
    labels = (
        "--label",
        f"com.docker.compose.project={shop.name}",
        "--label",
        "com.docker.compose.service=spy",
    )
    made = docker(
        "run",
        "-d",
        "--name",
        f"{shop.name}-spy",
        *labels,
        "--entrypoint",
        "sleep",
        "pgdeploy-test/redis:8",
        "60",
    )
    try:
        assert shop.red() == {f"project[{shop.name}].undeclared": f"{shop.name}-spy"}
        said = shop.apply(status=2)
        assert f"docker rm -f {shop.name}-spy" in said
        assert docker("inspect", "-f", "{{.State.Running}}", made) == "true"
    finally:
        docker("rm", "-f", made)


def test_one_that_is_not_healthy(shop: Place) -> None:
    """Its process is there and answers nobody."""
    pid = int(shop.state("cache")["State"]["Pid"])
    os.kill(pid, signal.SIGSTOP)
    try:
        found = shop.findings()  # which comes to an end
        assert found["service[cache].tls"].verdict is Verdict.UNREADABLE
        assert found["service[cache].login"].verdict is Verdict.UNREADABLE
        until(lambda: shop.state("cache")["State"]["Health"]["Status"] == "unhealthy")
        found = shop.findings()
        drifts = {name: one.actual for name, one in found.items() if one.verdict is Verdict.DRIFTS}
        assert drifts == {"service[cache].healthy": "unhealthy"}
    finally:
        os.kill(pid, signal.SIGCONT)
    shop.turns_green()


def test_a_tag_that_means_another_image(shop: Place) -> None:
    """What somebody pulled, and nobody started."""
    tag, image = f"pgdeploy-test/{shop.name}:8", shop.state("cache")["Image"]
    docker("tag", image, tag)
    shop.spec(("pgdeploy-test/redis:8", tag))
    assert set(shop.red()) == {"service[cache].image"}
    shop.mend()
    other = docker("commit", "--pause=false", "--change", "ENV NEWER=1", shop.container("cache"), tag)
    try:
        assert set(shop.red()) == {"service[cache].current"}
        assert "make its container anew" in shop.run("plan", "--layer", "service", status=2)
        shop.mend()
        assert shop.red() == {}
        assert shop.state("cache")["Image"] == other
    finally:
        shop.spec()
        shop.mend()
        docker("rmi", "-f", tag, other)
    assert shop.state("cache")["Image"] == image


def test_an_image_that_is_named_by_its_digest(shop: Place) -> None:
    image = "image: pgdeploy-test/redis:8"
    try:
        shop.spec((image, f"{image}\n      digest: {shop.state('cache')['Image']}"))
        assert shop.red() == {}
        shop.spec((image, f"{image}\n      digest: sha256:{'0' * 64}"))
        assert set(shop.red()) == {"service[cache].digest"}
        assert "has no image" in shop.apply("--allow-restart", status=1)
    finally:
        shop.spec()
    assert shop.red() == {}


def test_an_image_that_is_old(shop: Place) -> None:
    image = "image: pgdeploy-test/redis:8"
    try:
        shop.spec((image, f"{image}\n      max_age: 3650d"))
        assert shop.red() == {}
        shop.spec((image, f"{image}\n      max_age: 1s"))
        assert set(shop.red()) == {"service[cache].age"}
    finally:
        shop.spec()


def test_a_network_with_a_way_out(shop: Place) -> None:
    shop.spec(("internal: true", "internal: false"))
    try:
        assert shop.red() == {"network[data].internal": "no way out"}
        assert "docker compose down" in shop.apply(status=2)
    finally:
        shop.spec()


def test_the_data_of_another_version(shop: Place) -> None:
    """The server goes on; what a spec of another version would do with its data is a person's."""
    shop.inside("db", "echo 16 > $PGDATA/PG_VERSION")
    try:
        assert shop.red() == {"service[db].version": "16"}
        assert "pg_upgrade" in shop.run("plan", "--layer", "service", status=2)
    finally:
        shop.inside("db", "echo 17 > $PGDATA/PG_VERSION")


# -- TLS -----------------------------------------------------------------------------------------------


def test_a_new_certificate_is_taken_without_a_restart(shop: Place) -> None:
    before = {one: shop.state(one)["State"]["StartedAt"] for one in ("db", "cache")}
    shop.certify()
    red = shop.red()
    assert set(red) == {
        "service[db].tls",
        "service[db].secrets",
        "service[cache].tls",
        "service[cache].secrets",
    }
    shop.apply()
    assert shop.red() == {}
    assert {one: shop.state(one)["State"]["StartedAt"] for one in ("db", "cache")} == before


def test_a_certificate_that_ends(shop: Place) -> None:
    shop.certify(days=3)
    shop.apply(status=2)
    assert set(shop.red()) == {"service[db].certificate", "service[cache].certificate"}
    shop.certify()
    shop.apply()
    assert shop.red() == {}


def test_tls_that_is_off(shop: Place) -> None:
    """In the container and not in the file: nobody but a handshake sees it."""
    psql = "psql -U postgres -qc"
    shop.inside("db", f"{psql} \"ALTER SYSTEM SET ssl_ciphers = 'aNULL'\"", user="postgres")
    shop.inside("db", f"{psql} \"ALTER SYSTEM SET ssl_max_protocol_version = 'TLSv1.2'\"", user="postgres")
    shop.inside("db", f"{psql} 'SELECT pg_reload_conf()'", user="postgres")
    shown = f"{psql} 'SHOW ssl_max_protocol_version'"
    until(lambda: "TLSv1.2" in shop.inside("db", shown, user="postgres"))
    try:
        assert set(shop.red()) == {"service[db].tls"}
    finally:
        shop.inside("db", f"{psql} 'ALTER SYSTEM RESET ALL'", user="postgres")
        shop.inside("db", f"{psql} 'SELECT pg_reload_conf()'", user="postgres")


# -- passwords -----------------------------------------------------------------------------------------


def test_a_password_that_is_new_in_the_spec(shop: Place) -> None:
    """Redis has the old one, so it is started again; PostgreSQL is told by SQL."""
    new = {"SHOP_REDIS": "canary-Redis-new", "SHOP_SUPERUSER": "canary-Super-new"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in new.items():
            patch.setenv(name, value)
        assert set(shop.red()) == {"service[cache].login", "service[cache].secrets", "service[db].secrets"}
        said = shop.run("check", status=2, env=new)
        assert "role[postgres].password" in said
        assert "waits" in shop.apply(status=2, env=new) or "restart it" in shop.apply(status=2, env=new)
        shop.apply("--allow-restart", env=new)
        shop.run("apply", "--yes", env=new)
        assert shop.red() == {}
        assert " 0 drift" in shop.run("check", env=new)
    shop.apply("--allow-restart")
    shop.run("apply", "--yes")
    assert " 0 drift" in shop.run("check")


def test_nothing_of_it_is_shown(shop: Place) -> None:
    """By the engine, by the processes, by the logs, by the image's layers, or by the document."""
    shown = shop.document()
    for service in ("db", "cache"):
        name = shop.container(service)
        shown += docker("inspect", name) + docker("top", name, "-eo", "pid,args") + docker("logs", name)
        shown += docker("image", "history", "--no-trunc", shop.state(service)["Image"])
    assert "canary" not in shown
    for service in ("db", "cache"):
        assert "canary" not in shop.inside(service, "cat /proc/1/environ | tr '\\0' '\\n'")


def test_more_memory_is_a_container_anew_that_waits_for_a_word(shop: Place) -> None:
    shop.spec(("memory: 256MB", "memory: 300MB"))
    try:
        before = shop.state("cache")["Id"]
        shop.apply(status=2)
        assert shop.state("cache")["Id"] == before
        assert set(shop.red()) == {"service[cache].memory"}
        shop.mend()
        assert shop.state("cache")["HostConfig"]["Memory"] == 300 << 20
    finally:
        shop.spec()
        shop.mend()
    assert shop.red() == {}


def test_a_container_that_was_updated_by_hand(shop: Place) -> None:
    docker("update", "--memory", "200m", "--memory-swap", "400m", shop.container("cache"))
    assert set(shop.red()) == {"service[cache].memory"}
    shop.mend()
    assert shop.red() == {}


def test_a_setting_that_waits_for_a_restart(shop: Place) -> None:
    shop.spec(("work_mem: 8MB", "work_mem: 8MB, max_connections: 50"))
    try:
        shop.run("apply", "--yes", status=None)
        assert shop.red() == {"service[db].settings": "wait for a restart: max_connections"}
        assert "restart it (settings)" in shop.apply(status=2)
        shop.mend()
        assert shop.red() == {}
        assert " 0 drift" in shop.run("check")
    finally:
        shop.inside("db", "psql -U postgres -qc 'ALTER SYSTEM RESET max_connections'", user="postgres")
        docker("restart", shop.container("db"))
        shop.spec()
    shop.turns_green()
