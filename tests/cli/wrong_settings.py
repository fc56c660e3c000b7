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
]

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
    {"files": {"config.toml": "[sources.github]\nprivcy = 1\n[sources.github.spaaza]\nx = 1"}},
    {"files": {"config.toml": "[sources.spaaza.time_columns]\nusers = 'created'"}},
    {"files": {"config.toml": "[sources.spaaza.privacy.users]\nemail = 'drop'"}},
    {"files": {"config.toml": "[other.sources.spaaza]\nlag = 60\n[spaaza.load]\nworkers = 1"}},
]
