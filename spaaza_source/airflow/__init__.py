"""A backfill in Airflow: tasks that give their slot back while the vendor works.

Only `operators` and `trigger` need Airflow: a DAG imports the first, Airflow's triggerer the other.
"""

from spaaza_source.airflow.settings import BackfillSettings, open_backfill, table_uri

__all__ = ["BackfillSettings", "open_backfill", "table_uri"]
