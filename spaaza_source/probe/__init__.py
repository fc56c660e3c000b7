"""Finds out by a few small tasks what no document of Spaaza says."""

from spaaza_source.probe.answers import Answers, describe_answers, settings_of
from spaaza_source.probe.run import answer_questions, connect
from spaaza_source.probe.tasks import MOST_SEARCHES, MOST_TASKS, describe_tasks

__all__ = [
    "MOST_SEARCHES",
    "MOST_TASKS",
    "Answers",
    "answer_questions",
    "connect",
    "describe_answers",
    "describe_tasks",
    "settings_of",
]
