"""A file shaped like the documented bulk users export, as large as asked, the same every time."""

from __future__ import annotations

from pathlib import Path

import duckdb

DOCUMENTED_HEADER = (
    "ID",
    "First name",
    "Last name",
    "email (username)",
    "Facebook email",
    "Other email",
    "Facebook ID",
    "Gender",
    "Birthday",
    "Overall",
    "Recency",
    "Frequency",
    "Monetary",
    "Created date",
    "Last login date",
    "Last purchase date",
    "Last loyalty activity date",
    "Cashback Balance",
    "Brands Purchased",
    "Stores",
    "Opted-in",
    "Country",
    "Sign-up store",
    "Postal code",
    "Town/City",
    "Points Balance",
    "Authentication Point ID",
    "Mailing List Subscriber",
    "Print Mailing List Subscriber",
    "Loyalty Status Level",
    "Average Spend Value",
    "Days Since Last Purchase",
    "Number of Purchases",
    "Offline Shopper",
    "Online Shopper",
    "Region/State",
    "House Number",
    "House Number Extension",
    "Address Line 2",
    "Address Line 3",
    "Phone Number",
    "Street Name",
    "Signup Channel",
    "Spaaza Join Date",
    "Spaaza User ID",
    "Auxiliary Identifier",
    "Opt in Secondary",
    "Registered",
    "Language",
    "Points to Proceed to Next Status Level",
    "Points to Remain at Current Status Level",
    "Last Review Date of Loyalty Status",
    "Next Review Date of Loyalty Status",
    "Date Loyalty Status Level Reached",
    "Subscribed to Push Notifications",
    "Home Store Name",
    "Home Store Owner Code",
    "Referred",
    "Referring User Id",
    "Referring User Referral Code",
    "User Referral Code",
    "Employee",
    "Last modified date",
    "User channel identifier",
    "User channel version",
    "Push notification platform",
    "Signup Store Code",
    "Influencer",
)


def _random(salt: int, below: int) -> str:
    return f"(hash(i * 100 + {salt}) % {below})::BIGINT"


def _time(salt: int) -> str:
    moment = f"TIMESTAMP '2015-01-01' + to_seconds({_random(salt, 350_000_000)})"
    return f"strftime({moment}, '%Y-%m-%dT%H:%M:%SZ')"


def _bool(salt: int) -> str:
    return f"CASE WHEN {_random(salt, 3)} = 0 THEN 'true' ELSE 'false' END"


def _code(salt: int, length: int) -> str:
    return f"substr(md5((i * 100 + {salt})::VARCHAR), 1, {length})"


def _pick(salt: int, *values: str) -> str:
    listed = ", ".join("'" + value.replace("'", "''") + "'" for value in values)
    return f"list_extract([{listed}], 1 + {_random(salt, len(values))})"


def _sometimes(salt: int, percent: int, expression: str) -> str:
    return f"CASE WHEN {_random(salt, 100)} < {percent} THEN {expression} END"


FIRST = ("Anna", "Björn", "Chloé", "Daan", "Emma", "Fatima", "Geert", "Hanna", "Ibrahim", "Joost")
LAST = ("de Vries", "Jansen", "van 't Hoff", "Kowalski", "O'Brien", "Müller", "Çelik", "Peeters")
TOWNS = ("Amsterdam", "Rotterdam", "Utrecht", "Antwerpen", "Gent", "Köln", "'s-Hertogenbosch")

EXPRESSIONS = {
    "ID": "(404097 + i)::VARCHAR",
    "First name": _pick(1, *FIRST),
    "Last name": _pick(2, *LAST),
    "email (username)": f"{_code(3, 12)} || '@example.com'",
    "Other email": _sometimes(4, 5, f"{_code(5, 10)} || '@example.org'"),
    "Facebook ID": _sometimes(6, 5, f"(100000000000000 + {_random(7, 10**12)})::VARCHAR"),
    "Gender": _pick(8, "male", "female", ""),
    "Birthday": f"strftime(DATE '1940-01-01' + {_random(9, 25_000)}::INTEGER, '%Y-%m-%d')",
    "Overall": _random(10, 10),
    "Recency": _random(11, 10),
    "Frequency": _random(12, 10),
    "Monetary": _random(13, 10),
    "Created date": _time(14),
    "Last login date": _sometimes(15, 80, _time(16)),
    "Last purchase date": _sometimes(17, 80, _time(18)),
    "Last loyalty activity date": _sometimes(19, 80, _time(20)),
    "Cashback Balance": f"printf('%.2f', {_random(21, 20_000)} / 100)",
    "Brands Purchased": _sometimes(22, 20, _pick(23, "Nord, Süd", 'The "Best", Ltd', "Plain")),
    "Stores": _sometimes(24, 50, _pick(25, "Kalverstraat, Meir", "Coolsingel", "Meir")),
    "Opted-in": _bool(26),
    "Country": _pick(27, "NL", "BE", "DE"),
    "Sign-up store": _sometimes(28, 50, _pick(29, "Kalverstraat", "Meir", "Coolsingel")),
    "Postal code": f"printf('%04d', 1000 + {_random(30, 8999)}) || 'AB'",
    "Town/City": _pick(31, *TOWNS),
    "Points Balance": _random(32, 20_000),
    "Authentication Point ID": _sometimes(33, 30, _random(34, 5_000)),
    "Mailing List Subscriber": _bool(35),
    "Print Mailing List Subscriber": _bool(36),
    "Loyalty Status Level": _pick(37, "Bronze", "Silver", "Gold", ""),
    "Average Spend Value": f"printf('%.2f', {_random(38, 30_000)} / 100)",
    "Days Since Last Purchase": _random(39, 2_000),
    "Number of Purchases": _random(40, 100),
    "Offline Shopper": _bool(41),
    "Online Shopper": _bool(42),
    "Region/State": _sometimes(43, 70, _pick(44, "Noord-Holland", "Zuid-Holland", "Vlaanderen")),
    "House Number": _random(45, 400),
    "House Number Extension": _sometimes(46, 15, _pick(47, "a", "bis", "2-hoog")),
    "Address Line 2": _sometimes(48, 5, "'c/o ' || " + _code(49, 8)),
    "Phone Number": f"'+316' || printf('%08d', {_random(50, 10**8)})",
    "Street Name": _pick(51, "Herengracht", "Meir", "Domstraße", "Kerkstraat", "Lange Voorhout"),
    "Signup Channel": _pick(52, "mobile:ios", "mobile:android", "webshop"),
    "Spaaza Join Date": _time(53),
    "Spaaza User ID": "(1924688 + i)::VARCHAR",
    "Opt in Secondary": _bool(54),
    "Registered": _bool(55),
    "Language": _pick(56, "nl", "en", "de", "fr"),
    "Points to Proceed to Next Status Level": _random(57, 5_000),
    "Points to Remain at Current Status Level": _random(58, 5_000),
    "Last Review Date of Loyalty Status": _sometimes(59, 60, _time(60)),
    "Next Review Date of Loyalty Status": _sometimes(61, 60, _time(62)),
    "Date Loyalty Status Level Reached": _sometimes(63, 60, _time(64)),
    "Subscribed to Push Notifications": _bool(65),
    "Home Store Name": _pick(66, "Kalverstraat", "Meir", "Coolsingel"),
    "Home Store Owner Code": f"printf('%05d', {_random(67, 900)})",
    "Referred": _bool(68),
    "Referring User Id": _sometimes(69, 20, f"(1924688 + {_random(70, 10**6)})"),
    "Referring User Referral Code": _sometimes(71, 20, _code(72, 6)),
    "User Referral Code": _code(73, 6),
    "Employee": _bool(74),
    "Last modified date": _time(75),
    "User channel identifier": _sometimes(76, 60, _code(77, 16)),
    "User channel version": _pick(78, "1.0.3", "2.4", "2.5.1"),
    "Push notification platform": _pick(79, "ios", "android", ""),
    "Signup Store Code": f"printf('%05d', {_random(80, 900)})",
    "Influencer": _bool(81),
}


#: Columns of streets and stores, of which some cells need quotes and hold some.
QUOTED = {
    header: _pick(salt, *names, 'Herengracht, "A" 12')
    for header, salt, names in (
        ("Street Name", 51, ("Herengracht", "Meir", "Domstraße", "Kerkstraat", "Lange Voorhout")),
        ("Stores", 25, ("Kalverstraat, Meir", "Coolsingel", "Meir", "Grote Markt", "Zeil")),
        ("Sign-up store", 29, ("Kalverstraat", "Meir", "Coolsingel", "Grote Markt", "Zeil")),
        ("Home Store Name", 66, ("Kalverstraat", "Meir", "Coolsingel", "Grote Markt", "Zeil")),
    )
}


def write_users_csv(path: Path, rows: int, *, quoted: bool = False) -> None:
    """Write `rows` users under the documented header, quoting only cells that need it.

    Args:
        path: The file.
        rows: How many.
        quoted: Whether a sixth of the streets' and stores' names need quotes and hold some.
    """
    expressions = EXPRESSIONS | QUOTED if quoted else EXPRESSIONS
    selected = ", ".join(
        f'({expressions.get(header, "NULL")}) AS "{header}"' for header in DOCUMENTED_HEADER
    )
    with duckdb.connect() as connection:
        connection.execute("SET memory_limit = '1GB'")
        connection.execute(f"SET temp_directory = '{path.parent}'")
        connection.execute(
            f"COPY (SELECT {selected} FROM range({rows}) AS numbers(i)) "
            f"TO '{path}' (FORMAT csv, HEADER, DELIMITER ',')"
        )
