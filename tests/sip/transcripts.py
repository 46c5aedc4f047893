"""Reader of the SIP lab's transcripts: what a real client, real servers and real phones said to each other.

A transcript is a text of frames (``### 7 t=481.0ms << ws text`` and the message, CR taken out) and of notes
(``*** t=490.2ms NOTIFY ... version=2 state=full entity=...`` with one indented line for each dialog).
"""

import ast
import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "fixtures" / "sip-lab"
PATHS = sorted(FOLDER.glob("*.txt"))

_BLOCK = re.compile(r"^(?=### \d+ t=|\*\*\* t=)", re.MULTILINE)
_FRAME = re.compile(r"### (\d+) t=([\d.]+)ms (>>|<<) ws[^\n]*\n")
_LENGTH = re.compile(r"^(?:content-length|l)\s*:\s*(\d+)", re.MULTILINE | re.IGNORECASE)
_NOTE = re.compile(r"version=(\d+) state=(\w+) entity=(\S+)")
_DIALOG = re.compile(
    r"dialog id=(\S+) call-id=(\S+) dir=(\S+) state=(\S+) ltag=([yn]) rtag=([yn])(?: attrs=.*?)?"
    r" remote=(None|\(.*\)) rtarget=(\S+)"
)


@dataclass(frozen=True, slots=True)
class Frame:
    """One WebSocket message."""

    number: int
    #: Seconds since the client's start.
    at: float
    #: Sent by the recorded client, or received by it.
    sent: bool
    data: bytes


@dataclass(frozen=True, slots=True)
class Document:
    """What the recorded client noted of a dialog-info document: version, state, entity and the dialogs."""

    version: int
    state: str
    entity: str
    dialogs: tuple[tuple[object, ...], ...]


def read(path: Path) -> list[Frame | Document]:
    """All SIP frames and all notes about documents, in the order of the transcript."""
    out: list[Frame | Document] = []
    for block in _BLOCK.split(path.read_text(encoding="utf-8")):
        frame = _FRAME.match(block)
        if frame is not None:
            data = _restore(block[frame.end() :])
            out.append(Frame(int(frame[1]), float(frame[2]) / 1000, frame[3] == ">>", data))
        elif (note := _NOTE.search(block.partition("\n")[0])) is not None:
            out.append(Document(int(note[1]), note[2], note[3], tuple(map(_dialog, _DIALOG.findall(block)))))
    return out


def _restore(text: str) -> bytes:
    """Put the CRs back. The body had its own line ends: Content-Length tells which."""
    head, _, body = text.partition("\n\n")
    length = _LENGTH.search(head)
    bare = body.encode()
    with_cr = body.replace("\n", "\r\n").encode()
    if length is None:
        content = b""
    else:
        size = int(length[1])
        # The recorder ended each message with one line feed of its own.
        content = bare[:size] if len(bare) - 1 == size or len(with_cr) - 2 != size else with_cr[:size]
    return head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + content


def _dialog(found: tuple[str, ...]) -> tuple[object, ...]:
    identifier, call_id, direction, state, local_tag, remote_tag, remote, target = found
    display, identity = ast.literal_eval(remote) or (None, None)
    return (
        identifier,
        _none(call_id),
        _none(direction),
        state.lower(),
        local_tag == "y",
        remote_tag == "y",
        display or "",
        identity or "",
        _none(target) or "",
    )


def _none(text: str) -> str | None:
    return None if text == "None" else text
