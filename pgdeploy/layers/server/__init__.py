"""The PostgreSQL server: its kinds of objects, the probes of its behaviour, and the plan that makes it conform.

`kinds.py` is the registry of kinds. A kind is one file: its facts, its checks, its changes.
"""
