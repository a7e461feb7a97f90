"""`python -m zmq_bridge.cli`: how the supervisor starts its children."""

from zmq_bridge.cli import main

main()
