"""Dlt hooks."""
