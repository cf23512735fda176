"""What people answer us, and what comes of it.

`listener` hears an answer, wherever it came in: it is understood (`outreach.replies`), `reactions` says what is due,
and all of it is written down as events before anything is said back. `effects` applies these events, live or in a
replay: the thread is kept, issues and tickets get their notes, and where a person is needed `handover` makes the ticket
that holds the whole thread.
"""
