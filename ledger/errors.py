"""Every exception of the ledger lives here. A refusal that is part of the trade is a value, see `ledger.refusals`.

LedgerError
|-- InvalidAmount      a number that can't be money: NaN, infinite, too large, too fine
|-- UnknownDeal        a deal type or entry that the posting table does not know
|-- UnbalancedEntries  a transaction whose entries don't sum to zero in each currency
|-- InvalidTerms       fee terms or a price band that contradict themselves
|-- InvalidFlows       a series of values or flows that no return can be computed from
`-- ImpossibleHistory  transactions that can't have happened: a lot below zero, a falling high-water mark
"""


class LedgerError(Exception):
    """Base of everything that the ledger raises."""


class InvalidAmount(LedgerError, ValueError):
    """A value that is no amount of money or units."""


class UnknownDeal(LedgerError, ValueError):
    """A deal whose type or entry the posting table does not know: posting stops here."""


class UnbalancedEntries(LedgerError, ValueError):
    """Entries that don't sum to zero in every currency."""


class InvalidTerms(LedgerError, ValueError):
    """Fee terms or a price band that contradict themselves."""


class InvalidFlows(LedgerError, ValueError):
    """A series of values or cash flows from which no return follows."""


class ImpossibleHistory(LedgerError, ValueError):
    """Transactions whose sum is a state that can't exist."""
