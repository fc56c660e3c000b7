#!/usr/bin/env bash
# ijson 3.6.0: half of a surrogate pair in a JSON text is kept by one backend, and becomes a question mark
# in the other, which is the one that is taken.
#
# Seen: a text that was cut between the two escapes of an emoji (`"cut \ud83d"`) is valid by the grammar of
# JSON. Python's `json` and ijson's backend `python` keep it as a lone surrogate. ijson's `yajl2_c`, the
# default of its wheels, gives `?` instead, without a word: two different texts may become equal, and a
# check for text that no database takes finds nothing.
# Source: ijson 3.6.0 from PyPI; RFC 8259, section 8.2, which calls the behaviour unpredictable.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv env
env/bin/pip install --quiet 'ijson==3.6.0'
cat >read.py <<'PY'
import json

import ijson

TEXT = rb'["whole \ud83d\ude00", "cut \ud83d", "cut \ud83e"]'


def show(way, texts):
    print(way, *(ascii(text) for text in texts))


show("json", json.loads(TEXT))
show("python", ijson.get_backend("python").items(TEXT, "item"))
show("yajl2_c", ijson.get_backend("yajl2_c").items(TEXT, "item"))
print("default:", ijson.backend_name)
PY
env/bin/python read.py | tee seen
diff seen - <<'SEEN'
json 'whole \U0001f600' 'cut \ud83d' 'cut \ud83e'
python 'whole \U0001f600' 'cut \ud83d' 'cut \ud83e'
yajl2_c 'whole \U0001f600' 'cut ?' 'cut ?'
default: yajl2_c
SEEN
