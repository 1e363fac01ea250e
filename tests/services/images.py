"""Stand-ins for the official images, which cannot be pulled everywhere: Debian's programs behind the same contract.

The contract: the first argument is the server's program, the entrypoint begins as root and goes on as the server's
user (999), POSTGRES_PASSWORD or POSTGRES_PASSWORD_FILE but not both, PGDATA is a volume, scripts in
/docker-entrypoint-initdb.d run once, connections from outside show a password. There is no Python in them.
"""

from __future__ import annotations

import fcntl
import subprocess
import tempfile
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from pgdeploy.gate.container.docker import attempt, docker

POSTGRES, REDIS = "pgdeploy-test/postgres:17", "pgdeploy-test/redis:8"
_PACKAGES = "postgresql-17,postgresql-17-timescaledb,redis-server,ca-certificates,procps"

_BASE_HOOK = """\
rm -rf "$1"/var/lib/postgresql/17 "$1"/etc/postgresql/17 "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*.bin
chroot "$1" usermod -u 999 postgres
chroot "$1" groupmod -g 999 postgres
chroot "$1" usermod -u 998 redis
chroot "$1" groupmod -g 998 redis
chroot "$1" chown -R postgres:postgres /var/run/postgresql /var/lib/postgresql
"""

_POSTGRES = r"""#!/bin/bash
set -eu
case "${1:-}" in -*) set -- postgres "$@" ;; esac
from_file() {
  local file="${1}_FILE"
  if [ -n "${!1:-}" ] && [ -n "${!file:-}" ]; then echo "error: both $1 and $file are set" >&2; exit 1; fi
  if [ -n "${!file:-}" ]; then export "$1"="$(cat "${!file}")"; unset "$file"; fi
}
if [ "$1" = postgres ]; then
  from_file POSTGRES_PASSWORD
  if [ "$(id -u)" = 0 ]; then
    mkdir -p "$PGDATA" /var/run/postgresql
    find "$PGDATA" /var/run/postgresql ! -user postgres -exec chown postgres {} +
    chmod 0700 "$PGDATA"
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$BASH_SOURCE" "$@"
  fi
  if [ ! -s "$PGDATA/PG_VERSION" ]; then
    user="${POSTGRES_USER:-postgres}"
    [ -n "${POSTGRES_PASSWORD:-}" ] || { echo "error: no superuser password" >&2; exit 1; }
    initdb -D "$PGDATA" -U "$user" --pwfile=<(printf "%s\n" "$POSTGRES_PASSWORD") --auth-host=scram-sha-256 \
      --no-sync >/dev/null
    printf "\nhost all all all scram-sha-256\n" >>"$PGDATA/pg_hba.conf"
    pg_ctl -D "$PGDATA" -o "-c listen_addresses=''" -w -s start >/dev/null
    name="${POSTGRES_DB:-$user}"
    [ "$name" = postgres ] || psql -qX -U "$user" -d postgres -v name="$name" <<<'CREATE DATABASE :"name"'
    for one in /docker-entrypoint-initdb.d/*.sql; do
      [ ! -e "$one" ] || psql -qX -v ON_ERROR_STOP=1 -U "$user" -d "$name" -f "$one"
    done
    pg_ctl -D "$PGDATA" -m fast -w -s stop
  fi
  unset POSTGRES_PASSWORD
fi
exec "$@"
"""

_REDIS = r"""#!/bin/sh
set -eu
case "${1:-}" in -*|*.conf) set -- redis-server "$@" ;; esac
if [ "$1" = redis-server ] && [ "$(id -u)" = 0 ]; then
  find /data ! -user redis -exec chown redis {} +
  exec setpriv --reuid=redis --regid=redis --init-groups "$0" "$@"
fi
exec "$@"
"""

_FORMS = {
    POSTGRES: (
        _POSTGRES,
        (
            "ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/lib/postgresql/17/bin",
            "ENV PG_MAJOR=17",
            "ENV LANG=C.UTF-8",
            "ENV PGDATA=/var/lib/postgresql/data",
            "VOLUME /var/lib/postgresql/data",
            "EXPOSE 5432",
            "STOPSIGNAL SIGINT",
            'ENTRYPOINT ["docker-entrypoint.sh"]',
            'CMD ["postgres"]',
        ),
    ),
    REDIS: (
        _REDIS,
        (
            "ENV REDIS_VERSION=8.0",
            "VOLUME /data",
            "WORKDIR /data",
            "EXPOSE 6379",
            'ENTRYPOINT ["docker-entrypoint.sh"]',
            'CMD ["redis-server"]',
        ),
    ),
}


def made(name: str) -> str:
    """The image of this name, made where the engine does not have it under the digest of its recipe."""
    with _alone():
        return _made(name)


@contextmanager
def _alone() -> Iterator[None]:
    """Of the processes that run tests one makes images, and the others wait for it."""
    with (Path(tempfile.gettempdir()) / "pgdeploy-test-images.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _made(name: str) -> str:
    script, changes = _FORMS[name]
    digest = sha256(repr((_PACKAGES, _BASE_HOOK, script, changes)).encode()).hexdigest()[:12]
    tag = f"{name}-{digest}"
    if attempt("image", "inspect", tag).returncode != 0:
        put = f"RUN echo {b64encode(script.encode()).decode()} | base64 -d > {_ENTRYPOINT} && chmod 755 {_ENTRYPOINT}"
        recipe = "\n".join(
            [f"FROM {_base()}", put, "RUN mkdir -p /data /docker-entrypoint-initdb.d", *changes]
        )
        docker("build", "-q", "-t", tag, "-", stdin=recipe)
    docker("tag", tag, name)
    return name


_ENTRYPOINT = "/usr/local/bin/docker-entrypoint.sh"


def _base() -> str:
    tag = f"pgdeploy-test/services:{sha256((_PACKAGES + _BASE_HOOK).encode()).hexdigest()[:12]}"
    if attempt("image", "inspect", tag).returncode != 0:
        command = [
            "mmdebstrap",
            "--variant=minbase",
            f"--include={_PACKAGES}",
            f"--customize-hook={_BASE_HOOK}",
            "trixie",
            "-",
        ]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as making:
            subprocess.run(
                ["docker", "import", "-", tag], stdin=making.stdout, check=True, stdout=subprocess.DEVNULL
            )
        assert making.returncode == 0
    return tag
