"""The identity of a deadline in every calendar: feeds and mailed invitations name it alike.

Used by tracker/feeds (subscriptions) and tracker/mail (METHOD:REQUEST and METHOD:CANCEL), so that a client
that meets the same deadline by both ways knows it is one.
"""

from uuid import UUID


def entry_uid(assignment_uid: UUID, host: str) -> str:
    """The UID of one assignment's deadline; it never changes while the assignment lives (RFC 5545 §3.8.4.7).

    >>> entry_uid(UUID("0f8fad5b-d9cb-469f-a165-70867728950e"), "dondoc.example")
    'task-0f8fad5b-d9cb-469f-a165-70867728950e@dondoc.example'
    """
    return f"task-{assignment_uid}@{host}"


def parent_uid(task_uid: UUID, host: str) -> str:
    """The UID that the deadlines of one task's agencies share as their parent (RELATED-TO).

    >>> parent_uid(UUID("0f8fad5b-d9cb-469f-a165-70867728950e"), "dondoc.example")
    'whole-0f8fad5b-d9cb-469f-a165-70867728950e@dondoc.example'
    """
    return f"whole-{task_uid}@{host}"


def session_uid(inspection_uid: UUID, host: str) -> str:
    """The UID of an inspection session, the same in feeds and in every invitation to it.

    >>> session_uid(UUID("0f8fad5b-d9cb-469f-a165-70867728950e"), "dondoc.example")
    'session-0f8fad5b-d9cb-469f-a165-70867728950e@dondoc.example'
    """
    return f"session-{inspection_uid}@{host}"
