#!/usr/bin/env bash
# pyarrow 26.0.1: `write_csv` of instants in a zone with an old, odd offset writes other instants: the
# seconds of the offset are left out, and who reads the file is off by up to 59 seconds.
#
# Seen: until 1937 Amsterdam was 19 minutes and 32 seconds ahead of UTC. pyarrow writes the local time by
# that offset, and `+0019` after it. Read back by pyarrow itself and by DuckDB, the instant is 32 seconds
# later than it was. A cast to string writes the same. In UTC nothing is lost.
# Source: pyarrow and duckdb from PyPI, the versions below; IANA's time zone database.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet 'pyarrow==26.0.1' 'duckdb==1.5.5' 'tzdata==2025.2' 'pytz==2025.2'
cat >write.py <<'PY'
import datetime as dt

import duckdb
import pyarrow as pa
from pyarrow import csv

at = dt.datetime(1930, 5, 1, tzinfo=dt.timezone.utc)
for zone in ("UTC", "Europe/Amsterdam"):
    csv.write_csv(pa.table({"at": pa.array([at], pa.timestamp("s", zone))}), "times.csv")
    (header, text) = open("times.csv").read().split("\n")[:2]
    options = csv.ConvertOptions(column_types={"at": pa.timestamp("s", "UTC")})
    own = csv.read_csv("times.csv", convert_options=options)["at"].cast(pa.int64())[0].as_py()
    (other,) = duckdb.sql(f"SELECT epoch('{text}'::TIMESTAMPTZ)").fetchone()
    written = int(at.timestamp())
    print(f"{zone}: {text}, read {own - written} s and {other - written:.0f} s later")
PY
env/bin/python write.py >seen
cat seen
diff - seen <<'SEEN'
UTC: 1930-05-01 00:00:00Z, read 0 s and 0 s later
Europe/Amsterdam: 1930-05-01 00:19:32+0019, read 32 s and 32 s later
SEEN
