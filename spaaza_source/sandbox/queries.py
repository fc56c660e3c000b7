"""The query of a request, read strictly; which parameters there are, the caller says."""

from spaaza_source.sandbox.calls import Call
from spaaza_source.sandbox.spaaza.refusals import invalid


def allow_query(call: Call, *names: str) -> None:
    """Refuses a parameter with any other name."""
    if unknown := [name for name in call.query if name not in names]:
        raise invalid(unknown[0], "unknown parameter")


def whole_number(call: Call, name: str, default: int) -> int:
    """A parameter that is a number from 0 on; raises Refused for anything else."""
    text = call.query.get(name, str(default))
    if not (text.isascii() and text.isdigit()):
        raise invalid(name, "must be a whole number")
    return int(text)
