"""Whether the exporter answers and sees its server; waited for when asked."""

from __future__ import annotations

import subprocess
import time
import urllib.request
from typing import Any

SECONDS = 30


def main(question: dict[str, Any]) -> dict[str, Any]:
    said = _said(question)
    if said and question["make"]:
        if question["unit"] is not None:
            subprocess.run(["systemctl", "reset-failed", question["unit"]], capture_output=True, check=False)
            subprocess.run(["systemctl", "restart", question["unit"]], capture_output=True, check=False)
        end = time.monotonic() + SECONDS
        while said and time.monotonic() < end:
            time.sleep(0.25)
            said = _said(question)
        if said:
            raise SystemExit("the exporter at %s: %s, for %d s" % (question["address"], said, SECONDS))
    return {"differs": bool(said), "said": said}


def _said(question: dict[str, Any]) -> str:
    """What is wrong, or nothing."""
    try:
        with urllib.request.urlopen("http://%s/metrics" % question["address"], timeout=5) as answer:
            lines = _body(answer).decode("utf-8", "replace").splitlines()
    except OSError as error:
        return "no answer: %s" % (getattr(error, "reason", None) or error)
    values = [line.split()[-1] for line in lines if line.startswith("pg_up")]
    return "" if values and set(values) == {"1"} else "pg_up is %s" % (", ".join(values) or "not there")


def _body(answer: Any) -> bytes:
    """Bounded: any user of the host may answer in the exporter's place, without an end."""
    end, found = time.monotonic() + SECONDS, b""
    while part := answer.read1(65536):
        found += part
        if len(found) > 4 << 20 or time.monotonic() > end:
            raise OSError("its answer has no end")
    return found
