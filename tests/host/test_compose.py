"""The exporter in a container of docker compose: a host with its own docker engine, from bare to green, and broken."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator

import pytest

from pgdeploy.gate.container.docker import docker
from tests.host.breaking import red
from tests.host.machine import SECRETS, Machine, booted, deploy, deployed, run, said
from tests.host.test_break import Break, file
from tests.host.test_canary import LOUD, Run, sampled
from tests.host.test_deploy import planned, totals
from tests.host.texts import pg17

pytestmark = [pytest.mark.docker, pytest.mark.long]

IMAGE = "prometheuscommunity/postgres-exporter:v0.17.1"
FOLDER = "/opt/postgres-exporter"
COMPOSE, PASSWORD = f"{FOLDER}/docker-compose.yaml", f"{FOLDER}/password"
NAME = "postgres_exporter"
SECRET = SECRETS["PG01_EXPORTER_PASSWORD"]

ENGINE = """\
set -e
mkdir -p /etc/docker
echo '{"bridge": "none", "iptables": false, "ip6tables": false, "storage-driver": "vfs"}' > /etc/docker/daemon.json
apt-get -qq -o APT::Update::Error-Mode=any update
DEBIAN_FRONTEND=noninteractive apt-get install -qqy --no-install-recommends docker.io docker-cli docker-compose
"""
"""An engine inside needs no network of its own: the exporter has its host's."""

OFFICIAL = f"""\
set -e
cd "$(mktemp -d)"
apt-get -qq download prometheus-postgres-exporter
dpkg-deb -x prometheus-postgres-exporter_*.deb root
program=root/usr/bin/prometheus-postgres-exporter
cp --parents -L $(ldd $program | grep -o '/[^ ]*') root
mkdir -p root/bin root/etc
mv $program root/bin/postgres_exporter
echo 'nobody:x:65534:65534:nobody:/home:/bin/false' > root/etc/passwd
tar -C root -c . | docker import \
  -c 'EXPOSE 9187' -c 'USER nobody' -c 'ENTRYPOINT ["/bin/postgres_exporter"]' - {IMAGE}
"""
"""What the official image is, of Debian's own program: `nobody` runs it, and there is nothing else in it."""


def spec() -> str:
    """As pg17, with the exporter in a container that comes in by password over localhost."""
    old = "exporter: {login: peer, listen: '127.0.0.1:9187'}"
    new = f"exporter: {{run: compose, login: password, image: '{IMAGE}', folder: {FOLDER}}}"
    assert old in pg17()
    return pg17().replace(old, new)


@pytest.fixture(scope="module")
def bare(trixie: str) -> Iterator[Machine]:
    """A bare Debian 13."""
    # a file system of its own: docker's would be an overlay upon an overlay
    volume = docker("volume", "create")
    try:
        with booted(trixie, options=("-v", f"{volume}:/var/lib/docker")) as machine:
            machine.spec(spec())
            yield machine
    finally:
        docker("volume", "rm", "-f", volume)


@pytest.fixture(scope="module")
def refused(bare: Machine) -> str:
    """What pg01.py says of the machine without docker, then without its daemon."""
    told = said(deploy(bare))
    bare.run(ENGINE)
    bare.run("systemctl stop -q docker.socket docker.service")
    told += said(deploy(bare))
    bare.run("systemctl start docker.service")
    return told


@pytest.fixture(scope="module")
def record(bare: Machine, refused: str) -> Run:
    """The first deploy, as talkative as can be, and watched."""
    bare.run(OFFICIAL)
    found = Run(SECRETS)
    with sampled(bare, found):
        done = deploy(bare, *LOUD)
    found.output = said(done)
    assert done.returncode == 0, found.output
    return found


@pytest.fixture(scope="module")
def machine(bare: Machine, record: Run) -> Machine:
    return bare


def inspect(machine: Machine) -> dict[str, object]:
    (found,) = json.loads(machine.run(f"docker inspect {NAME}"))
    assert isinstance(found, dict)
    return found


def test_without_docker_it_is_refused(refused: str) -> None:
    first, second = [line for line in refused.splitlines() if "refused, nothing is changed" in line]
    assert "the exporter is to run in a container, and there is no docker; install docker and its" in first
    assert "docker version: Cannot connect to the Docker daemon" in second
    assert "Starting operation" not in refused


def test_the_gate_is_green(machine: Machine) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--target=prod-pg01"]
    done = run([*command, "--ssh-config", str(machine.ssh_config)], machine)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " 0 drift" in done.stdout
    assert red(machine) == set()


def test_it_sees_the_server_as_its_role(machine: Machine) -> None:
    said = machine.run(
        'python3 -c \'import urllib.request as u; print(u.urlopen("http://127.0.0.1:9187/metrics")'
        ".read().decode())'"
    )
    assert "\npg_up 1\n" in said
    assert 'pg_static{server="localhost:5432",short_version="17.' in said
    state = "SELECT DISTINCT usename, client_addr IN ('127.0.0.1', '::1') FROM pg_stat_activity"
    assert machine.sql(f"{state} WHERE usename = 'postgres_exporter'") == "postgres_exporter|t"


def test_the_second_run_changes_nothing(machine: Machine) -> None:
    before = inspect(machine)["Id"]
    success, error, unchanged = totals(deployed(machine))
    assert (success, error) == ("-", "-")
    assert int(unchanged) > 20
    assert inspect(machine)["Id"] == before


def test_a_dry_run_finds_nothing_to_do(machine: Machine) -> None:
    assert planned(machine) == {("-", "-")}


def test_compose_takes_the_file_as_it_is_meant(machine: Machine) -> None:
    whole = json.loads(machine.run(f"docker compose --project-directory {FOLDER} config --format json"))
    service = whole["services"][NAME]
    assert service["image"] == IMAGE
    assert service["network_mode"] == "host"
    assert service["user"] == "65534:65534"
    assert service["environment"]["DATA_SOURCE_URI"] == "localhost:5432/postgres?sslmode=require"
    assert whole["secrets"]["password"]["file"] == PASSWORD


def test_the_secret_is_in_its_file_alone(machine: Machine, record: Run) -> None:
    """Read by the exporter in its container as nobody; by nobody of the host."""
    assert machine.run(f"stat -c '%a %U %G' {FOLDER} {PASSWORD}").splitlines() == [
        "700 root root",
        "640 root nogroup",
    ]
    assert machine.run(f"cat {PASSWORD}") == SECRET
    for user in ("nobody", "postgres"):
        assert "denied" in machine.run(f"runuser -u {user} -- cat {PASSWORD} 2>&1", check=False)
    look = "find / /run /var/lib/docker -xdev -type f -print0"
    look += ' | xargs -0 grep -lF -e "$canary" 2>/dev/null | sort -u || true'
    assert machine.run(f"read -r canary; {look}", stdin=f"{SECRET}\n") == PASSWORD
    assert SECRET not in json.dumps(inspect(machine))
    assert SECRET not in machine.run(f"docker logs {NAME} 2>&1; journalctl -a --no-pager -o verbose")
    assert "docker compose" in record.there, "the sampler saw nothing"
    seen = "\n".join([record.output, record.there, *record.here])
    assert [secret for secret in SECRETS.values() if secret in seen] == []


RESTARTS_NO_MORE = (
    "until docker inspect -f '{{.RestartCount}} {{.State.Status}}' "
    f"{NAME} | grep -Eq '^([7-9]|1[0-9]) restarting'; do sleep 0.1; done"
)
"""Docker waits twice as long before each start: from now on for longer than a gate takes, which else may see it run."""

BREAKS = [
    Break("container stopped", f"docker stop {NAME}", {"exporter[postgres_exporter].container"}),
    Break("container removed", f"docker rm -f {NAME}", {"exporter[postgres_exporter].container"}),
    Break(
        "docker stopped, and started",
        f"docker stop {NAME} && systemctl restart docker",
        {"exporter[postgres_exporter].container"},
    ),
    Break("not at boot", f"docker update --restart=no {NAME}", {"exporter[postgres_exporter].restart"}),
    Break(
        "wrong password",
        f"printf wrong > {PASSWORD} && docker restart {NAME} && sleep 1",
        {"exporter[postgres_exporter].pg_up"},
    ),
    Break("password for all", f"chmod 0644 {PASSWORD}", {file(PASSWORD, "mode")}),
    Break(
        "password that the exporter cannot read",
        f"chgrp root {PASSWORD} && docker restart {NAME}; {RESTARTS_NO_MORE}",
        {file(PASSWORD, "group"), "exporter[postgres_exporter].container"},
    ),
    Break("folder for all", f"chmod 0755 {FOLDER}", {file(FOLDER, "mode")}),
    Break("compose file edited", f"sed -i s/9187/9188/ {COMPOSE}", {file(COMPOSE, "content")}),
    Break(
        "compose file edited, and up",
        f"sed -i s/9187/9188/ {COMPOSE} && cd {FOLDER} && docker compose up -d && sleep 1",
        {file(COMPOSE, "content"), "socket[9187].addresses"},
    ),
    Break(
        "another image",
        f"docker tag {IMAGE} other:1 && sed -i s#{IMAGE}#other:1# {COMPOSE} && cd {FOLDER} && docker compose up -d"
        f" && sed -i s#other:1#{IMAGE}# {COMPOSE} && sleep 1",
        {"exporter[postgres_exporter].image"},
    ),
]


@pytest.mark.parametrize("case", BREAKS, ids=lambda case: case.name)
def test_broken_by_hand(case: Break, machine: Machine) -> None:
    try:
        machine.run(case.script)
        assert red(machine) == case.red
    finally:
        deployed(machine)
    assert red(machine) == set()


def test_a_wrong_password_that_waits_for_the_next_start(machine: Machine) -> None:
    """The gate reads no secret, so it is green still; pg01.py compares, and makes the container anew."""
    machine.run(f"printf wrong > {PASSWORD}")
    success, error, _ = totals(deployed(machine))
    assert (success, error) == ("2", "-")
    assert machine.run(f"cat {PASSWORD}") == SECRET
    machine.run(f"docker restart {NAME} && sleep 1")
    assert red(machine) == set()


def test_another_password(machine: Machine) -> None:
    """A running container has the file that was there at its start: compose itself would leave it as it is."""
    other = {"PG01_EXPORTER_PASSWORD": "canary-Exporter-new-3c"}
    before = inspect(machine)["Id"]
    try:
        done = deploy(machine, **other)
        assert done.returncode == 0, said(done)
        assert machine.run(f"cat {PASSWORD}") == other["PG01_EXPORTER_PASSWORD"]
        assert inspect(machine)["Id"] != before
        assert "exporter[postgres_exporter].pg_up" not in red(machine)
    finally:
        deployed(machine)
    assert red(machine) == set()


def test_an_image_that_is_nowhere(machine: Machine) -> None:
    """What docker says, in one line; the container that runs stays."""
    machine.spec(spec().replace(IMAGE, "registry.invalid/postgres-exporter:v9"))
    try:
        done = deploy(machine)
        assert done.returncode == 1
        assert "docker compose: " in said(done)
        assert "registry.invalid" in said(done)
        assert machine.run(f"docker inspect -f '{{{{.State.Status}}}}' {NAME}") == "running"
    finally:
        machine.spec(spec())
    deployed(machine)
    assert red(machine) == set()
