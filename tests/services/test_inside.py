"""What is in a container, broken by hand: Redis while it runs, and the files that containers are given."""

from __future__ import annotations

import pytest

from pgdeploy.gate.container.docker import docker
from tests.services.place import SECRETS, Place
from tests.wait import until

pytestmark = [pytest.mark.docker, pytest.mark.long]


# -- Redis ---------------------------------------------------------------------------------------------

REDIS = {
    "CONFIG SET maxmemory 50mb": ("service[cache: maxmemory].value", "104857600", "52428800"),
    "CONFIG SET maxmemory-policy noeviction": (
        "service[cache: maxmemory-policy].value",
        "allkeys-lru",
        "noeviction",
    ),
    "CONFIG SET appendonly no": ("service[cache: appendonly].value", "yes", "no"),
    "ACL SETUSER app +flushall": ("service[cache: user app].rules", "", "+flushall"),
    "ACL SETUSER app '~other:*'": ("service[cache: user app].rules", "", "~other:*"),
    "ACL SETUSER app nopass": ("service[cache: user app].login", "", "with other passwords, too"),
    "ACL SETUSER app off": ("service[cache: user app].login", "", "refused"),
    "ACL SETUSER app '>another'": ("service[cache: user app].login", "", "with other passwords, too"),
    "ACL SETUSER stranger on nopass": ("service[cache].users", "those of the spec", "not declared: stranger"),
    "ACL SETUSER default -debug": ("service[cache].users", "those of the spec", "default has other rights"),
    "ACL SETUSER default nopass": (
        "service[cache].users",
        "those of the spec",
        "default has other passwords",
    ),
    "ACL SETUSER default '>another'": (
        "service[cache].users",
        "those of the spec",
        "default has other passwords",
    ),
}


@pytest.mark.parametrize("command", REDIS)
def test_redis_that_is_changed_while_it_runs(command: str, shop: Place) -> None:
    check, desired, actual = REDIS[command]
    shop.redis(command)
    found = shop.findings()
    assert set(shop.red_of(found)) == {check}
    assert desired in found[check].desired
    assert actual in found[check].actual
    assert "change it while it runs" in shop.apply()
    assert shop.red() == {}


def test_users_in_another_spelling(shop: Place) -> None:
    shop.redis("ACL SETUSER app resetkeys -@all %RW~app:* +@WRITE +@read -@dangerous resetchannels")
    shop.spec(("+@read +@write -@dangerous", "allcommands nocommands +@write +@READ -@dangerous"))
    try:
        found = set(shop.red())
        # the file has the new words
        assert found == {"service[cache].secrets"}
    finally:
        shop.spec()
    shop.apply()
    assert shop.red() == {}


def test_what_a_user_may_not(shop: Place) -> None:
    """The rights are what the spec says: seen as the user."""
    said = shop.redis("SET other:1 x", user="app", password=SECRETS["SHOP_CACHE"])
    assert "NOPERM" in said
    assert "NOPERM" in shop.redis("FLUSHALL", user="app", password=SECRETS["SHOP_CACHE"])
    assert shop.redis("SET app:1 x", user="app", password=SECRETS["SHOP_CACHE"]) == "OK"


def test_a_disk_that_redis_cannot_write(shop: Place) -> None:
    shop.inside("cache", "rm -rf /data/* && chmod 500 /data && chown root /data")
    try:
        shop.redis("CONFIG SET appendonly no")
        shop.redis("BGSAVE")
        until(lambda: "rdb_last_bgsave_status:err" in shop.redis("INFO persistence"))
        assert shop.red() == {
            "service[cache: appendonly].value": "no",
            "service[cache].persistence": "failed: rdb_last_bgsave_status",
        }
    finally:
        shop.inside("cache", "chmod 700 /data && chown redis /data")
        shop.redis("BGSAVE")
        until(lambda: "rdb_last_bgsave_status:ok" in shop.redis("INFO persistence"))
    shop.apply()
    assert shop.red() == {}


# -- files ---------------------------------------------------------------------------------------------

FILES = {
    "chmod 444 FOLDER/superuser": ("db", "service[db].files", "superuser 0444"),
    "chown 0 FOLDER/superuser": ("db", "service[db].files", "superuser 0400 of user 0"),
    "touch FOLDER/another": ("cache", "service[cache].files", "another 0644 of user 0"),
    "printf x > FOLDER/superuser": ("db", "service[db].secrets", "superuser: with other contents"),
    "echo 'maxmemory 1gb' >> FOLDER/redis.conf": (
        "cache",
        "service[cache].secrets",
        "redis.conf: with other",
    ),
}


@pytest.mark.parametrize("script", FILES)
def test_files_that_are_changed(script: str, shop: Place) -> None:
    service, check, actual = FILES[script]
    # the container itself may not write there
    volume = f"{shop.name}_{service}-secrets"
    image = shop.state(service)["Image"]
    run = ("run", "--rm", "-v", f"{volume}:/there", "--entrypoint", "sh", image, "-c")
    docker(*run, script.replace("FOLDER", "/there"))
    red = shop.red()
    assert set(red) == {check}
    assert actual in red[check]
    shop.apply()
    assert shop.red() == {}


def test_a_file_that_is_gone(shop: Place) -> None:
    run = ("run", "--rm", "-v", f"{shop.name}_db-secrets:/there", "--entrypoint", "rm")
    docker(*run, shop.state("db")["Image"], "/there/superuser")
    assert shop.red() == {
        "service[db].files": "tls.crt 0400, tls.key 0400",
        "service[db].secrets": "superuser: absent",
    }
    shop.apply()
    assert shop.red() == {}
