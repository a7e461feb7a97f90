"""Ticks at rest: day partitions, COPY, cursors, gaps and their repair, and what is read back of them."""
