"""From the outbox to the other side: claim, decide again, write down that it leaves, send, write down what came of it.

Everything is done in batches. One transaction claims a batch, gathers what is true now, decides, and writes down what
leaves (C13: a STOP that is committed before counts); then the batch is sent, by several connections for each channel,
each of which is given its part at once (`Channel.send_all`); a second transaction writes down what came of it. So a
crash leaves at most one batch of outcomes unknown, and those are asked about, never simply sent again (C18). A batch is
an eighth of what is due, so where little is due messages go one at a time, and of any channel at most `batch`
(channels.yaml).

`dispatcher` the loop · `batching` who goes together · `companions` who goes along in one message · `preparing` before ·
`sending` · `settling` after · `recalling` what was stopped · `leases` how long others hold what they took · `rows` what
the ledgers keep · `changes` of an intent.
"""

from engine.dispatching.dispatcher import Dispatcher, Unfinished

__all__ = ["Dispatcher", "Unfinished"]
