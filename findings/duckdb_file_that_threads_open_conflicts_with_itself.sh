#!/usr/bin/env bash
# duckdb 1.5.5: a file that threads of one process open and close conflicts with itself now and then.
#
# Seen: within a process, `duckdb.connect` of one file gives connections to one shared instance, so that
# threads may each open it. Where one thread closes the last connection just as another opens the file,
# `connect` raises "BinderException: Unique file handle conflict: Cannot attach …, already attached by
# database …", though nobody has attached anything and no other process has the file. Of 4 × 500
# connects some 1 % fail; with one connection that stays open, or a lock around opening and closing,
# none does. dlt opens and closes the file for each job and query, in threads of its own.
# Source: duckdb 1.5.5 from PyPI, `DuckDBPyConnection.connect` and its instance cache.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet 'duckdb==1.5.5'
cat >connect.py <<'PY'
import threading
from contextlib import nullcontext

import duckdb

FILE = "shop.duckdb"
duckdb.connect(FILE).close()


def failures(guard):
    raised = set()

    def work():
        for _ in range(500):
            try:
                with guard:
                    connection = duckdb.connect(FILE)
                    connection.execute("SELECT 1").fetchall()
                    connection.close()
            except duckdb.BinderException as failure:
                raised.add(str(failure).split(":")[1].strip())

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(raised)


print("each by itself", failures(nullcontext()))
print("one at a time", failures(threading.Lock()))
with duckdb.connect(FILE):
    print("beside one that stays open", failures(nullcontext()))
PY
env/bin/python connect.py >seen
cat seen
diff - seen <<'SEEN'
each by itself ['Unique file handle conflict']
one at a time []
beside one that stays open []
SEEN
