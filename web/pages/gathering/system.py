"""Cards of the system page."""
