"""Cards of the trading page."""
