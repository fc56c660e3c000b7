"""Csv reader."""
