"""Any SIP server that speaks SIP over WebSocket (RFC 7118) and dialog events (RFC 4235): Kamailio, Asterisk, ..."""

from .provider import SipProvider

__all__ = ["SipProvider"]
