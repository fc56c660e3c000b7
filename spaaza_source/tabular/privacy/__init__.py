"""Privacy: policies that hash or drop personal columns, and what cells and names look personal."""

from spaaza_source.tabular.privacy.personal_data import CellLook
from spaaza_source.tabular.privacy.policy import Policy
from spaaza_source.tabular.privacy.settings import Policies

__all__ = ["CellLook", "Policies", "Policy"]
