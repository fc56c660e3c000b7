"""A text that advises a setting or a command is followed by a test, which ends in a sound load."""

from __future__ import annotations

from tests.hints.advice import find_advice, find_claims

CAUSE = "a part of what was wrong"
TOLD = "it tells what was done by a setting"
#: What is no advice, or ends in no load, and why.
EXEMPT = {
    ("dlt_hooks/contract.py", "\n# Runs: what"): "a table of names",
    ("dlt_hooks/contract.py", "dlt {version} was not"): "no test may install another dlt",
    ("warehouse.py", "Update it: pip install"): "no test may install another DuckDB",
    ("backfill/part_loader.py", "Load this part again"): "the same call once more",
    ("backfill/parts.py", "{table}: rows from before"): TOLD,
    ("cli/pipeline.py", "another destination"): CAUSE,
    ("dlt_hooks/old_rows.py", "{rows} rows from before"): TOLD,
    ("exports/at_hand/archive.py", "Remove the folder"): "by hand, and the load is run again",
    ("loading/extract.py", "{table}: the archived files"): TOLD,
    ("model/book.py", "Run it more often"): "it ends in a book: tests/model/test_book.py",
    ("retention/settings.py", "column_types makes text"): CAUSE,
    ("retention/settings.py", "privacy hides its times"): CAUSE,
    ("cli/output/tables.py", "\n{len(jobs) - most} older jobs"): "it shows a list, no load",
    ("reading/column_hints.py", "column_types says"): CAUSE,
    ("loading/history.py", "filter, fields or export_format"): CAUSE,
    ("exports/at_hand/given_files.py", "{path.name} was written at"): "a warning of what was given",
    ("spaaza/source.py", "time_columns of"): "where something was wrong",
    ("spaaza/source.py", "adopt_tasks of"): "where something was wrong",
    ("configuration/vendor_profile.py", "Written by"): "the first line of the file that it writes",
    ("tabular/column_types.py", "Use one of"): "told to who makes a type in Python, by no setting",
    ("tabular/source_file.py", "Leave it unchanged"): "it is about the file that is read",
}


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
