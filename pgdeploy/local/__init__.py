"""This machine: its files and folders, its signals, and what a spec may run or read here."""
