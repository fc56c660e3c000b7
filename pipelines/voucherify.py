"""Load Voucherify into DuckDB: everything at first, then what is new or changed.

    export SOURCES__VOUCHERIFY__CREDENTIALS__APP_ID=…
    export SOURCES__VOUCHERIFY__CREDENTIALS__APP_TOKEN=…
    python pipelines/voucherify.py

The keys are under Project Settings, Application Keys; a project outside Europe also needs
SOURCES__VOUCHERIFY__BASE_URL. Afterwards `dlt pipeline voucherify info` shows what is loaded.
"""

import dlt

from spaaza_source import voucherify_source
from spaaza_source.voucherify.filters import where
from spaaza_source.voucherify.objects import OBJECTS


def main() -> None:
    """Load what is new or changed since the last run."""
    pipeline = dlt.pipeline(
        "voucherify", destination="duckdb", dataset_name="voucherify_data", progress="log"
    )
    source = voucherify_source(
        # All documented fields are requested, unless a table's are named here; metadata only if
        # named.
        fields={"orders": [*OBJECTS["orders"].fields, "metadata.channel"]},
        # Voucherify's own filters: rows that they exclude are not loaded.
        filters={"redemptions": where("result", "is", "SUCCESS")},
    )
    print(pipeline.run(source))
    newest = "SELECT * FROM redemptions ORDER BY date DESC LIMIT 5"
    with pipeline.sql_client() as client, client.execute_query(newest) as rows:
        print(rows.df())


if __name__ == "__main__":
    main()
