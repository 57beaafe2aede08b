"""The pages: server-rendered, without scripts, calling the same actions as the API."""

from litestar.types import ControllerRouterHandler

from tracker.web import assignments, directives, feeds, files, mailbox, overdue, start, tasks, work

routers: list[ControllerRouterHandler] = [
    files.static_file,
    files.favicon,
    start.home,
    start.sign_in_page,
    start.sign_in,
    start.sign_out,
    start.step_clock,
    start.help_page,
    start.notifications,
    work.work,
    work.todo,
    tasks.task,
    assignments.assignment,
    assignments.acknowledge,
    assignments.judge,
    assignments.decide_extension,
    assignments.report_form,
    assignments.send_report,
    assignments.progress_form,
    assignments.send_progress,
    assignments.extension_form,
    assignments.ask_extension,
    directives.directives,
    directives.directive,
    overdue.overdue,
    overdue.overdue_xlsx,
    overdue.overdue_csv,
    overdue.overdue_json,
    feeds.feeds,
    feeds.make,
    feeds.revoke,
    mailbox.letters,
    mailbox.letter_of,
    mailbox.letter,
    mailbox.letter_html,
    mailbox.letter_source,
    mailbox.letter_file,
]
"""Everything a browser may ask for."""
