#!/usr/bin/env bash
# dlt 1.31.0: moving a resource's function to another file changes where its settings come from.
#
# Seen: a resource that is run without its source looks for `sources.FILE.RESOURCE.SETTING`, where
# FILE is the name of the module that defines the function. The same function in a renamed file no
# longer finds the setting: it silently takes the default. `section=` pins it.
# Source: dlt 1.31.0, dlt/extract/decorators.py, the docstring of `resource`, argument `section`.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet dlt==1.31.0
cat >orders.py <<'PY'
import dlt


@dlt.resource
def rows(page_size: int = 10):
    yield {"page_size": page_size}


@dlt.resource(name="pinned", section="orders")
def pinned(page_size: int = 10):
    yield {"page_size": page_size}
PY
cp orders.py orders_export.py
cat >show.py <<'PY'
import sys
import importlib

for module in ("orders", "orders_export"):
    resources = importlib.import_module(module)
    for each in (resources.rows, resources.pinned):
        print(module, each.name, each.section, next(iter(each()))["page_size"])
PY
export RUNTIME__DLTHUB_TELEMETRY=false SOURCES__ORDERS__PAGE_SIZE=500
env/bin/python show.py | tee seen
diff seen - <<'SEEN'
orders rows orders 500
orders pinned orders 500
orders_export rows orders_export 10
orders_export pinned orders 500
SEEN
