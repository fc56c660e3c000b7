#!/usr/bin/env bash
# duckdb 1.5.5: the first `execute` with a parameter imports pandas, wherever it is installed, though no
# value and no result is of pandas; and what that import raises is lost, a Ctrl-C too.
#
# Seen: `execute("SELECT 1")` leaves pandas alone; `execute("SELECT ?", [1])` imports it, to see whether
# the value is one of pandas' own. That is several hundred modules and takes longer than the import of
# duckdb itself. dlt gives each of its settings of a DuckDB file as a parameter (`SET GLOBAL name = ?`),
# so each load that has pandas beside it pays for it at its first connection, however small it is.
# Source: duckdb 1.5.5 from PyPI, `DuckDBPyConnection.execute`; pandas 3.0.0.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet 'duckdb==1.5.5' 'pandas==3.0.0'
cat >execute.py <<'PY'
import sys

import duckdb


def modules():
    return sum(name.partition(".")[0] == "pandas" for name in sys.modules)


with duckdb.connect() as connection:
    print("imported duckdb:", modules() > 0)
    connection.execute("SELECT 1").fetchall()
    print("a statement without a parameter:", modules() > 0)
    connection.execute("SELECT ?", [1]).fetchall()
    print("a statement with one:", modules() > 0, modules() > 200)
PY
cat >interrupted.py <<'PY'
import sys

import duckdb


class Interrupt:
    """Raises what Ctrl-C does, whenever pandas is looked for."""

    came = 0

    def find_spec(self, name, path, target=None):
        if name == "pandas":
            self.came += 1
            raise KeyboardInterrupt


interrupt = Interrupt()
sys.meta_path.insert(0, interrupt)
with duckdb.connect() as connection:
    rows = connection.execute("SELECT ?", [1]).fetchall()
print("interrupted:", interrupt.came > 0, "and went on:", rows)
PY
env/bin/python execute.py >seen
env/bin/python interrupted.py >>seen
cat seen
diff - seen <<'SEEN'
imported duckdb: False
a statement without a parameter: False
a statement with one: True True
interrupted: True and went on: [(1,)]
SEEN
