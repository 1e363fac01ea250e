"""Releases: one run that brings migrations and state to a server, and the way back."""
