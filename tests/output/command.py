"""A command of pgdeploy's in this process: what it prints, both streams together."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from unittest import mock

from pgdeploy.cli import main


def run(*arguments: str) -> tuple[int, str]:
    said = io.StringIO()
    with (
        mock.patch.object(sys, "argv", ["pgdeploy", *arguments]),
        redirect_stdout(said),
        redirect_stderr(said),
    ):
        try:
            main()
        except SystemExit as ended:
            return int(ended.code or 0), said.getvalue()
    raise AssertionError("main() ends with an exit code")
