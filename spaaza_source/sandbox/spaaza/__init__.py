"""Spaaza."""
