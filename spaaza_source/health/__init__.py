"""Holds the tables of a dataset to rules, by what their own loads have left: `spaaza health`."""

from spaaza_source.health.check import check_health
from spaaza_source.health.findings import Finding, HealthRules, parse_age

__all__ = ["Finding", "HealthRules", "check_health", "parse_age"]
