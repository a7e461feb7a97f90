"""Cards of the signals page."""
