"""What `zmq-bridge install-ea` works with; nothing here prints, and only `placing` writes.

    sources (ours) + wheel (libzmq for Windows, pinned) -> placing -> a terminal's data directory
"""
