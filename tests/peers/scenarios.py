"""What callers and callees outside do, as sipp scenarios; the shared SIP text stands here once.

Callers (a foreign domain, no authentication): ``call`` talks for a while and hangs up, ``wait`` leaves hanging up to
the other side, ``ended`` to the server, ``held`` is held and resumed by the other side, ``cancel`` gives up while it
rings, ``hold`` holds and resumes, ``refused`` expects a refusal.
Callees (behind the trunk): ``answer``, ``busy``, ``decline``; ``cancelled`` rings until the caller gives up.
"""

__all__ = ["render"]

_FROM = '"Jane Caller" <sip:+442071234567@trunk.test>;tag=[pid]T[call_number]'
_SDP = """v=0
o=jane {version} {version} IN IP4 [local_ip]
s=-
c=IN IP4 [media_ip]
t=0 0
m=audio [media_port] RTP/AVP 0
a=rtpmap:0 PCMU/8000
a={direction}"""


def render(name: str) -> str:
    """The XML of one scenario."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<scenario name="{name}">\n{_SCENARIOS[name]}</scenario>\n'


def _send(lines: list[str], *, retransmit: bool = True) -> str:
    attribute = ' retrans="500"' if retransmit else ""
    text = "\n".join(lines)
    return f"<send{attribute}><![CDATA[\n{text}\n]]></send>\n"


def _receive(what: str, *, optional: bool = False, routes: bool = False) -> str:
    kind = "response" if what.isdigit() else "request"
    flags = (' optional="true"' if optional else "") + (' rrs="true"' if routes else "")
    return f'<recv {kind}="{what}"{flags}/>\n'


def _body(sdp: str) -> list[str]:
    if not sdp:
        return ["Content-Length: 0", ""]
    return ["Content-Type: application/sdp", "Content-Length: [len]", "", sdp]


def _request(
    method: str, uri: str, number: int, *, in_dialog: bool, sdp: str = "", branch: str = "[branch]"
) -> list[str]:
    to = "To: <sip:[service]@pbx.test>" + ("[peer_tag_param]" if in_dialog else "")
    lines = [f"{method} {uri} SIP/2.0", f"Via: SIP/2.0/[transport] [local_ip]:[local_port];branch={branch}"]
    if in_dialog:
        lines.append("[routes]")
    lines += [f"From: {_FROM}", to, "Call-ID: [call_id]", f"CSeq: {number} {method}", "Max-Forwards: 70"]
    if method == "INVITE":
        lines += ["Contact: <sip:+442071234567@[local_ip]:[local_port]>", "Allow: INVITE,ACK,BYE,CANCEL,OPTIONS"]
    return lines + _body(sdp)


def _response(status: str, *, sdp: str = "", to_tag: bool = True, contact: bool = True) -> list[str]:
    to = "[last_To:]" + (";tag=[pid]S[call_number]" if to_tag else "")
    lines = [
        f"SIP/2.0 {status}",
        "[last_Via:]",
        "[last_Record-Route:]",
        "[last_From:]",
        to,
        "[last_Call-ID:]",
        "[last_CSeq:]",
    ]
    if contact:
        lines.append("Contact: <sip:+442079999999@[local_ip]:[local_port]>")
    return lines + _body(sdp)


def _sdp(version: int, direction: str = "sendrecv") -> str:
    return _SDP.format(version=version, direction=direction)


_PAUSE = "<pause/>\n"
# Kamailio's dlg.end_dlg forgets its second BYE if the first is answered before that is on its way: only on loopback.
_MOMENT = '<pause milliseconds="50"/>\n'
_URI = "sip:[service]@pbx.test"
_INVITE = _send(_request("INVITE", _URI, 1, in_dialog=False, sdp=_sdp(1)))
_PROGRESS = "".join(_receive(code, optional=True) for code in ("100", "180", "183"))
_ANSWERED = _INVITE + _PROGRESS + _receive("200", routes=True)
_OK = _send(_response("200 OK", to_tag=False, contact=False), retransmit=False)


def _ack(number: int) -> str:
    return _send(_request("ACK", "[next_url]", number, in_dialog=True), retransmit=False)


def _bye(number: int) -> str:
    return _send(_request("BYE", "[next_url]", number, in_dialog=True)) + _receive("200")


def _reinvite(number: int, direction: str) -> str:
    invite = _request("INVITE", "[next_url]", number, in_dialog=True, sdp=_sdp(number, direction))
    return _send(invite) + _receive("100", optional=True) + _receive("200") + _ack(number)


def _mark(name: str) -> str:
    """A file in sipp's folder says that the scenario came this far."""
    return f'<nop><action><exec command="touch {name}"/></action></nop>\n'


# The other side holds or resumes; its re-INVITE is answered with the same session.
_REINVITED = _receive("INVITE") + _send(_response("200 OK", sdp=_sdp(1), to_tag=False)) + _receive("ACK")


def _ack_of_failure(step: int) -> str:
    """The ACK of a refusal belongs to the INVITE's transaction, hence to the branch of ``step`` messages ago."""
    lines = _request("ACK", _URI, 1, in_dialog=False, branch=f"[branch-{step}]")
    return _send(["[last_To:]" if line.startswith("To:") else line for line in lines], retransmit=False)


_CANCEL = (
    _INVITE
    + _receive("100", optional=True)
    + _receive("180")
    + _PAUSE
    + _send(_request("CANCEL", _URI, 1, in_dialog=False, branch="[branch-4]"))
    + _receive("200")
    + _receive("487")
    + _ack_of_failure(7)
)


def _refused(code: str) -> str:
    return _INVITE + _PROGRESS + _receive(code) + _ack_of_failure(5)


def _callee_rings() -> str:
    ring = _receive("INVITE", routes=True) + _send(_response("100 Trying", contact=False), retransmit=False)
    return ring + _send(_response("180 Ringing"), retransmit=False)


def _callee(final: str) -> str:
    return _callee_rings() + _PAUSE + final


# The caller gives up. CANCEL has the branch and the number of the INVITE, to which the 487 belongs.
_TERMINATED = [
    "CSeq: [last_cseq_number] INVITE" if line == "[last_CSeq:]" else line
    for line in _response("487 Request Terminated", contact=False)
]
_CANCELLED = (
    _receive("CANCEL")
    + _send(_response("200 OK", contact=False), retransmit=False)
    + _send(_TERMINATED)
    + _receive("ACK")
)


_SCENARIOS = {
    "call": _ANSWERED + _ack(1) + _PAUSE + _bye(2),
    "held": _ANSWERED + _ack(1) + _REINVITED + _mark("held") + _REINVITED + _mark("resumed") + _receive("BYE") + _OK,
    "wait": _ANSWERED + _ack(1) + _receive("BYE") + _OK,
    "ended": _ANSWERED + _ack(1) + _receive("BYE") + _MOMENT + _OK,
    "cancel": _CANCEL,
    "hold": _ANSWERED
    + _ack(1)
    + _PAUSE
    + _reinvite(2, "sendonly")
    + _PAUSE
    + _reinvite(3, "sendrecv")
    + _PAUSE
    + _bye(4),
    "refused-486": _refused("486"),
    "refused-603": _refused("603"),
    "refused-404": _refused("404"),
    "refused-408": _refused("408"),
    "refused-487": _refused("487"),
    "answer": _callee(_send(_response("200 OK", sdp=_sdp(1))) + _receive("ACK") + _receive("BYE") + _OK),
    "cancelled": _callee_rings() + _CANCELLED,
    "busy": _callee(_send(_response("486 Busy Here", contact=False)) + _receive("ACK")),
    "decline": _callee(_send(_response("603 Decline", contact=False)) + _receive("ACK")),
}
