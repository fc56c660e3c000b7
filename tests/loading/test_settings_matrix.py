"""Each setting that shapes a table, changed between two loads: the new table, or a refusal.

The whole matrix takes minutes: `python -m tests.loading.settings_matrix` prints it. Here most
settings are changed in one way, for all kinds of table at once, by the sources in turn; and each
remedy that refusals advise is followed once.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import pytest

from spaaza_source import spaaza_source, voucherify_source
from tests.loading.matrix_bench import Bench, Change, Setting
from tests.loading.settings_matrix import SETTINGS, SHAPES_NOTHING

#: Settings that need first loads of their own.
LONG = (
    "window",
    "start_date (",
    "on_bad_row",
    "max_rejected_",
    "schema_contract (",
    "time_columns (",
    "write_disposition (",
)
CELLS = [
    (setting.vendors[number % len(setting.vendors)], setting, setting.changes[0])
    for number, setting in enumerate(SETTINGS)
    if not setting.name.startswith(LONG)
]
#: One for each remedy.
FOLLOWED = ("privacy", "chain_id", "filters")


@pytest.fixture(scope="module")
def benches(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Bench]]:
    vendors = ("spaaza", "voucherify")
    with (
        Bench(vendors[0], tmp_path_factory.mktemp(vendors[0])).opened() as spaaza,
        Bench(vendors[1], tmp_path_factory.mktemp(vendors[1])).opened() as voucherify,
    ):
        yield dict(zip(vendors, (spaaza, voucherify), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize(
    "cell", CELLS, ids=[f"{vendor}-{setting.name}-{change}" for vendor, setting, change in CELLS]
)
@pytest.mark.thorough
def test_a_table_is_as_the_new_setting_makes_it_or_the_load_is_refused(
    cell: tuple[str, Setting, Change], benches: dict[str, Bench]
) -> None:
    vendor, setting, change = cell
    is_followed = setting.name in FOLLOWED
    judged = benches[vendor].judge(setting, change, follows_hints=is_followed)
    kinds = [kind for kind in setting.kinds if is_followed or setting.is_loaded(change, kind)]
    assert judged == {kind: setting.verdict(change, kind) for kind in kinds}


def test_every_setting_is_in_the_matrix_or_shapes_nothing() -> None:
    in_matrix = {setting.name.partition(" ")[0] for setting in SETTINGS}
    settings = {
        name
        for source in (spaaza_source, voucherify_source)
        for name in inspect.signature(source).parameters
    }
    assert settings <= in_matrix | SHAPES_NOTHING.keys()
    assert SHAPES_NOTHING.keys() <= settings - in_matrix
