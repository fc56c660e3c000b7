"""Voucherify into DuckDB: all of it at first, what is new or changed from then on.

    export SOURCES__VOUCHERIFY__CREDENTIALS__APP_ID=…
    export SOURCES__VOUCHERIFY__CREDENTIALS__APP_TOKEN=…
    python pipelines/voucherify.py

The keys are under Project Settings, Application Keys; a project outside of Europe needs
SOURCES__VOUCHERIFY__BASE_URL too. `dlt pipeline voucherify info` tells what is there afterwards.
"""

import dlt

from spaaza_source import voucherify_source
from spaaza_source.voucherify.filters import where
from spaaza_source.voucherify.objects import OBJECTS


def main() -> None:
    """Load what came since the last run."""
    pipeline = dlt.pipeline(
        "voucherify", destination="duckdb", dataset_name="voucherify_data", progress="log"
    )
    source = voucherify_source(
        # All documented fields are asked for, unless a table's are named here; metadata only is
        # where it is named.
        fields={"orders": [*OBJECTS["orders"].fields, "metadata.channel"]},
        # Voucherify's own filters: what they leave out is not loaded.
        filters={"redemptions": where("result", "is", "SUCCESS")},
    )
    print(pipeline.run(source))
    print(pipeline.dataset()["redemptions"].limit(5).df())


if __name__ == "__main__":
    main()
