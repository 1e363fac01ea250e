"""Run the property tests with new examples for some minutes: `python -m scripts.fuzz [MINUTES]`, or `make fuzz`.

Rounds are repeated until the time is over; each begins with a new seed and says it, so that a failure can be repeated:
`pytest --hypothesis-profile=fuzz --hypothesis-seed=SEED FILE`.
"""

from __future__ import annotations

import re
import secrets
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MINUTES = 10.0

_EXAMPLES = re.compile(r"(\d+) passing, ")


def files() -> list[str]:
    """The test files with properties in them."""
    found = (ROOT / "tests").rglob("test_*.py")
    return sorted(
        str(file.relative_to(ROOT)) for file in found if "@given" in file.read_text(encoding="utf-8")
    )


def one_round(file: str, seed: int, seconds: float) -> tuple[int, int]:
    """The exit code of pytest and the number of examples; a round that the time ends is no failure."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--hypothesis-profile=fuzz",
        "--hypothesis-show-statistics",
    ]
    command += [f"--hypothesis-seed={seed}", "-m", "not docker", "-k", "not each_process", file]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=seconds)
    except subprocess.TimeoutExpired:
        return 0, 0
    if done.returncode not in (0, 5):
        print(done.stdout, done.stderr)
    return done.returncode, sum(map(int, _EXAMPLES.findall(done.stdout)))


def main(minutes: float) -> int:
    until, examples, rounds = time.monotonic() + minutes * 60, 0, 0
    while True:
        rounds += 1
        for file in files():
            left = until - time.monotonic()
            if left <= 0:
                print(f"{examples} new examples in {minutes:g} minutes, {rounds} rounds begun; none failed")
                return 0
            seed = secrets.randbelow(2**32)
            code, number = one_round(file, seed, left)
            examples += number
            print(f"{file}: {number} examples, seed {seed}")
            if code not in (0, 5):
                print(
                    f"failed after {examples} examples; again: --hypothesis-profile=fuzz --hypothesis-seed={seed}"
                )
                return 1


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else MINUTES))
