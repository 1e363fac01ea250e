"""Findings and plans, as text and as JSON."""
