"""Load all users of a Spaaza chain into DuckDB, by its bulk users export.

    export SOURCES__SPAAZA__BASE_URL=https://HOST_THAT_SPAAZA_NAMED_TO_YOU
    export SOURCES__SPAAZA__CHAIN_ID=1743
    export SOURCES__SPAAZA__CREDENTIALS__SESSION_USER_ID=…
    export SOURCES__SPAAZA__CREDENTIALS__SESSION_KEY=…
    python pipelines/bulk_users.py

One call streams the whole file: there is no job to wait for. It takes an administrator's session,
as Spaaza's login returns it, for 336 hours. `spaaza load bulk_users` does the same.
"""

import dlt

from spaaza_source import spaaza_bulk_users


def main() -> None:
    """Load all users; those that the vendor has no more are removed."""
    pipeline = dlt.pipeline(
        "spaaza_bulk_users", destination="duckdb", dataset_name="spaaza_data", progress="log"
    )
    print(pipeline.run(spaaza_bulk_users()))
    scores = "SELECT spaaza_user_id, overall, points_balance, loyalty_status_level FROM bulk_users"
    with pipeline.sql_client() as client, client.execute_query(f"{scores} LIMIT 5") as rows:
        print(rows.df())


if __name__ == "__main__":
    main()
