"""The bridge: the long-running process that holds the provider connections of lines and carries out their commands.

``supervisor`` starts and stops named tasks; ``leases`` shares the lines out among processes; ``session`` keeps one line
going; ``connection`` drives a SIP core over a WebSocket, ``hub`` lets lines share one; ``translate`` (pure) turns
dialogs into call updates; ``writer`` hands them to the journal; ``pump`` carries out commands, ``nudges`` make it fast;
``status`` tells how lines stand; ``backoff`` and ``failures`` say when to try again and what to tell people meanwhile.
"""
