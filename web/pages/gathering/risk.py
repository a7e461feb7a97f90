"""Cards of the risk page."""
