"""One model of both vendors: views with settled names and types, and the liability book."""

from spaaza_source.model.book import Book, plan_book, write_book
from spaaza_source.model.dataset import Dataset, can_model, open_dataset
from spaaza_source.model.invariants import Finding, check_invariants
from spaaza_source.model.months import GRACE_DAYS, NONE, read_zone
from spaaza_source.model.views import View, make_views, plan_views, statements

__all__ = [
    "GRACE_DAYS",
    "NONE",
    "Book",
    "Dataset",
    "Finding",
    "View",
    "can_model",
    "check_invariants",
    "make_views",
    "open_dataset",
    "plan_book",
    "plan_views",
    "read_zone",
    "statements",
    "write_book",
]
