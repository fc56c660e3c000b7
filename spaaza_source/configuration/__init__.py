"""dlt's configuration as the sources read it: a setting that no source reads is an error."""

from spaaza_source.configuration.config_errors import missing_setting, wrong_value
from spaaza_source.configuration.given_keys import find_override
from spaaza_source.configuration.vendor_profile import (
    FOUND,
    PROFILE,
    SECTION,
    is_of_host,
    profile_path,
    read_profile,
    without_profile,
    write_profile,
)
from spaaza_source.configuration.vendor_source import (
    NUMBERED,
    is_argument,
    vendor_source,
    with_settings,
)

__all__ = [
    "FOUND",
    "NUMBERED",
    "PROFILE",
    "SECTION",
    "find_override",
    "is_argument",
    "is_of_host",
    "missing_setting",
    "profile_path",
    "read_profile",
    "vendor_source",
    "with_settings",
    "without_profile",
    "write_profile",
    "wrong_value",
]
