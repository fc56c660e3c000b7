"""The matrix of settings: each that shapes a table, added, changed and removed between two loads.

Then the table is what the vendor gives under the new setting; or the load was refused before an
export was asked for, and is right once the refusal's hint is followed.

    python -m tests.loading.settings_matrix            # prints the whole matrix: some minutes
    python -m tests.loading.settings_matrix lag window # prints these settings
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import permutations
from pathlib import Path

import pytest

from spaaza_source.voucherify.filters import where
from tests.loading.matrix_bench import CHANGES, Bench, Change, Setting, State
from tests.loading.matrix_shops import (
    KINDS,
    OTHER,
    SPAAZA_RENAMED,
    rows_after_both,
    rows_between,
)
from tests.loading.matrix_states import (
    SECRETS,
    as_text,
    between,
    broken_rows,
    dates,
    days,
    disposition,
    hashed,
    hidden_changes,
    in_time,
    interval,
    keeping,
    lacking,
    late_rows,
    merging,
    only,
    priced,
    privacy,
    since,
)

EVERYWHERE = dict.fromkeys(CHANGES, KINDS)
#: Their rows are not as those of any other.
OF_THEIR_OWN = {"append", "insert-only", "scd2"}
#: They delete no row.
MERGING = {"upsert", "delete-insert"}
DISPOSITIONS = ("replace", "append", "upsert", "delete-insert", "insert-only", "cdc", "scd2")
BY_TIME = dict.fromkeys(CHANGES, KINDS[:2])
GOLD, SILVER = (
    {"field_name": "tier", "field_type": "keyword", "operator": "is", "value": tier}
    for tier in ("gold", "silver")
)
#: In the order of docs/settings.md; then what `apply_hints` sets.
SETTINGS: list[Setting] = [
    Setting("base_url", State(), State({"path": "/"}), changes=["changed"]),
    Setting(
        "chain_id",
        State(),
        State({"account": 1744}),
        vendors=["spaaza"],
        changes=["changed"],
        refused=EVERYWHERE,
        remedy="another dataset",
    ),
    Setting(
        "credentials",
        State(),
        State({"account": OTHER}),
        vendors=["voucherify"],
        changes=["changed"],
        refused=EVERYWHERE,
        remedy="another dataset",
    ),
    Setting("start_date", since(50), since(20), joins=dict.fromkeys(CHANGES, keeping)),
    Setting("start_date (moved back)", since(20), since(50), changes=["changed"]),
    Setting("end_date", since(50, 5), since(20, 1), joins=dict.fromkeys(CHANGES, keeping)),
    Setting(
        "lag",
        State({"lag": 0}, keeps=in_time(timedelta(0))),
        State({"lag": 3 * 86_400}, keeps=in_time(timedelta(days=3))),
        without=State(keeps=in_time(timedelta(days=1))),
        after=late_rows,
    ),
    Setting(
        "window",
        State({"window": "week", **dates(days(20))}, keeps=between(days(20))),
        State({"window": "day", **dates(days(20))}, keeps=between(days(20))),
        without=since(20),
    ),
    Setting(
        "snapshot_every",
        State({"snapshot_every": 0}),
        State({"snapshot_every": 1}),
        kinds=["merged"],
        changes=["added", "changed"],
        after=hidden_changes,
    ),
    Setting(
        "segments",
        State({"segments": [GOLD]}, keeps=only("gold")),
        State({"segments": [SILVER]}, keeps=only("silver")),
        vendors=["spaaza"],
        refused=BY_TIME,
        guarded={"added": ["snapshot"], "changed": ["snapshot"]},
    ),
    Setting(
        "segments (saved)",
        State({"segments": "saved-gold"}, keeps=only("gold")),
        State({"segments": "saved-silver"}, keeps=only("silver")),
        vendors=["spaaza"],
        refused={"removed": KINDS[:2]},
        # Rows without a key are guarded by their number alone.
        guarded={"added": KINDS[1:], "changed": KINDS[1:]},
    ),
    Setting(
        "time_columns",
        State({"time_columns": "created"}),
        vendors=["spaaza"],
        kinds=["window"],
        changes=["added", "removed"],
        face=SPAAZA_RENAMED,
    ),
    Setting(
        "time_columns (with start_date)",
        State({"time_columns": "sold", **dates(days(50))}),
        State({"time_columns": "created", **dates(days(50))}, keeps=between(days(50))),
        vendors=["spaaza"],
        kinds=["window"],
        changes=["changed"],
        refused=EVERYWHERE,
        face=SPAAZA_RENAMED,
    ),
    Setting(
        "export_format",
        State({"export_format": "json"}),
        vendors=["spaaza"],
        changes=["added", "removed"],
        refused=EVERYWHERE,
        remedy="another dataset",
    ),
    Setting(
        "fields",
        State(
            {"fields": ["id", "code", "made", "changed", "price", "note"]},
            cells=lacking("email", "tier"),
        ),
        State(
            {"fields": ["id", "code", "made", "changed", "price"]},
            cells=lacking("email", "tier", "note"),
        ),
        vendors=["voucherify"],
        refused=BY_TIME,
    ),
    Setting(
        "filters",
        State({"filters": where("metadata.tier", "is", "gold")}, keeps=only("gold")),
        State({"filters": where("metadata.tier", "is", "silver")}, keeps=only("silver")),
        vendors=["voucherify"],
        # Vouchers with a filter always come whole.
        refused={"added": ["window"], "changed": ["window"], "removed": ["window", "merged"]},
        guarded=dict.fromkeys(("added", "changed"), ("merged", "snapshot")),
    ),
    Setting(
        "campaign_id",
        State({"campaign_id": "gold"}, keeps=only("gold")),
        State({"campaign_id": "silver"}, keeps=only("silver")),
        vendors=["voucherify"],
        kinds=["merged"],
        refused=EVERYWHERE,
    ),
    Setting(
        "allow_external_schedulers",
        interval(50, 5),
        interval(20, 1),
        joins=dict.fromkeys(CHANGES, keeping),
    ),
    Setting(
        "column_types",
        State({"all_types": "text"}, cells=as_text),
        changes=["added", "removed"],
        refused=EVERYWHERE,
    ),
    Setting(
        "column_types (by table)",
        State({"column_types": "text"}, cells=as_text),
        changes=["added", "removed"],
        refused=EVERYWHERE,
    ),
    Setting(
        "column_types (by column)",
        State({"column_types": {"price": "text"}}, cells=priced(str)),
        State({"column_types": {"price": "double"}}, cells=priced(float)),
        refused={"added": KINDS, "changed": KINDS},
        # A column keeps the type that it has.
        joins={"removed": lambda _kind, _before, after: [priced(str)(row) for row in after]},
    ),
    Setting(
        "column_types (by column, of a documented one)",
        State({"column_types": {"code": "text"}}),
        State({"column_types": {"code": "text", "tier": "text"}}),
    ),
    Setting(
        "on_bad_row",
        State({"on_bad_row": "fail", "max_rejected_share": 0.9}, stops=True),
        without=State({"max_rejected_share": 0.9}),
        changes=["added", "removed"],
        after=broken_rows,
    ),
    Setting(
        "max_rejected_share",
        State({"max_rejected_share": 0.5, "max_rejected_rows": 0}),
        State({"max_rejected_share": 0.9, "max_rejected_rows": 0}),
        without=State({"max_rejected_rows": 0}, stops=True),
        after=broken_rows,
    ),
    Setting(
        "max_rejected_rows",
        State({"max_rejected_rows": 0}, stops=True),
        State({"max_rejected_rows": 1}),
        after=broken_rows,
    ),
    Setting(
        "privacy",
        privacy("hash", cells=hashed(SECRETS[0])),
        privacy("drop", cells=lacking("email", "note")),
        refused=EVERYWHERE,
    ),
    Setting("privacy (keep)", privacy("keep"), changes=["added", "removed"]),
    Setting(
        "privacy (keep, of a column that is in the clear)",
        privacy("hash", cells=hashed(SECRETS[0])),
        privacy("hash", cells=hashed(SECRETS[0]), tier="keep"),
        changes=["changed"],
    ),
    Setting(
        "privacy_secret",
        privacy("hash", cells=hashed(SECRETS[0])),
        privacy("hash", SECRETS[1], cells=hashed(SECRETS[1])),
        changes=["changed"],
        refused=EVERYWHERE,
    ),
    *(
        Setting(
            f"write_disposition ({name})",
            disposition(name),
            changes=["added", "removed"],
            refused=EVERYWHERE if name in OF_THEIR_OWN else {},
            joins={"added": merging} if name in MERGING else {},
        )
        for name in DISPOSITIONS
    ),
    *(
        Setting(
            f"write_disposition ({name} to {other})",
            disposition(name),
            disposition(other),
            vendors=["spaaza"],
            changes=["changed"],
            refused=EVERYWHERE if {name, other} & OF_THEIR_OWN else {},
            joins={"changed": merging} if other in MERGING else {},
        )
        for name, other in permutations(DISPOSITIONS, 2)
    ),
    Setting(
        "primary_key",
        State(hints={"primary_key": ["code"]}),
        State(hints={"primary_key": ["tier", "code"]}),
    ),
    Setting(
        "columns (data_type)",
        State(hints={"columns": {"price": {"data_type": "text"}}}, cells=priced(str)),
        State(hints={"columns": {"price": {"data_type": "double"}}}, cells=priced(float)),
        refused={"added": KINDS, "changed": KINDS},
        # A column keeps the type that it has.
        joins={"removed": lambda _kind, _before, after: [priced(str)(row) for row in after]},
    ),
    Setting(
        "columns (precision)",
        State(hints={"columns": {"price": {"data_type": "decimal", "precision": 9, "scale": 2}}}),
        State(hints={"columns": {"price": {"data_type": "decimal", "precision": 9, "scale": 1}}}),
        changes=["added"],
        refused={"added": KINDS},
    ),
    Setting(
        "schema_contract",
        State(hints={"schema_contract": {"columns": "discard_value"}}),
        State(hints={"schema_contract": {"columns": "freeze"}}),
        changes=["added", "changed"],
        refused={"changed": KINDS},
    ),
    Setting(
        "schema_contract (of a column that came)",
        State(hints={"schema_contract": {"columns": "discard_value"}}),
        without=State(cells=dict),
        vendors=["spaaza"],
        changes=["removed"],
        refused=EVERYWHERE,
        between=rows_between,
        after=rows_after_both,
    ),
    Setting("table_name", State(name="one"), State(name="two")),
]

#: Settings that shape no row or column, each with the reason.
SHAPES_NOTHING = {
    "smallest_window": "how far a window that fails is split",
    "max_exports": "whether a load stops",
    "filter_margin": "how much wider a window is asked for: test_local_filters",
    "poll_interval": "how an export is waited for",
    "max_poll_interval": "how an export is waited for",
    "export_timeout": "how an export is waited for",
    "start_timeout": "how an export is waited for",
    "max_concurrent_exports": "how many exports run at a time",
    "start_margin": "when an export starts",
    "stagger": "when an export starts",
    "execute_after": "when an export starts",
    "adopt_tasks": "which exports are taken: test_recurring_tasks",
    "reload_every": "when all rows are loaded again: test_reload",
    "order": "how a file is sorted: test_settings_of_exports",
    "max_age": "which job brings an export: one of the same request",
    "only_finished": "which exports are taken, not what is in them; the next load goes on",
    "max_deleted_share": "whether a load stops",
    "accept_deletes": "whether a load stops",
    "on_drift": "whether a load stops",
    "deletes": "what becomes of rows that are gone: tests/destination/test_soft_deletes",
    "retain_days": "how long rows stay: tests/retention",
    "expectations": "whether a load stops: tests/expectations",
    "empty_files": "whether a load stops: test_empty_files",
    "keep_files": "where files stay",
    "from_files": "where files come from: of an export that a load asked for",
    "cleanup": "what stays at the vendor",
    "files": "where rows come from: test_given_files",
    "dialect": "how a user's files are written: test_dialects, test_given_files",
    "objects": "which tables are loaded, as `with_resources`",
}


def main(names: Sequence[str]) -> int:
    """Print the matrix, or its settings that begin with one of the names; 1 if a cell is wrong."""
    wrong = 0
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DLT_DATA_DIR", folder)
        patch.setenv("RUNTIME__DLTHUB_TELEMETRY", "false")
        patch.setenv("RUNTIME__LOG_LEVEL", "CRITICAL")
        for vendor in ("spaaza", "voucherify"):
            home = Path(folder) / vendor
            home.mkdir()
            with Bench(vendor, home).opened() as bench:
                for setting, change in cells_of(vendor):
                    if names and not setting.name.startswith(tuple(names)):
                        continue
                    for kind, found in bench.judge(setting, change).items():
                        is_right = found == setting.verdict(change, kind)
                        wrong += not is_right
                        print(f"{vendor:11}{setting.name:47}{change:9}{kind:10}{found}", flush=True)  # noqa: T201
    return min(wrong, 1)


def cells_of(vendor: str) -> Iterator[tuple[Setting, Change]]:
    """The cells of a vendor's source."""
    for setting in SETTINGS:
        if vendor in setting.vendors:
            yield from ((setting, change) for change in setting.changes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
