"""The host under the server: its checks without changes, and the files that pg01.py writes on it."""
