"""A text that advises a setting or a command is followed by a test, which ends in a sound load."""

from __future__ import annotations

from tests.hints.advice import find_advice, find_claims

#: What no test can follow, and why.
EXEMPT: dict[tuple[str, str], str] = {}


def test_each_advice_is_followed() -> None:
    known = {*find_claims(), *EXEMPT}
    unfollowed = [
        (each.module, each.text)
        for each in find_advice()
        if not any(
            each.module == module and each.text.startswith(beginning) for module, beginning in known
        )
    ]
    assert unfollowed == []


def test_each_claim_is_about_one_advice() -> None:
    given = find_advice()
    wrong = [
        (module, beginning, found)
        for module, beginning in {*find_claims(), *EXEMPT}
        if len(
            found := {
                each.text
                for each in given
                if each.module == module and each.text.startswith(beginning)
            }
        )
        != 1
    ]
    assert wrong == []
