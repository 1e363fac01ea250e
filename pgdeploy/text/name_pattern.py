"""Names that no quoting would help: patterns, each with what is allowed in words."""

from __future__ import annotations

OS_USER = (
    "[A-Za-z_][A-Za-z0-9_.-]{0,30}",
    "letters, digits and _ . -, at most 31, the first a letter or _",
)
"""What both useradd and systemd's User= take."""

PACKAGE = (
    "[a-z0-9][a-z0-9+.-]*[a-z0-9+.]",
    "a package's name: lower case letters, digits and + - . (no version, no option)",
)
"""Debian Policy 5.6.7, but for a - at the end, by which apt-get takes a package away."""

_IN_URI = "A-Za-z0-9._~%!$&'()*+,;=:-"
_SERVER = rf"https?://([{_IN_URI}]+@)?([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{{1,5}})?"
URI = (
    rf"({_SERVER}|file://)(/[{_IN_URI}@]*)*",
    "an address such as https://apt.example.org/pgdg, with %20 for a blank",
)
SUITE = ("[A-Za-z0-9]([A-Za-z0-9.+~_/-]*[A-Za-z0-9.+~_-])?", "one suite, such as bookworm-pgdg")
COMPONENT = ("[A-Za-z0-9][A-Za-z0-9.+~_/-]*", "one component, such as main")

IMAGE = (
    "[A-Za-z0-9][A-Za-z0-9._/:-]*(@sha256:[0-9a-f]{64})?",
    "an image with its version, such as quay.io/prometheuscommunity/postgres-exporter:v0.17.1",
)

_OF_A_SHELL = r"[^\s\x00-\x1f\x7f'`\"$;&<>|(){},]"
"""What ssh itself refuses from 9.6: a ProxyCommand of the user's hands host and user to a shell."""

SSH_HOST = (
    rf"(?!-)(?!.*\\){_OF_A_SHELL}+",
    "a name or an address, without a - at the start, blanks, and what means something to a shell",
)
SSH_USER = (
    rf"(?!-){_OF_A_SHELL}+(?<!\\)",
    "a login name, without a - at the start, blanks, and what means something to a shell",
)

LOCALE = ("[A-Za-z0-9][A-Za-z0-9_.@-]*", "a locale, such as C.UTF-8")

_LABEL = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
CERTIFICATE_NAME = (rf"(\*\.)?{_LABEL}(\.{_LABEL})*", "a DNS name, such as pg01.example.org, or an address")

HOST_PATH = (
    r"(/(?!\.\.?(/|$))[A-Za-z0-9._@+-]+)+",
    "an absolute path on the host, of letters, digits and . _ @ + -",
)
STANZA = ("[A-Za-z0-9][A-Za-z0-9._-]{0,62}", "letters, digits and . _ -, the first a letter or digit")
BUCKET = ("[A-Za-z0-9][A-Za-z0-9.-]{0,62}", "letters, digits and . -, the first a letter or digit")
S3_ENDPOINT = (
    rf"{_LABEL}(\.{_LABEL})*(:[0-9]{{1,5}})?",
    "a name without https://, such as s3.example.org:9000",
)

CONTAINER = ("[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", "letters, digits and _ . -, the first a letter or digit")
PROJECT = ("[a-z0-9][a-z0-9_-]{0,62}", "lower case letters, digits and _ -, the first a letter or digit")
IMAGE_TAG = (
    "[a-z0-9][A-Za-z0-9._/:-]*:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}",
    "an image with its tag, such as postgres:17.6",
)
IMAGE_DIGEST = (
    "sha256:[0-9a-f]{64}",
    "sha256: and 64 hexadecimal digits, as `docker image ls --digests` shows",
)
PUBLISHED = (
    r"([0-9]{1,3}(\.[0-9]{1,3}){3}|\[[0-9a-f:]+\]):[1-9][0-9]{0,4}",
    "an address of the host and a port, such as 127.0.0.1:5432 or [::1]:5432",
)
VARIABLE = ("[A-Za-z_][A-Za-z0-9_]*", "letters, digits and _, the first no digit")
