"""SIP over WebSocket as far as bytes travel: opening the socket, explaining what fails, and testing a connection.

The one place that opens such a socket. The bridge keeps it open and serves lines over it; a provider's login and
connection test use it for seconds. Knows no model and no provider; what the bytes mean is the business of ``sip``.
"""
