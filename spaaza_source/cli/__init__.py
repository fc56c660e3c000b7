"""The `spaaza` command."""

from spaaza_source.cli.app import cli, main

__all__ = ["cli", "main"]
