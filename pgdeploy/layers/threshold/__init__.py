"""Thresholds: what the running server may use, wait for and lag behind, measured."""
