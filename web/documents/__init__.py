"""A member's statement as a file: CSV for a spreadsheet, PDF for a person. What it says comes from the ledger alone."""
