"""Workloads: statements that are run, with their plans and times."""
