"""Expectations: what a table's rows must hold before they are loaded; else a stop, or a notice."""

from spaaza_source.expectations.check import ExpectationCheck
from spaaza_source.expectations.settings import Expectations, read_expectations

__all__ = ["ExpectationCheck", "Expectations", "read_expectations"]
