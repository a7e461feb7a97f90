"""Live state in Redis: what is true now, for people, dashboards and the risk gate. Nothing here is the truth of record.

`keys` names every key, `writer` and `tick_writer` write them, `reader` reads them typed. Losing all of it loses nothing
of value: the next tick, beat and snapshot write it again.
"""
