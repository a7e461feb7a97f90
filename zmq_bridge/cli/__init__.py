"""The command line: click commands and the composition root that wires everything."""
