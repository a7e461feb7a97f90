"""Pure pooled-account ledger: units, NAV, fees, double entry. Standard library only."""
