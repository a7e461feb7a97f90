"""Sockets: libzmq contexts, authentication, the tick proxy, the ROUTER servers. No database, no Redis, no domain."""
