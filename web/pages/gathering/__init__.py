"""What each card asks the API for, one module a page."""
