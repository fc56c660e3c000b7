"""What the bulk users export tells of members, on rows that can be counted by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bulk_members
import duckdb
import loyalty_charts
import pandas as pd
import pytest
from loaded_data import MissingError
from loyalty_model import Model

from tests.notebooks.test_notebooks import GREY, run

Made = Callable[..., Model]
HEADING = "Members in the bulk users export"
LOADED = pd.Timestamp("2026-03-31 06:00", tz="UTC")
HASH = "9f" * 32


def bulk(members: int = 4, **columns: object) -> pd.DataFrame:
    return pd.DataFrame({"id": [str(number) for number in range(members)], **columns})


def loads(*ended: pd.Timestamp) -> pd.DataFrame:
    return pd.DataFrame({"inserted_at": list(ended), "status": [0] * len(ended)})


def tuples(frame: pd.DataFrame) -> list[tuple[object, ...]]:
    return list(frame.astype(object).itertuples(index=False, name=None))


def test_members_are_counted_by_each_of_their_scores(of_frames: Made) -> None:
    data = of_frames(
        bulk_users=bulk(
            overall=[0, 15, 15, None],
            recency=[0, 5, 5, 5],
            frequency=[1, 1, 1, 1],
            monetary=[0] * 4,
        )
    )
    found = bulk_members.scores(data)
    assert tuples(found) == [
        ("Overall", 0, 1, 1, pytest.approx(1 / 3)),
        ("Overall", 15, 16, 2, pytest.approx(2 / 3)),
        ("Recency", 0, 1, 1, 0.25),
        ("Recency", 5, 6, 3, 0.75),
        ("Frequency", 1, 2, 4, 1),
        ("Monetary", 0, 1, 4, 1),
    ]
    gaps = bulk_members.gaps(data, *bulk_members.SCORES)
    assert gaps == "The overall score is not known of 1 of 4 members."


def test_scores_of_another_scale_come_in_few_steps(of_frames: Made) -> None:
    data = of_frames(bulk_users=bulk(1001, overall=range(1001)))
    found = bulk_members.scores(data)
    assert set(found["high"] - found["low"]) == {34}
    assert len(found) == 30
    assert found["members"].sum() == 1001


def test_a_score_that_is_not_there_is_said_beside_those_that_are(of_frames: Made) -> None:
    frame = bulk(overall=[1, 2, 3, 4], recency=[HASH] * 4, monetary=[None] * 4)
    data = of_frames(bulk_users=frame)
    assert set(bulk_members.scores(data)["score"]) == {"Overall"}
    told = bulk_members.gaps(data, *bulk_members.SCORES)
    assert "a column in `bulk_users` for the frequency score." in told
    assert "No row of `bulk_users` can be read by `recency`." in told
    assert "No row of `bulk_users` can be read by `monetary`." in told
    assert told.endswith(bulk_members.BY_POLICY)
    assert told.count(bulk_members.BY_POLICY) == 1


def test_points_and_money_are_added_up_apart(of_frames: Made) -> None:
    points, money = [100.0, 0.0, -40.0, None], ["12.50", "0.00", "0.25", ""]
    data = of_frames(bulk_users=bulk(points_balance=points, cashback_balance=money))
    found = bulk_members.balances(data)
    assert list(found) == ["balance", "total", "mean", "with_a_balance", "negative", "unknown"]
    assert tuples(found) == [
        ("Points", 60, 20, 1, 1, 1),
        ("Cashback", 12.75, 4.25, 2, 0, 1),
    ]


@pytest.mark.parametrize(
    ("kept", "balance", "gone"),
    [
        ("points_balance", "Points", "the cashback balance"),
        ("cashback_balance", "Cashback", "the points balance"),
    ],
)
def test_a_balance_that_was_dropped_leaves_the_other(
    of_frames: Made, kept: str, balance: str, gone: str
) -> None:
    data = of_frames(bulk_users=bulk().assign(**{kept: [1, 2, 3, 4]}))
    assert list(bulk_members.balances(data)["balance"]) == [balance]
    told = bulk_members.gaps(data, *bulk_members.BALANCES)
    assert f"a column in `bulk_users` for {gone}." in told


def test_members_are_counted_by_level_and_those_without_too(of_frames: Made) -> None:
    data = of_frames(bulk_users=bulk(loyalty_status_level=["Gold", "Gold", None, ""]))
    assert tuples(bulk_members.levels(data)) == [("(none)", 2, 0.5), ("Gold", 2, 0.5)]
    assert bulk_members.hashed_levels(data) is False


def test_hashed_levels_are_counted_and_said_to_be_hashed(of_frames: Made) -> None:
    data = of_frames(bulk_users=bulk(loyalty_status_level=[HASH, HASH, None, HASH[::-1]]))
    assert list(bulk_members.levels(data)["members"]) == [2, 1, 1]
    assert bulk_members.hashed_levels(data) is True


def test_reviews_are_due_from_the_newest_load_on(of_frames: Made) -> None:
    days = [-1, 0, 1, 29.9, 30, 400, None]
    review = [None if each is None else LOADED + pd.Timedelta(days=each) for each in days]
    review[-2] = pd.Timestamp("2050-01-01", tz="UTC")
    frame = bulk(7, next_review_date_of_loyalty_status=review)
    half_done = pd.DataFrame({"inserted_at": [LOADED + pd.Timedelta(days=9)], "status": [1]})
    ended = pd.concat([loads(LOADED - pd.Timedelta(days=60), LOADED), half_done])
    data = of_frames(bulk_users=frame, _dlt_loads=ended)
    found = bulk_members.reviews(data)
    at, end = LOADED.tz_localize(None), (LOADED + pd.Timedelta(days=30)).tz_localize(None)
    # The year 2050 is the vendor's word for never.
    assert [(row.review, row.members) for row in found.itertuples()] == [
        ("due in the next 30 days", 3),
        ("due later", 1),
        ("past already", 1),
        ("no date", 2),
    ]
    assert (found.loc[0, "since"], found.loc[0, "until"]) == (at, end)


def test_nobody_being_due_is_a_result(of_frames: Made) -> None:
    review = [LOADED + pd.Timedelta(days=90)] * 4
    data = of_frames(
        bulk_users=bulk(next_review_date_of_loyalty_status=review), _dlt_loads=loads(LOADED)
    )
    assert list(bulk_members.reviews(data)["members"]) == [0, 4, 0, 0]


def test_without_the_time_of_a_load_nothing_is_due(of_frames: Made) -> None:
    frame = bulk(next_review_date_of_loyalty_status=[LOADED] * 4)
    with pytest.raises(MissingError, match="a table of loads, as `_dlt_loads`"):
        bulk_members.reviews(of_frames(bulk_users=frame))
    begun = loads(LOADED).assign(status=1)
    with pytest.raises(MissingError, match="No load in `_dlt_loads` is complete"):
        bulk_members.reviews(of_frames(bulk_users=frame, _dlt_loads=begun))


@pytest.mark.parametrize("name", ["scores", "balances", "levels", "reviews"])
@pytest.mark.parametrize(
    ("frame", "said"),
    [
        (bulk(), "It needs a column in `bulk_users` for the .*A privacy policy may have"),
        (
            bulk(0, overall=[], points_balance=[], loyalty_status_level=[]),
            "^`bulk_users` is empty",
        ),
        (None, "It needs a table of members in the bulk users export, as `bulk_users`"),
    ],
    ids=["no column", "no row", "no table"],
)
def test_what_is_missing_is_named(
    of_frames: Made, name: str, frame: pd.DataFrame | None, said: str
) -> None:
    tables = {"_dlt_loads": loads(LOADED)} | ({} if frame is None else {"bulk_users": frame})
    with pytest.raises(MissingError, match=said):
        getattr(bulk_members, name)(of_frames(**tables))


def test_each_score_is_drawn_around_its_number(of_frames: Made) -> None:
    drawn = loyalty_charts.scores(
        bulk_members.scores(of_frames(bulk_users=bulk(recency=[0, 5, 5, 5])))
    )
    assert list(drawn.data["low"] - drawn.data["left"]) == [0.5, 0.5]
    drawn.to_dict()


BULK = """
CREATE TABLE bulk_users AS SELECT i::VARCHAR AS id, i % 16 AS overall, i % 6 AS recency,
    i % 4 AS frequency, i % 3 AS monetary, i::DECIMAL(38, 9) AS points_balance,
    (i / 4)::DECIMAL(38, 9) AS cashback_balance, ['Gold', 'Silver'][1 + i % 2]
    AS loyalty_status_level, TIMESTAMPTZ '2026-03-31 06:00:00Z' + i * INTERVAL 1 DAY
    AS next_review_date_of_loyalty_status FROM range(50) t(i);
CREATE TABLE _dlt_loads AS SELECT '1.0' AS load_id, 'spaaza' AS schema_name, 0 AS status,
    TIMESTAMPTZ '2026-03-31 06:00:00Z' AS inserted_at;
"""


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database of the bulk users export alone: without `users`, and without purchases."""
    path = tmp_path_factory.mktemp("bulk") / "bulk.duckdb"
    with duckdb.connect(str(path)) as database:
        database.execute(BULK)
    return path


def test_the_section_stands_where_there_is_nothing_else(
    alone: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown, defined = run("loyalty", alone, monkeypatch)
    assert HEADING in shown
    found = ("scores", "balances", "levels", "reviews")
    assert [name for name in found if not isinstance(defined[name], pd.DataFrame)] == []
    assert defined["reviews"].loc[0, "members"] == 30
    section = shown[shown.index(f"{HEADING}</") :]
    assert GREY not in section
    # What reads purchases, vouchers and wallets says what it needs.
    assert "It needs the loaded table `transactions` or `orders`." in plain(shown)


def altered(*how: str) -> str:
    return "".join(f"ALTER TABLE bulk_users {each};" for each in how)


def hashed(column: str) -> str:
    return f"ALTER {column} TYPE VARCHAR USING '{HASH}'"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "said", "grey"),
    [
        (
            altered("DROP COLUMN monetary", "DROP COLUMN cashback_balance"),
            ["for the monetary score", "for the cashback balance"],
            0,
        ),
        (
            altered(hashed("loyalty_status_level"), hashed("points_balance")),
            ["The levels are hashed", "can be read by `points_balance`"],
            0,
        ),
        pytest.param(
            "UPDATE bulk_users SET next_review_date_of_loyalty_status = NULL",
            ["can be read by `next_review_date_of_loyalty_status`"],
            1,
            marks=pytest.mark.thorough,
        ),
        pytest.param(
            "CREATE OR REPLACE TABLE bulk_users AS SELECT id FROM bulk_users",
            ["for the overall score", "for the points balance", "for the loyalty status level"],
            4,
            marks=pytest.mark.thorough,
        ),
        pytest.param(
            "DELETE FROM bulk_users", ["`bulk_users` is empty"], 4, marks=pytest.mark.thorough
        ),
        pytest.param("DROP TABLE _dlt_loads", ["as `_dlt_loads`"], 1, marks=pytest.mark.thorough),
    ],
    ids=["dropped", "hashed", "no review", "the id alone", "no row", "no load"],
)
def test_what_a_policy_took_away_is_said_in_its_panel(
    change: str, said: list[str], grey: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "changed.duckdb"
    with duckdb.connect(str(path)) as database:
        database.execute(BULK + change)
    shown, _ = run("loyalty", path, monkeypatch)
    section = shown[shown.index(f"{HEADING}</") :]
    assert section.count(GREY) == grey
    for words in said:
        assert words in plain(section)


def test_without_the_table_there_is_no_section(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "users.duckdb"
    with duckdb.connect(str(path)) as database:
        database.execute("CREATE TABLE users AS SELECT '1' AS id, 3 AS overall")
    shown, _ = run("loyalty", path, monkeypatch)
    assert f"{HEADING}</h" not in shown


def plain(html: str) -> str:
    """What is shown, with code as markdown has it."""
    return html.replace("<code>", "`").replace("</code>", "`")
