"""Load Spaaza into DuckDB once a day: history at first, then what is new since the last run.

    15 4 * * *  cd /srv/loyalty && .venv/bin/python pipelines/daily.py >>daily.log 2>&1

Settings come from `.dlt/config.toml` and `.dlt/secrets.toml` there, or from the environment. A run
that fails exits with 1 and leaves nothing half loaded; the next one makes up for it. Afterwards:

    dlt pipeline spaaza info     # what is loaded, and until when
    dlt pipeline spaaza trace    # what the last run did
    dlt pipeline spaaza show     # the tables in a browser (pip install "dlt[workspace]")
"""

import dlt

from spaaza_source import spaaza_source
from spaaza_source.chat import tell_chat


def main() -> None:
    """Load what is new since the last run."""
    pipeline = dlt.pipeline(
        "spaaza", destination="duckdb", dataset_name="spaaza_data", progress="log"
    )
    # The first run loads history from this date on; without a date it loads all.
    print(pipeline.run(spaaza_source(start_date="2024-01-01")))
    counts = "SELECT table_name, sum(loaded) AS loaded FROM export_jobs GROUP BY table_name"
    with pipeline.sql_client() as client, client.execute_query(counts) as rows:
        print(rows.df())
    # Where RUNTIME__SLACK_INCOMING_HOOK is set, or `slack_incoming_hook` under [runtime].
    tell_chat(f"{pipeline.pipeline_name} is loaded up to now")


if __name__ == "__main__":
    main()
