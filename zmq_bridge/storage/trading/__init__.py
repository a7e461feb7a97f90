"""What terminals report: events, deals, positions, orders, snapshots, and the views read from them."""
