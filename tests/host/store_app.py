"""moto as a store that asks for keys: what is not signed with them (AWS Signature Version 4) is refused."""

from __future__ import annotations

import hmac
import os
import re
from collections.abc import Callable, Iterable
from typing import Any

from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

_STORE = DomainDispatcherApplication(create_backend_app)
_SIGNED = re.compile(
    r"AWS4-HMAC-SHA256 Credential=([^/]+)/[^/]+/([^/]+)/.*SignedHeaders=([^,]+), ?Signature=(\w+)"
)
_REFUSED = b"<Error><Code>SignatureDoesNotMatch</Code><Message>wrong keys</Message></Error>"


def application(environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
    """WSGI."""
    if not _is_signed(environ):
        start("403 Forbidden", [("Content-Type", "application/xml")])
        return [_REFUSED]
    _bucket_into_path(environ)
    answer: Iterable[bytes] = _STORE(environ, start)
    return answer


def _bucket_into_path(environ: dict[str, Any]) -> None:
    """moto takes buckets of Amazon's own names alone out of a host's name."""
    bucket, found, _ = environ["HTTP_HOST"].partition(f".{os.environ['STORE_NAME']}")
    if found:
        for name in ("PATH_INFO", "RAW_URI"):
            environ[name] = f"/{bucket}{environ[name]}"


def _is_signed(environ: dict[str, Any]) -> bool:
    found = _SIGNED.match(environ.get("HTTP_AUTHORIZATION", ""))
    if found is None or found[1] != os.environ["STORE_KEY"]:
        return False
    request = AWSRequest(environ["REQUEST_METHOD"], f"https://{environ['HTTP_HOST']}{environ['RAW_URI']}")
    for name in found[3].split(";"):
        variable = name.upper().replace("-", "_")
        request.headers[name] = environ.get(f"HTTP_{variable}", environ.get(variable, ""))
    request.context["timestamp"] = environ["HTTP_X_AMZ_DATE"]
    auth = S3SigV4Auth(Credentials(os.environ["STORE_KEY"], os.environ["STORE_SECRET"]), "s3", found[2])
    wanted = auth.signature(auth.string_to_sign(request, auth.canonical_request(request)), request)
    return hmac.compare_digest(str(wanted), found[4])
