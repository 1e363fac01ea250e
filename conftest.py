"""What tests/, specs/ and benchmarks/ share: how Hypothesis chooses its examples, how often Python looks for cycles.

`make test` takes the same examples each time, so that a run is red for what was changed and for nothing else;
`make fuzz` draws new ones, with `--hypothesis-profile=fuzz`.
"""

from __future__ import annotations

import gc
from importlib.util import find_spec

# among thousands of tests that are collected each search takes long, and finds little
gc.set_threshold(100_000)

if find_spec("hypothesis") is not None:  # the gate on the specs needs none
    from hypothesis import settings

    settings.register_profile("steady", derandomize=True, deadline=None, database=None)
    settings.register_profile("fuzz", deadline=None, database=None, print_blob=True)
    settings.load_profile("steady")
