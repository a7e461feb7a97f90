"""Cards of the community page."""
