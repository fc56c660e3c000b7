#!/usr/bin/env bash
# dlt 1.31.0: an optional argument of a source, which nobody has set, gets a whole section of the configuration
# as its value where a section at the top of the file has the argument's name.
#
# Seen: a source `shop` has the optional argument `filters`. With the section of a pipeline that is called
# `filters` in config.toml (here `[filters.normalize]`), it is a dict, that section, whatever pipeline is
# active; with that of a pipeline of another name it is None. For an argument that takes a dict by table or by
# field this looks like a value.
# An argument is looked for under fewer and fewer sections (sources.shop.filters, …), at last by its bare
# name; and what has that name may be a table of the file.
# Source: dlt 1.31.0, dlt/common/configuration/resolve.py (`_resolve_single_value`), and
# dlt/common/configuration/providers/doc.py (`get_value`).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet 'dlt==1.31.0' 2>errors || { cat errors; exit 1; }
cat >run.py <<'PY'
from typing import Any

import dlt


@dlt.source
def shop(filters: Any = None):
    given.append(filters)
    yield dlt.resource([{"id": 1}], name="users")


given = []
shop()
print(None if given[0] is None else {key: dict(part) for key, part in dict(given[0]).items()})
PY
mkdir .dlt
for pipeline in other filters; do
    printf '[%s.normalize]\nworkers = 1\n' "$pipeline" >.dlt/config.toml
    env/bin/python run.py 2>errors || { cat errors; exit 1; }
done >seen
cat seen
diff - seen <<'SEEN'
None
{'normalize': {'workers': 1}}
SEEN
