"""Chapters: scripts that run from a checkout, ``python -m chapters.<name>``."""
