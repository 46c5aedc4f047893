"""The SIP core: sans-I/O, standard library only.

Frames, commands and ``now`` go in; frames, events and the time of the next timer come out. Nothing here reads a clock,
draws a random number (but for ``ids``), opens a socket, logs, or knows Django. ``core.UserAgentCore`` is the way in.
"""
