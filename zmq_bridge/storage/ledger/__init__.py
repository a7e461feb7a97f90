"""The ledger's rows: journal, requests, settlement, reconciliation, statements."""
