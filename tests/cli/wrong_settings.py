"""Wrong settings, each as a user may write it, with what the message must repeat and advise.

`test_wrong_settings.py` tries each of them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

#: Nothing listens there: where the vendor is asked, the message says so instead.
ACCOUNT = {
    "SOURCES__SPAAZA__BASE_URL": "http://127.0.0.1:1",
    "SOURCES__SPAAZA__CHAIN_ID": "1743",
    "SOURCES__SPAAZA__CREDENTIALS__ACCESS_TOKEN_ID": "canary-id",
    "SOURCES__SPAAZA__CREDENTIALS__ACCESS_TOKEN_SECRET": "canary-secret",
    "SOURCES__VOUCHERIFY__BASE_URL": "http://127.0.0.1:1",
    "SOURCES__VOUCHERIFY__CREDENTIALS__APP_ID": "canary-id",
    "SOURCES__VOUCHERIFY__CREDENTIALS__APP_TOKEN": "canary-token",
}


@dataclass(frozen=True)
class Wrong:
    """One wrong setting or situation.

    Attributes:
        name: Of the row.
        typed: What the message repeats, as the user wrote it.
        hint: What it advises.
        command: The arguments of the command.
        environment: Variables beside those of the account; an empty one is taken away.
        files: Texts of files in `.dlt`, by name.
        code: The exit code.
    """

    name: str
    typed: str
    hint: str
    command: tuple[str, ...] = ("load",)
    environment: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    code: int = 2


S, V, C = "SOURCES__SPAAZA__", "SOURCES__VOUCHERIFY__", "SOURCES__SPAAZA__CREDENTIALS__"

TURN = "SPAAZA_SOURCE__TURN_TIMEOUT"

#: Variables that nobody reads, and the nearest that somebody does.
VARIABLES = [
    (S + "PRIVCY", S + "PRIVACY"),
    (S + "PRIVACY_POLICY", S + "PRIVACY"),
    (S + "START_DAT", S + "START_DATE"),
    (S + "STARTDATE", S + "START_DATE"),
    (S + "WINDOWS", S + "WINDOW"),
    (S + "TIME_COLUMN", S + "TIME_COLUMNS"),
    (S + "SEGMENT", S + "SEGMENTS"),
    (S + "BASEURL", S + "BASE_URL"),
    (S + "BASE_URI", S + "BASE_URL"),
    (S + "CHAIN", S + "CHAIN_ID"),
    (S + "CHAINS_ID", S + "CHAIN_ID"),
    (S + "EXPORT_FORMATS", S + "EXPORT_FORMAT"),
    (S + "MAX_DELETE_SHARE", S + "MAX_DELETED_SHARE"),
    (S + "MAX_CONCURRENT_EXPORT", S + "MAX_CONCURRENT_EXPORTS"),
    (S + "SNAPSHOT_EVRY", S + "SNAPSHOT_EVERY"),
    (S + "ON_BAD_ROWS", S + "ON_BAD_ROW"),
    (S + "POLLINTERVAL", S + "POLL_INTERVAL"),
    (S + "ACCESS_TOKEN_ID", C + "ACCESS_TOKEN_ID"),
    (C + "ACCES_TOKEN_ID", C + "ACCESS_TOKEN_ID"),
    (C + "TOKEN_SECRET", C + "ACCESS_TOKEN_SECRET"),
    (C + "SESION_KEY", C + "SESSION_KEY"),
    (S + "CREDENTIALS_ACCESS_TOKEN_ID", C + "ACCESS_TOKEN_ID"),
    (S + "CREDENTIAL__ACCESS_TOKEN_ID", C + "ACCESS_TOKEN_ID"),
    (S + "PRIVACY__USERS", S + "PRIVACY as JSON"),
    (S + "SEGMENTS__USERS", S + "SEGMENTS as JSON"),
    (S + "COLUMN_TYPES__USERS__POINTS", S + "COLUMN_TYPES as JSON"),
    (S + "CHAIN_1743__PRIVCY", S + "CHAIN_1743__PRIVACY"),
    (S + "CHAIN1743__PRIVACY", S + "CHAIN_1743__PRIVACY"),
    (S + "CHIAN_1743__PRIVACY", S + "CHAIN_1743__PRIVACY"),
    (S + "CHAIN_1743__CREDENTIALS__SECRET", S + "CHAIN_1743__CREDENTIALS__"),
    (S + "CHAIN_1743__SCHEMA__NAMING", "SOURCES__CHAIN_1743__SCHEMA__NAMING"),
    ("SOURCES__CHAIN_1743__PRIVCY", "SOURCES__CHAIN_1743__PRIVACY"),
    ("SOURCES__CHIAN_1743__PRIVACY", "SOURCES__CHAIN_1743__PRIVACY"),
    (S + "SCHEMA__NAMEING", S + "SCHEMA__NAMING"),
    (S + "EXTRACT__WORKER", S + "EXTRACT__WORKERS"),
    ("SOURCES__SPAZA__PRIVACY", S + "PRIVACY"),
    ("SOURCES__SPAAZA_SOURCE__PRIVACY", S + "PRIVACY"),
    ("SOURCES__SPAAZA_BULK_USERS__PRIVACY", S + "PRIVACY"),
    ("SOURCES__SPAAZA_PRIVACY", S + "PRIVACY"),
    ("SOURCES_SPAAZA__PRIVACY", S + "PRIVACY"),
    ("SOURCES_SPAAZA_PRIVACY", S + "PRIVACY"),
    ("SOURCES_SPAAZA_CREDENTIALS_ACCESS_TOKEN_ID", C + "ACCESS_TOKEN_ID"),
    ("SOURCE__SPAAZA__PRIVACY", S + "PRIVACY"),
    ("SOURCES__PRIVCY", "SOURCES__PRIVACY"),
    ("SPAAZA__PRIVACY", S + "PRIVACY"),
    ("SPAAZA__SOURCES__SPAAZA__PRIVACY", S + "PRIVACY"),
    ("OTHER__SOURCES__SPAAZA__PRIVCY", "OTHER__SOURCES__SPAAZA__PRIVACY"),
    ("sources__spaaza__privacy", S + "PRIVACY"),
    ("Sources__Spaaza__Privacy", S + "PRIVACY"),
    (S + "CAMPAIGN_ID", "a setting of sources.voucherify"),
    (S + "CLEANUP", "a setting of sources.voucherify"),
    (S + "PRIMARY_KEY", "apply_hints"),
    (S + "WRITE_DISPOSITION", "apply_hints"),
    (S + "SCHEMA_CONTRACT", "apply_hints"),
    (S + "MAX_TABLE_NESTING", "docs/settings.md"),
    (S + "FOO__BAR", "docs/settings.md"),
    (V + "PRIVCY", V + "PRIVACY"),
    (V + "APP_TOKEN", V + "CREDENTIALS__APP_TOKEN"),
    (V + "CREDENTIALS__APPTOKEN", V + "CREDENTIALS__APP_TOKEN"),
    (V + "OBJECT", V + "OBJECTS"),
    (V + "CHAIN_ID", "a setting of sources.spaaza"),
    (V + "SEGMENTS", "a setting of sources.spaaza"),
    ("SOURCES__VOUCHERFY__PRIVACY", V + "PRIVACY"),
    # Of all runs, beside the sources.
    ("SPAAZA_SOURCE__TURN_TIMOUT", TURN),
    ("SPAAZA_SOURCE__TIMEOUT", TURN),
    ("SPAAZA_SOURCE__OWN_STAGIN", "SPAAZA_SOURCE__OWN_STAGING"),
    (S + "OWN_STAGING", "SPAAZA_SOURCE__OWN_STAGING"),
    ("SPAAZA_SOURCE__TURN_TIMEOUT__SECONDS", TURN),
    ("SPAAZA_SOURCE__TURN__TIMEOUT", TURN),
    ("SPAAZA_SOURCE_TURN_TIMEOUT", TURN),
    ("SPAAZA_SOURCES__TURN_TIMEOUT", TURN),
    ("SPAZA_SOURCE__TURN_TIMEOUT", TURN),
    ("SPAAZA__TURN_TIMEOUT", TURN),
    ("spaaza_source__turn_timeout", TURN),
    ("Spaaza_Source__Turn_Timeout", TURN),
    ("OTHER__SPAAZA_SOURCE__TURN_TIMEOUT", TURN),
    (S + "TURN_TIMEOUT", TURN),
    (V + "TURN_TIMEOUT", TURN),
    ("SPAAZA_SOURCE__PRIVACY", "privacy is a setting of sources.spaaza"),
    ("SPAAZA_SOURCE__FOO", "docs/settings.md"),
]

OF_ALL = "spaaza_source.turn_timeout"
#: Keys of `config.toml` that nobody reads.
KEYS = [
    ("[sources.spaaza]\nprivcy = 'x'", "sources.spaaza.privcy", "sources.spaaza.privacy"),
    ("[sources.spaaza]\nprimary_key = 'x'", "sources.spaaza.primary_key", "apply_hints"),
    ("[sources.spaaza]\nPrivacy = 'x'", "sources.spaaza.Privacy", "sources.spaaza.privacy"),
    ("[sources.spaza]\nprivacy = 'x'", "sources.spaza.privacy", "sources.spaaza.privacy"),
    ("[sources.Spaaza]\nprivacy = 'x'", "sources.Spaaza.privacy", "sources.spaaza.privacy"),
    ("[Sources.spaaza]\nprivacy = 'x'", "Sources.spaaza.privacy", "sources.spaaza.privacy"),
    ("[source.spaaza]\nprivacy = 'x'", "source.spaaza.privacy", "sources.spaaza.privacy"),
    ("[spaaza]\nprivacy = 'x'", "spaaza.privacy", "sources.spaaza.privacy"),
    ("[sources.spaaza_source]\nlag = 1", "sources.spaaza_source.lag", "sources.spaaza.lag"),
    ("[sources]\nspaaza = 'x'", "sources.spaaza", "docs/settings.md"),
    ("[sources]\nprivcy = 'x'", "sources.privcy", "sources.privacy"),
    (
        "[sources.spaaza.users]\nprivacy = 'x'",
        "sources.spaaza.users.privacy",
        "sources.spaaza.privacy",
    ),
    (
        "[sources.spaaza.chain_1743]\nbase_ur = 'x'",
        "sources.spaaza.chain_1743.base_ur",
        "sources.spaaza.chain_1743.base_url",
    ),
    (
        "[sources.spaaza.credential]\naccess_token_id = 'x'",
        "sources.spaaza.credential.access_token_id",
        "sources.spaaza.credentials.access_token_id",
    ),
    ("[sources.spaaza]\ncleanup = true", "sources.spaaza.cleanup", "sources.voucherify"),
    ("[spaaza_source]\nturn_timout = 5", "spaaza_source.turn_timout", OF_ALL),
    ("[spaaza_source]\nTurn_Timeout = 5", "spaaza_source.Turn_Timeout", OF_ALL),
    ("[spaaza_source.turn_timeout]\nseconds = 5", "spaaza_source.turn_timeout.seconds", OF_ALL),
    ("[Spaaza_source]\nturn_timeout = 5", "Spaaza_source.turn_timeout", OF_ALL),
    ("[spaaza_sources]\nturn_timeout = 5", "spaaza_sources.turn_timeout", OF_ALL),
    ("[spaaza]\nturn_timeout = 5", "spaaza.turn_timeout", OF_ALL),
    ("[other.spaaza_source]\nturn_timeout = 5", "other.spaaza_source.turn_timeout", OF_ALL),
    ("[sources.spaaza]\nturn_timeout = 5", "sources.spaaza.turn_timeout", OF_ALL),
    ("[spaaza_source]\nwindow = 'x'", "spaaza_source.window", "a setting of sources.spaaza"),
    ("[spaaza_source]\nown_stage = false", "spaaza_source.own_stage", "spaaza_source.own_staging"),
    ("spaaza_source = 5", "spaaza_source", "docs/settings.md"),
]
#: The same of `secrets.toml`.
SECRETS = [
    (
        "[sources.spaaza.credentials]\nacces_token_id = 'canary'",
        "sources.spaaza.credentials.acces_token_id",
        "sources.spaaza.credentials.access_token_id",
    ),
    (
        "[sources.spaaza]\nprivacy_secrets = 'canary canary canary'",
        "sources.spaaza.privacy_secrets",
        "sources.spaaza.privacy_secret",
    ),
    (
        "[sources.spaaza.credentials]\napp_token = 'canary'",
        "sources.spaaza.credentials.app_token",
        "sources.spaaza.credentials.",
    ),
]

ROWS = [
    *(
        Wrong(
            name,
            name,
            hint,
            ("load", "--vendor", "voucherify" if "VOUCHER" in name else "spaaza"),
            environment={name: "canary"},
        )
        for name, hint in VARIABLES
    ),
    *(Wrong(typed, typed, hint, files={"config.toml": text}) for text, typed, hint in KEYS),
    *(Wrong(typed, typed, hint, files={"secrets.toml": text}) for text, typed, hint in SECRETS),
]

#: Keys that are right, or that are none of ours: none of them is an error.
RIGHT: list[dict[str, Any]] = [
    {"environment": {S + "LAG": "60", "SOURCES__LAG": "60", "SOURCES__SPAAZA__SPAAZA__LAG": "60"}},
    {"environment": {S + "CHAIN_1743__LAG": "60", "SOURCES__CHAIN_1743__LAG": "60"}},
    {"environment": {S + "EXTRACT__WORKERS": "2", S + "DATA_WRITER__FILE_MAX_ITEMS": "9"}},
    {"environment": {S + "SCHEMA__NAMING": "direct", "SOURCES__SCHEMA__NAMING": "direct"}},
    {"environment": {"SOURCES__GITHUB__TOKEN": "x", "SOURCES__API_KEY": "x"}},
    {"environment": {"SOURCES__SPAAZA_EXTRA__API_KEY": "x", "SPAAZA_PRIVACY": "x"}},
    {"environment": {"OTHER__SOURCES__SPAAZA__LAG": "60", "SPAAZA__LOAD__WORKERS": "2"}},
    {"environment": {"SOURCES__CREDENTIALS__TOKEN": "x", V + "PRIVCY": "of the other vendor"}},
    {"environment": {TURN: "60", "TURN_TIMEOUT": "60", "OTHER__TURN_TIMEOUT": "60"}},
    {"environment": {"SPAAZA_SOURCE__OWN_STAGING": "false", "OWN_STAGING": "false"}},
    # A pipeline may have that name.
    {"environment": {"SPAAZA_SOURCE__LOAD__WORKERS": "2", "SPAAZA_SOURCE__SOURCES__LAG": "60"}},
    {
        "files": {
            "config.toml": "[spaaza_source]\nturn_timeout = 60\n[spaaza_source.load]\nworkers = 2"
        }
    },
    {"files": {"config.toml": "[sources.github]\nprivcy = 1\n[sources.github.spaaza]\nx = 1"}},
    {"files": {"config.toml": "[sources.spaaza.time_columns]\nusers = 'created'"}},
    {"files": {"config.toml": "[sources.spaaza.privacy.users]\nemail = 'drop'"}},
    {"files": {"config.toml": "[other.sources.spaaza]\nlag = 60\n[spaaza.load]\nworkers = 1"}},
]

#: Values that are wrong wherever they come from: the setting, its text, what is said, the advice.
VALUES = [
    *(
        (share, value, f"'{told}' is not a number from 0 to 1", "0.2 is 20 %")
        for share in ("max_deleted_share", "max_rejected_share")
        for value, told in (("20", "20.0"), ("5", "5.0"), ("-0.1", "-0.1"), ("nan", "nan"))
    ),
    *(
        (number, value, f"'{value}' is not a number", "docs/settings.md")
        for number in ("max_deleted_share", "lag", "poll_interval", "snapshot_every")
        for value in ("0,2", "a lot")
    ),
    ("max_deleted_share", "inf", "'inf' is not a number from 0 to 1", "0.2 is 20 %"),
    ("lag", "-1", "'-1.0' is not a number from 0 to", "docs/settings.md"),
    ("lag", "inf", "'inf' is not a number from 0 to", "docs/settings.md"),
    ("lag", "1e15", "'1000000000000000.0' is not a number from 0 to", "docs/settings.md"),
    ("smallest_window", "59", "'59.0' is not a number from 60 to", "docs/settings.md"),
    ("filter_margin", "0", "'0.0' is not a number from 1 to", "docs/settings.md"),
    ("filter_margin", "1e9", "'1000000000.0' is not a number from 1 to", "docs/settings.md"),
    ("snapshot_every", "1e12", "'1000000000000.0' is not a number from 0 to", "docs/settings.md"),
    ("snapshot_every", "nan", "'nan' is not a number from 0 to", "docs/settings.md"),
    ("poll_interval", "-5", "'-5.0' is not a number from 0 to", "docs/settings.md"),
    ("max_poll_interval", "1", "'1.0' is not a number from 15 to", "docs/settings.md"),
    ("export_timeout", "1e300", "'1e+300' is not a number from 0 to", "docs/settings.md"),
    ("max_concurrent_exports", "0", "'0' is not a whole number from 1 to", "docs/settings.md"),
    ("max_concurrent_exports", "2.5", "'2.5' is not a whole number", "docs/settings.md"),
    ("max_age", "-1", "'-1.0' is not a number from 0 to", "docs/settings.md"),
    ("start_margin", "nan", "'nan' is not a number from 0 to", "docs/settings.md"),
    ("stagger", "-1", "'-1.0' is not a number from 0 to", "docs/settings.md"),
    ("window", "year", "'year' is not among month, week, day", "Choose one of these"),
    ("window", "weeks", "'weeks' is not among month, week, day", "Did you mean 'week'?"),
    ("export_format", "xml", "'xml' is not among csv, json", "Choose one of these"),
    ("on_bad_row", "rejekt", "'rejekt' is not among reject, fail", "Did you mean 'reject'?"),
    ("on_drift", "warn", "'warn' is not among tell, stop", "Choose one of these"),
    ("deletes", "softly", "'softly' is not among remove, soft", "Did you mean 'soft'?"),
    ("deletes", '{"user": "soft"}', "'user' is not among", "Did you mean 'users'?"),
    ("expectations", "users", "it is not a dict whose keys are tables", "docs/settings.md"),
    ("expectations", '{"user": {}}', "there is no table 'user'", "users"),
    ("expectations", '{"users": {"rows": 5}}', "there is no rule 'rows'", "min_rows"),
    ("expectations", '{"users": {"min_rows": "5"}}', "'5' is not a whole number", "docs/settings"),
    ("expectations", '{"users": {"action": "tell"}}', "'tell' is not among stop, warn", "Choose"),
    ("column_types", "txt", "'txt' is not among inferred, text", "Choose one of these"),
    ("accept_deletes", "ja", "'ja' is not true or false", "docs/settings.md"),
    ("only_finished", "maybe", "'maybe' is not true or false", "docs/settings.md"),
    ("chain_id", "seventeen", "'seventeen' is not a whole number", "docs/settings.md"),
    ("base_url", "services.example", "'services.example' is not a web address", "https://"),
    ("start_date", "soon", "'soon' is not a date", "2026-05-26"),
    ("end_date", "soon", "'soon' is not a date", "2026-05-26"),
    ("segments", "users", "'users' is not a dict, as JSON", "docs/settings.md"),
    ("segments", '{"user": []}', "there is no index 'user'", "users"),
    ("segments", '{"users": 5}', "a segment is a saved segment's id", "docs/settings.md"),
    (
        "segments",
        '{"users": {"rules": [], "jion": "any"}}',
        "'jion' is not among entity, index, join",
        "'join'",
    ),
    ("segments", '{"users": {"rules": [], "join": "some"}}', "'some' is not among all, any", "one"),
    (
        "segments",
        '{"users": {"rules": [], "index": "vouchers"}}',
        "its index is 'vouchers', where it must be 'users'",
        "Leave index out",
    ),
    (
        "segments",
        '{"users": {"rules": [], "chain_id": 5}}',
        "its chain_id is '5', where it must be 1743",
        "Leave chain_id out",
    ),
    (
        "segments",
        '{"users": [{"field": "country"}]}',
        "'field' is not among field_name",
        "Did you mean",
    ),
    (
        "segments",
        '{"users": [{"field_name": "a", "time_factor": "days"}]}',
        "'days' is not among minute, hour, day",
        "'day'",
    ),
    (
        "segments",
        '{"users": [{"field_name": "a", "time_amount": "7"}]}',
        "'7' is not a whole number",
        "docs/settings.md",
    ),
    ("time_columns", '{"user": "x"}', "there is no index 'user'", "users"),
    ("privacy", "pseudonymize", "'pseudonymize' is neither", "pseudonymise"),
    ("privacy", '{"users": "hash"}', "'hash', is neither", "pseudonymise"),
    ("privacy", '{"users": {"email": "hide"}}', "the unknown action 'hide'", "hash"),
    ("privacy", '{"user": "pseudonymise"}', "user", "users"),
    ("column_types", '{"user": "text"}', "there is no table 'user'", "users"),
    ("column_types", '{"users": {"points": "number"}}', "there is no type 'number'", "decimal"),
    ("keep_files", " ", "keep_files: is empty", "leave it out"),
]

#: Options of the command that are wrong.
OPTIONS = [
    (("--dataset", 'a"b; drop'), 'a"b; drop', "a_b_drop"),
    (("--dataset", ""), "''", "letters, digits and underscores"),
    (("--dataset", "x" * 43), "x" * 42, "at most 42"),
    (("--dataset", "my-data"), "my-data", "my_data"),
    (("--dataset", "1abc"), "1abc", "_1abc"),
    (("--dataset", "spaaza"), "'spaaza'", "spaaza_data"),
    (("--start-date", "2026-02-01", "--end-date", "2026-01-01"), "2026-02-01", "start_date"),
    (("--start-date", "01/02/2026"), "01/02/2026", "2026-05-26"),
    (("--end-date", "soon"), "end_date", "2026-05-26"),
    (("user",), "'user'", "users"),
    (("--from-files", "."), ".", "keep_files"),
]
