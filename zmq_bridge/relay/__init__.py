"""What the bridge does between its sockets and its books: the recorder of ticks, and the desk of orders and fills."""
