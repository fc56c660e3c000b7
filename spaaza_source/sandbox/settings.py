"""Settings of a sandbox, and what is the same in each: its first chain and its credentials."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from spaaza_source.sandbox.voucherify.objects import FIELDS

INDEXES = ("transactions", "users", "vouchers", "wallet-ledger", "products", "product-variants")
OBJECTS = tuple(FIELDS)
"""The objects that Voucherify exports."""

CHAIN_ID = 1743
# These are credentials of a sandbox only, so everyone may read them.
CREDENTIALS = {
    "access_token_id": "0b0e7c1e-5a5d-4f0e-9a54-1743c0ffee00",
    "access_token_secret": "sandbox-access-token-secret",
}
SESSION = {"session_user_id": "1", "session_key": "sandbox-session-key"}
VOUCHERIFY_CREDENTIALS = {"app_id": "sandbox-app-id", "app_token": "sandbox-app-token"}


def credentials_of(chain: int) -> dict[str, str]:
    """The access token of a chain, as the source's `credentials` argument takes it."""
    if chain == CHAIN_ID:
        return dict(CREDENTIALS)
    return {name: f"{value}-{chain}" for name, value in CREDENTIALS.items()}


def real_clock() -> datetime:
    """The time now, in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True)
class SandboxSettings:
    """How a sandbox behaves and which data it has.

    The data depend on `seed`, the row counts, `data_end` and `history_days`; tasks, links and
    relative filters depend on `clock`, and the end of Voucherify's data too (`GeneratedProject`).
    """

    rows: int = 10_000
    """Rows of every index and object that `rows_per_index` and `rows_per_object` do not name."""
    rows_per_index: Mapping[str, int] = field(default_factory=dict)
    rows_per_object: Mapping[str, int] = field(default_factory=dict)
    """Rows of the objects that Voucherify exports, by their names in OBJECTS."""
    seed: int = 7
    chains: int = 1
    """How many chains there are: their ids go on from CHAIN_ID, each has an access token, and the
    same rows but for their `chain_id`. Their tasks share what `side_by_side` limits."""
    port: int = 0
    """0 takes a free port."""
    voucherify_calls: int = 2_000
    """Calls of Voucherify's API that are answered in `voucherify_calls_seconds`; more get 429."""
    voucherify_calls_seconds: int = 60
    queue_seconds: float = 0
    """How long a task stays READY after it is due, and an export of Voucherify SCHEDULED."""
    run_seconds: float = 0
    """How long a task or export runs, at least; a large file may take longer to write."""
    link_seconds: int = 3600
    clock: Callable[[], datetime] = real_clock
    """Returns an aware datetime; the sandbox's only source of time."""
    side_by_side: int | None = None
    """Tasks that run at once, and exports of Voucherify; others wait. None is unlimited."""
    max_export_rows: int | None = None
    """A larger export ends in ERROR, its log saying that it timed out. None is unlimited."""
    data_end: datetime = datetime(2026, 11, 1, tzinfo=UTC)
    history_days: int = 1096
    """Sales, vouchers and wallet entries fill these days before `data_end`."""
    is_live: bool = False
    """Whether rows come, change and go with the clock; see `live`."""
    saved_segments: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """Segments that a task may name by `segment_id`: id to a segment as in a task's trigger."""

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.rows_per_index) - set(INDEXES)):
            raise ValueError(f"rows_per_index names no index of the vendor: {', '.join(unknown)}")
        if unknown := sorted(set(self.rows_per_object) - set(OBJECTS)):
            raise ValueError(f"rows_per_object names no object: {', '.join(unknown)}")
        if min(self.rows, *self.rows_per_index.values(), *self.rows_per_object.values(), 0) < 0:
            raise ValueError("rows must not be negative")
        if self.data_end.tzinfo is None:
            raise ValueError("data_end must have a time zone")
        if self.chains < 1:
            raise ValueError("chains must be at least 1")
        if self.history_days < 1:
            raise ValueError("history_days must be at least 1")
        if self.side_by_side is not None and self.side_by_side < 1:
            raise ValueError("side_by_side must be at least 1")
        if min(self.voucherify_calls, self.voucherify_calls_seconds) < 1:
            raise ValueError("voucherify_calls and voucherify_calls_seconds must be at least 1")

    @property
    def today(self) -> datetime:
        """When the day of the clock began, in UTC."""
        now = self.clock().astimezone(UTC)
        return now.replace(hour=0, minute=0, second=0, microsecond=0)

    @property
    def until_today(self) -> "SandboxSettings":
        """The same, but nothing is sold, made or booked after yesterday.

        So what balances are made of has all happened.
        """
        return replace(self, data_end=min(self.data_end, self.today))

    @property
    def chain_ids(self) -> range:
        """The ids of the chains."""
        return range(CHAIN_ID, CHAIN_ID + self.chains)

    def rows_of(self, index: str) -> int:
        """How many rows an index or an object of Voucherify has."""
        return {**self.rows_per_index, **self.rows_per_object}.get(index, self.rows)
