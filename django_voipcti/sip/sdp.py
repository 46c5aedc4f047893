"""Session descriptions of a party that has no media (RFC 8866, RFC 3264): just enough to call a phone and answer it.

Phones take an inactive description with a black-hole address; they were seen to take no description at all as well.
"""

from __future__ import annotations

from itertools import count

__all__ = ["BlackHole"]

#: Profiles whose media can be answered without keys or candidates.
_PLAIN = frozenset({"RTP/AVP", "RTP/AVPF"})


class BlackHole:
    """The descriptions of one session; each one sent has the next version (RFC 3264, 8)."""

    def __init__(self) -> None:
        self._versions = count(1)

    def offer(self) -> bytes:
        """Offer one inactive audio stream with G.711."""
        return self._describe(["m=audio 9 RTP/AVP 0 8", "a=rtpmap:0 PCMU/8000", "a=rtpmap:8 PCMA/8000", "a=inactive"])

    def answer(self, offer: bytes) -> bytes | None:
        """Answer an offer: the same streams, inactive. ``None`` if none of them can be accepted."""
        lines: list[str] = []
        accepted = False
        formats: set[str] = set()
        for line in offer.decode("utf-8", "replace").splitlines():
            if line.startswith("m="):
                media, _, rest = line[2:].partition(" ")
                port, _, rest = rest.partition(" ")
                profile, _, listed = rest.partition(" ")
                usable = profile in _PLAIN and port != "0"
                accepted = accepted or usable
                formats = set(listed.split()) if usable else set()
                lines.append(f"m={media} {9 if usable else 0} {profile} {listed}")
                if usable:
                    lines.append("a=inactive")
            elif line.startswith("a=rtpmap:") and line[9:].partition(" ")[0] in formats:
                lines.append(line)
        return self._describe(lines) if accepted else None

    def _describe(self, media: list[str]) -> bytes:
        head = ["v=0", f"o=- 1 {next(self._versions)} IN IP4 127.0.0.1", "s=-", "c=IN IP4 0.0.0.0", "t=0 0"]
        return "\r\n".join([*head, *media, ""]).encode()
