"""Batches: what a call does when a part of it cannot be done, and what became of each part."""

from enum import StrEnum


class BatchMode(StrEnum):
    ALL_OR_NOTHING = "ALL_OR_NOTHING"
    BEST_EFFORT = "BEST_EFFORT"


class MemberAddStatus(StrEnum):
    """What became of one of the people who were to be added."""

    ADDED = "ADDED"
    ALREADY_MEMBER = "ALREADY_MEMBER"
    FAILED = "FAILED"
