"""The simulated terminal: the Python twin of the Expert Advisor. It knows the bridge only by the wire (docs/wire.md).

broker process  --ticks, transactions-->  terminal  --PUB--> 5555      one thread, one poll, no busy waiting
                <--OrderSend, history---            <--REQ--> 5557

memory      the file: intents, results, unacknowledged events; what makes a SIGKILL harmless
pump        ticks from the broker to PUB, with flow control;  publisher: the PUB side itself
watch       deals, orders and specifications become events;  values: broker's maps to the wire's values
executor    commands to trade requests and results;  resolver: what became of a command nobody answered
desk        commands through the journal;  bridge: the session;  reports: events, snapshots, beats
    loop        what is due when, and who is asked;  run: start and stop
"""

from zmq_bridge.simulator.terminal.run import Terminal, run_terminal
from zmq_bridge.simulator.terminal.settings import TerminalSettings

__all__ = ["Terminal", "TerminalSettings", "run_terminal"]
