#!/usr/bin/env bash
# pyarrow 26.0.1: `write_csv` takes some twenty times as long for instants in UTC as for the same times
# without a zone.
#
# Seen: the zone is looked up for each value anew. Of a table of 68 columns, 9 of them such times, they
# take nine tenths of the time, so a job that writes CSV for COPY seems slow at all it does. Casting to a
# time without a zone, to string, and adding a Z makes the same texts. dlt 1.31.0 writes its CSV for
# PostgreSQL this way. The script fails if the ratio is less than five.
# Source: pyarrow from PyPI, the version below.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet 'pyarrow==26.0.1'
cat >write.py <<'PY'
import io
import time

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

ROWS = 300_000
zoned = pa.table({"at": pa.array(range(ROWS), pa.timestamp("us", "UTC"))})
plain = pa.table({"at": zoned["at"].cast(pa.timestamp("us"))})


def spelled():
    texts = pc.binary_join_element_wise(plain["at"].cast(pa.string()), "Z", "")
    return pa.table({"at": texts})


def taken(make):
    best = []
    for _ in range(3):
        file = io.BytesIO()
        began = time.process_time()
        csv.write_csv(make(), file, csv.WriteOptions(quoting_style="none"))
        best.append(time.process_time() - began)
    return min(best), file.getvalue()


(with_zone, text), (without, _), (by_hand, same) = map(
    taken, (lambda: zoned, lambda: plain, spelled)
)
print(f"{with_zone:.3f} s with a zone, {without:.3f} s without, {by_hand:.3f} s by hand")
print("at least five times as long:", with_zone > 5 * without)
print("the same texts by hand, in less than a half:", same == text and by_hand < with_zone / 2)
PY
env/bin/python write.py >seen
cat seen
diff - <(tail -n +2 seen) <<'SEEN'
at least five times as long: True
the same texts by hand, in less than a half: True
SEEN
