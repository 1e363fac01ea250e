"""A store that speaks S3 over TLS and asks for keys, for the tests."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

NAME, BUCKET, REGION = "store.example.org", "backups", "eu-test-1"
KEYS = {"PG01_S3_KEY": "canary-Key-04b1", "PG01_S3_SECRET": "canary-Secret-99c0ffee"}
HOSTS = ("--add-host", f"{NAME}:host-gateway", "--add-host", f"{BUCKET}.{NAME}:host-gateway")
"""docker's words for a container that finds the store on this machine."""


@dataclass(frozen=True)
class Store:
    """One store, at this port of this machine. `certificate` is its own, and signs itself."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]

    @property
    def certificate(self) -> Path:
        return self.folder / "store.crt"


def signed(folder: Path, name: str) -> None:
    """A certificate that signs itself, for the store: NAME.crt and NAME.key."""
    words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    words += [
        "-days",
        "30",
        "-subj",
        f"/CN={NAME}",
        "-addext",
        f"subjectAltName=DNS:{NAME},DNS:*.{NAME},DNS:localhost",
    ]
    files = ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.crt")]
    subprocess.run(["openssl", *words, *files], check=True, capture_output=True)


@contextmanager
def stored() -> Iterator[Store]:
    """A store, which is empty, until the end."""
    folder = Path(tempfile.mkdtemp(prefix="pgdeploy-store-"))
    signed(folder, "store")
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = ["-w", "1", "--threads", "4", "-t", "0", "-b", f"0.0.0.0:{port}", "--no-control-socket"]
    words += ["--certfile", str(folder / "store.crt"), "--keyfile", str(folder / "store.key")]
    keys = {"STORE_KEY": KEYS["PG01_S3_KEY"], "STORE_SECRET": KEYS["PG01_S3_SECRET"], "STORE_NAME": NAME}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", *words, "tests.host.store_app"],
            cwd=Path(__file__).parent.parent.parent,
            env={**os.environ, **keys, "S3_IGNORE_SUBDOMAIN_BUCKETNAME": "1"},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    store = Store(folder, port, process)
    try:
        _wait(store)
        _make_bucket(store)
        yield store
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)


def _wait(store: Store) -> None:
    """Until it speaks TLS, which it does when its worker is there."""
    context, end = ssl.create_default_context(cafile=str(store.certificate)), time.monotonic() + 30
    while True:
        assert store.process.poll() is None, (store.folder / "log").read_text()
        try:
            with socket.create_connection(("127.0.0.1", store.port), 5) as plain:
                context.wrap_socket(plain, server_hostname=NAME).close()
                return
        except OSError:
            assert time.monotonic() < end, (store.folder / "log").read_text()
            time.sleep(0.1)


def _make_bucket(store: Store) -> None:
    import botocore.session

    client = botocore.session.get_session().create_client(
        "s3",
        REGION,
        endpoint_url=f"https://localhost:{store.port}",
        verify=str(store.certificate),
        aws_access_key_id=KEYS["PG01_S3_KEY"],
        aws_secret_access_key=KEYS["PG01_S3_SECRET"],
    )
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
