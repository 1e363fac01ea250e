"""Password hashes as PostgreSQL stores them: made here, so that a password never travels in clear SQL.

SCRAM-SHA-256 verifiers follow RFC 5802 and 7677; md5 hashes are only compared, never made. A secret that is a
verifier itself is recognised by PostgreSQL's own rules (parse_scram_secret, get_password_type).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import string
import stringprep
import unicodedata
from base64 import b64decode, b64encode
from functools import lru_cache

ITERATIONS = 4096
"""PostgreSQL's own default (`scram_iterations`)."""

MOST_ITERATIONS = 1_000_000
"""More are not computed: a role may give itself a verifier of as many as it likes, and 10^9 take minutes."""

SALT_BYTES = 16
"""Length of the salts that PostgreSQL itself makes."""

_B64 = "[A-Za-z0-9+/]+={0,2}"
_SCRAM = re.compile(
    rf"SCRAM-SHA-256\$(?P<iterations>[1-9][0-9]{{0,9}}):(?P<salt>{_B64})\$(?P<keys>{_B64}:{_B64})"
)
_MD5 = re.compile("md5[0-9a-f]{32}")
_ALPHABET = frozenset(string.ascii_letters + string.digits + "+/=")
_INTEGER = re.compile(r"[ \t\n\v\f\r]*[-+]?[0-9]{1,9}")
_LOOSE = re.compile(r"SCRAM-SHA-256\$[A-Za-z0-9+/=:$\\]*|md5[0-9a-fA-F]{32}")

_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
    stringprep.in_table_a1,
)


def build(password: str, salt: bytes | None = None, iterations: int = ITERATIONS) -> str:
    """The verifier of a password: `SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>`, in base64."""
    salt = os.urandom(SALT_BYTES) if salt is None else salt
    return f"SCRAM-SHA-256${iterations}:{_text(salt)}${_keys(password, salt, iterations)}"


def verify(password: str, stored: str, role: str) -> bool:
    """Whether the stored hash, SCRAM or md5, is this password's.

    A hash of neither kind never is, nor is one of more iterations than MOST_ITERATIONS.
    """
    if scram := _SCRAM.fullmatch(stored):
        if iterations(stored) > MOST_ITERATIONS:
            return False
        try:
            salt = b64decode(scram["salt"], validate=True)
        except ValueError:
            return False
        keys = _keys(password, salt, int(scram["iterations"]))
        return hmac.compare_digest(keys, scram["keys"])
    if _MD5.fullmatch(stored):
        # md5 here is what the server stored, not our choice
        digest = hashlib.md5((password + role).encode(), usedforsecurity=False).hexdigest()
        return hmac.compare_digest(f"md5{digest}", stored)
    return False


def is_scram(stored: str) -> bool:
    """Whether a stored hash is a SCRAM-SHA-256 verifier."""
    return _SCRAM.fullmatch(stored) is not None


def iterations(stored: str) -> int:
    """How often the password of a SCRAM verifier is hashed; 0 where it is none."""
    found = _SCRAM.fullmatch(stored)
    return 0 if found is None else int(found["iterations"])


def is_verifier(secret: str) -> bool:
    """Whether PostgreSQL would take this password for a SCRAM verifier, and store it as it is."""
    scheme, rest = _token(secret, "$")
    iterations, rest = _token(rest, ":")
    salt, rest = _token(rest, "$")
    stored, server = _token(rest, ":")
    right = scheme == "SCRAM-SHA-256" and _INTEGER.fullmatch(iterations) is not None
    return right and salt != "" and _length(salt) >= 0 and {*map(_length, (stored, server))} == {32}


def is_md5(secret: str) -> bool:
    """Whether PostgreSQL would take this password for an md5 hash, and store it as it is."""
    return _MD5.fullmatch(secret) is not None


def _token(text: str, separator: str) -> tuple[str, str]:
    """C's strtok: what stands before the separator, without separators in front of it."""
    token, _, rest = text.lstrip(separator).partition(separator)
    return token, rest


def _length(text: str) -> int:
    """How many bytes PostgreSQL's own base64 reads from this; -1 for what it refuses.

    It skips blanks, takes data behind the padding, and does not ask whether bits are left over.
    """
    digits, padding, length = 0, 0, 0
    for char in re.sub("[ \t\n\r]", "", text):
        if char not in _ALPHABET:
            return -1
        if char == "=" and not padding:
            padding = digits % 4 - 1
            if padding < 1:
                return -1
        digits += 1
        length += (padding or 3) if digits % 4 == 0 else 0
    return -1 if digits % 4 else length


def mask_hashes(text: str) -> str:
    """The text without SCRAM verifiers and md5 hashes, also without those that were cut off in the middle."""
    return _LOOSE.sub(
        lambda found: "md5********" if found[0].startswith("md5") else "SCRAM-SHA-256$********", text
    )


def prepare(password: str) -> bytes:
    """The bytes that PostgreSQL hashes: SASLprep of the password, or the password itself where that fails.

    It departs from RFC 4013 where PostgreSQL does: ASCII is taken as it is, control characters included,
    and prohibited characters and directions are looked for before the normalisation, not after.
    """
    if password.isascii():
        return password.encode()
    mapped = "".join(_mapped(char) for char in password)
    if not mapped or _refused(mapped):
        return password.encode()
    return unicodedata.normalize("NFKC", mapped).encode()


def _mapped(char: str) -> str:
    if stringprep.in_table_c12(char):
        return " "
    return "" if stringprep.in_table_b1(char) else char


def _refused(text: str) -> bool:
    return any(table(char) for char in text for table in _PROHIBITED) or _mixes_directions(text)


def _mixes_directions(text: str) -> bool:
    if not any(map(stringprep.in_table_d1, text)):
        return False
    framed = stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
    return not framed or any(map(stringprep.in_table_d2, text))


@lru_cache(maxsize=1024)
def _keys(password: str, salt: bytes, iterations: int) -> str:
    """`<StoredKey>:<ServerKey>`. Remembered, because it costs milliseconds and is asked for again and again."""
    salted = hashlib.pbkdf2_hmac("sha256", prepare(password), salt, iterations)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    server = hmac.digest(salted, b"Server Key", "sha256")
    return f"{_text(stored)}:{_text(server)}"


def _text(data: bytes) -> str:
    return b64encode(data).decode()
