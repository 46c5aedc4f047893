"""The dialog event package: ``application/dialog-info+xml`` documents (RFC 4235) and the table that they add up to.

The parser is expat with handlers of its own: any DTD is refused, so there are no entities to expand or fetch, and size,
depth and number of dialogs are bounded. ``DialogInfoTracker`` puts documents in the order of their versions. Neither
judges calls: that a call does not go back from ``confirmed`` to ``early`` is a rule of the journal, because it is not
true of every server (one ``<dialog>`` per extension instead of per call goes back whenever a second call comes).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal
from xml.parsers import expat

from .exceptions import MalformedBody

__all__ = ["Dialog", "DialogInfo", "DialogInfoTracker", "Participant", "Update", "parse_dialog_info"]

#: As servers write it → as RFC 4235 4.1.2 has it. "receiver" is seen in the wild.
DIRECTIONS: Mapping[str, Literal["initiator", "recipient"]] = MappingProxyType(
    {"initiator": "initiator", "recipient": "recipient", "receiver": "recipient"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Participant:
    """One end of a dialog (RFC 4235, 4.1.6). What a server leaves out is an empty string."""

    #: The address-of-record, from ``<identity>``.
    identity_uri: str = field(default="", repr=False)
    #: The display name, of ``<identity>`` or else of ``<target>``.
    display: str = field(default="", repr=False)
    #: The Contact, from ``<target uri>``.
    target_uri: str = field(default="", repr=False)
    #: ``<param>`` elements of the target, names in lower case.
    params: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialog:
    """One ``<dialog>`` element."""

    #: The server's name for the dialog, unique in the document only. An extension, not a call, on some servers.
    id: str
    #: Call-ID of the INVITE, if the server tells it.
    call_id: str | None = None
    #: Tag of the watched party; often told once only, in ``early``.
    local_tag: str | None = None
    #: Tag of the other party.
    remote_tag: str | None = None
    #: ``initiator`` if the watched party called.
    direction: Literal["initiator", "recipient"] | None = None
    #: ``trying``, ``proceeding``, ``early``, ``confirmed``, ``terminated`` in lower case; other words as they come.
    state: str = ""
    #: Why it changed: ``cancelled``, ``rejected``, ``replaced``, ``local-bye``, ``remote-bye``, ``error``, ``timeout``.
    event: str | None = None
    #: The SIP status code of the change.
    code: int | None = None
    #: The watched party.
    local: Participant | None = None
    #: The other party.
    remote: Participant | None = None

    @property
    def on_hold(self) -> bool:
        """A confirmed dialog in which one end renders no media (RFC 4235 4.1.6.2, RFC 3840 ``+sip.rendering``)."""
        return self.state == "confirmed" and any(
            end is not None and end.params.get("+sip.rendering", "").lower() == "no"
            for end in (self.local, self.remote)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DialogInfo:
    """One document."""

    #: The server's count of documents in this subscription; ``None`` if it does not tell.
    version: int | None
    #: Does the document list all dialogs, or only those that changed?
    state: Literal["full", "partial"]
    #: Whose dialogs these are.
    entity: str = field(default="", repr=False)
    dialogs: tuple[Dialog, ...] = ()


def parse_dialog_info(body: bytes, *, size_limit: int = 262_144, dialog_limit: int = 1000) -> DialogInfo:
    """Read a document; namespaces and unknown elements are not looked at.

    ``size_limit`` is in bytes. Raises ``MalformedBody`` for what is not XML or not dialog-info, for any DTD, and for
    what is above a limit.
    """
    if len(body) > size_limit:
        raise MalformedBody("the dialog-info document is larger than the limit", status=413)
    parser = expat.ParserCreate()
    reader = _Reader(parser, dialog_limit)
    parser.buffer_text = True
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.XmlDeclHandler = _refuse_encoding
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(body, True)
    except expat.ExpatError as error:
        raise MalformedBody(f"the dialog-info document is not well-formed XML (line {error.lineno})") from None
    finally:
        # Parser and reader know each other: without this they would wait for the garbage collector.
        parser.StartElementHandler = parser.EndElementHandler = parser.CharacterDataHandler = None
    return reader.result()


#: What expat reads by itself. For others pyexpat would call any codec that the document names.
_ENCODINGS = frozenset({None, "utf-8", "utf-16", "us-ascii", "iso-8859-1"})


def _refuse_encoding(_version: str, encoding: str | None, _standalone: int) -> None:
    if (encoding and encoding.lower()) not in _ENCODINGS:
        raise MalformedBody("the dialog-info document has an encoding that is not supported")


def _refuse_doctype(*_: object) -> None:
    raise MalformedBody("a dialog-info document must not have a DTD")


class _Reader:
    """Collects what the handlers see. Depth decides what an element may be: 1 dialog-info, 2 dialog, 3 state, local and
    remote, 4 identity and target, 5 param. Text is listened to within state and identity only.
    """

    MAX_DEPTH = 32

    def __init__(self, parser: expat.XMLParserType, dialog_limit: int) -> None:
        self.parser = parser
        self.dialog_limit = dialog_limit
        self.depth = 0
        self.root: dict[str, str] = {}
        self.dialogs: list[Dialog] = []
        #: Attributes of the open dialog; ``None`` outside of dialogs.
        self.dialog: dict[str, str] | None = None
        self.state: dict[str, str] = {}
        self.ends: dict[str, Participant] = {}
        #: Name and facts of the open local or remote.
        self.end_name = ""
        self.identity: str | None = None
        self.display: dict[str, str] = {}
        self.target: str | None = None
        self.params: dict[str, str] = {}
        self.text: list[str] = []
        #: Depth of the element whose text is listened to.
        self.listening = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if ":" in name:
            name = name.rpartition(":")[2]
        depth = self.depth = self.depth + 1
        if depth == 5:
            if name == "param" and self.end_name:
                # RFC 4235 writes "pval"; Asterisk writes "pvalue".
                value = attributes.get("pval", attributes.get("pvalue", ""))
                self.params.setdefault(attributes.get("pname", "").lower(), value)
        elif depth == 4:
            if self.end_name:
                self.start_in_end(name, attributes)
        elif depth == 3:
            if self.dialog is None:
                return
            if name == "state":
                self.state = attributes
                self.listen()
            elif name in ("local", "remote"):
                self.end_name = name
                self.identity = self.target = None
                self.display, self.params = {}, {}
        elif depth == 2:
            if name == "dialog":
                if len(self.dialogs) >= self.dialog_limit:
                    raise MalformedBody("the dialog-info document has more dialogs than the limit", status=413)
                self.dialog, self.state, self.ends = attributes, {}, {}
        elif depth == 1:
            if name != "dialog-info":
                raise MalformedBody("the document's root element is not dialog-info")
            self.root = attributes
        elif depth > self.MAX_DEPTH:
            raise MalformedBody("the dialog-info document is nested too deeply", status=413)

    def start_in_end(self, name: str, attributes: dict[str, str]) -> None:
        if name == "identity" and self.identity is None:
            self.listen()
        elif name == "target" and self.target is None:
            self.target = attributes.get("uri", "")
        if "display" in attributes:
            self.display.setdefault(name, attributes["display"])

    def listen(self) -> None:
        self.text = []
        self.listening = self.depth
        self.parser.CharacterDataHandler = self.text.append

    def end(self, _: str) -> None:
        depth = self.depth
        self.depth = depth - 1
        if depth == self.listening:
            self.listening = 0
            self.parser.CharacterDataHandler = None
            text = "".join(self.text).strip()
            if depth == 3:
                self.state["text"] = text.lower()
            else:
                self.identity = text
        elif depth == 3 and self.end_name:
            self.ends[self.end_name] = Participant(
                identity_uri=self.identity or "",
                display=self.display.get("identity") or self.display.get("target", ""),
                target_uri=self.target or "",
                params=self.params,
            )
            self.end_name = ""
        elif depth == 2 and self.dialog is not None:
            self.dialogs.append(self.finish_dialog(self.dialog))
            self.dialog = None

    def finish_dialog(self, dialog: dict[str, str]) -> Dialog:
        state = self.state
        call_id = dialog.get("call-id") or None
        code = state.get("code", "")
        return Dialog(
            # The id is mandatory; a server that leaves it out still names calls by their Call-ID or their place.
            id=dialog.get("id") or call_id or f"#{len(self.dialogs) + 1}",
            call_id=call_id,
            local_tag=dialog.get("local-tag") or None,
            remote_tag=dialog.get("remote-tag") or None,
            direction=DIRECTIONS.get(dialog.get("direction", "").lower()),
            state=state.get("text", ""),
            event=state.get("event", "").lower() or None,
            code=int(code) if len(code) == 3 and code.isascii() and code.isdigit() else None,
            local=self.ends.get("local"),
            remote=self.ends.get("remote"),
        )

    def result(self) -> DialogInfo:
        version = self.root.get("version", "")
        return DialogInfo(
            version=int(version) if len(version) <= 10 and version.isascii() and version.isdigit() else None,
            state="partial" if self.root.get("state", "").lower() == "partial" else "full",
            entity=self.root.get("entity", ""),
            dialogs=tuple(self.dialogs),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What one document changed."""

    #: Dialogs that are new or different, as the table has them now, in the order of the document.
    changed: tuple[Dialog, ...] = ()
    #: Dialogs that a full document no longer lists although they were never ``terminated``, as they were last known.
    vanished: tuple[Dialog, ...] = ()
    #: The document was older than the table and was dropped.
    stale: bool = False
    #: The table cannot be trusted: ask for a full document by refreshing the subscription.
    resubscribe: bool = False


class DialogInfoTracker:
    """The table of one entity's dialogs in one subscription (RFC 4235, 4.3).

    Feed it in the order in which the server *sent* the documents: leave out those of NOTIFYs that came ``late``.
    Start a new tracker, or call :meth:`restart`, with each new subscription, because versions count per subscription.

    * A full document replaces the table; what it no longer lists has vanished. One that is terminated and lingers is
      reported once; one that is terminated when first seen is reported, too: only the journal knows if it was live.
    * A partial document must be the next version. After a gap its dialogs are still facts and are taken, but
      ``resubscribe`` is set.
    * A version that goes back is stale: dropped. As the server may have begun to count anew, ``resubscribe`` is set,
      and the next full document is taken whatever its version. A repeated version is stale, too, unless it is a full
      document with other dialogs: then the server does not count, and order of arrival is all there is. The same holds
      for no version at all.
    * An id that is used again after ``terminated``, or with another Call-ID, is a new dialog.
    * What a later document about the same live dialog leaves out (tags, direction, ends) is kept from the earlier one.
    """

    def __init__(self, *, dialog_limit: int = 1000) -> None:
        self._dialog_limit = dialog_limit
        self._dialogs: dict[tuple[str, int], Dialog] = {}
        self._last: DialogInfo | None = None
        self._version: int | None = None
        self._wants_full = False

    def restart(self) -> None:
        """A new subscription begins: its first document counts whatever its version; the table stays to be compared."""
        self._last = None
        self._version = None
        self._wants_full = False

    @property
    def dialogs(self) -> tuple[Dialog, ...]:
        """The table as it is now, with those ended dialogs that the server still lists."""
        return tuple(self._dialogs.values())

    def apply(self, info: DialogInfo) -> Update:
        """Take one document and tell what it changed."""
        if self._is_stale(info):
            went_back = info.version != self._version and not self._wants_full
            self._wants_full = self._wants_full or went_back
            return Update(stale=True, resubscribe=went_back)
        partial = info.state == "partial"
        in_sequence = info.version is None or self._version is None or info.version == self._version + 1
        gap = partial and (self._last is None or not in_sequence)
        self._wants_full = partial and (self._wants_full or gap)
        self._last = info
        if info.version is not None:
            self._version = info.version
        changed, vanished = self._merge(info)
        return Update(changed=tuple(changed), vanished=tuple(vanished), resubscribe=gap)

    def _is_stale(self, info: DialogInfo) -> bool:
        if info.version is None or self._version is None or info.version > self._version:
            return False
        if info.state == "partial":
            return True
        repeats = info.version == self._version and self._last is not None and info.dialogs == self._last.dialogs
        return repeats or (info.version < self._version and not self._wants_full)

    def _merge(self, info: DialogInfo) -> tuple[list[Dialog], list[Dialog]]:
        changed, vanished = [], []
        seen: dict[str, int] = {}
        listed = set()
        for dialog in info.dialogs:
            # A call from a line to itself: two elements with one id in one document.
            seen[dialog.id] = seen.get(dialog.id, 0) + 1
            key = (dialog.id, seen[dialog.id])
            listed.add(key)
            known = self._dialogs.get(key)
            if known is not None and _is_another_call(known, dialog):
                if known.state != "terminated":
                    vanished.append(known)
                known = None
            merged = dialog if known is None else _fill(dialog, known)
            if merged != known:
                changed.append(merged)
            self._dialogs[key] = merged
        if info.state == "full":
            gone = [key for key in self._dialogs if key not in listed]
        else:
            gone = self._overflow()
        for key in gone:
            known = self._dialogs.pop(key)
            if known.state != "terminated":
                vanished.append(known)
        return changed, vanished

    def _overflow(self) -> list[tuple[str, int]]:
        """Name what partial documents have piled up above the limit: ended dialogs first, the oldest first."""
        too_many = max(len(self._dialogs) - self._dialog_limit, 0)
        by_age = sorted(self._dialogs, key=lambda key: self._dialogs[key].state != "terminated")
        return by_age[:too_many]


def _is_another_call(known: Dialog, dialog: Dialog) -> bool:
    """Does an id that we know name a new call? An ended one may be used again; a live one tells by its Call-ID."""
    if known.call_id and dialog.call_id:
        return known.call_id != dialog.call_id
    return known.state == "terminated" and dialog.state != "terminated"


def _fill(dialog: Dialog, known: Dialog) -> Dialog:
    """Add to a dialog what was told earlier and is left out now."""
    return replace(
        dialog,
        call_id=dialog.call_id or known.call_id,
        local_tag=dialog.local_tag or known.local_tag,
        remote_tag=dialog.remote_tag or known.remote_tag,
        direction=dialog.direction or known.direction,
        local=_fill_end(dialog.local, known.local),
        remote=_fill_end(dialog.remote, known.remote),
    )


def _fill_end(end: Participant | None, known: Participant | None) -> Participant | None:
    if known is None:
        return end
    if end is None:
        # Parameters are never kept: that the hold parameter is no longer there is how a server says "resumed".
        return replace(known, params={})
    return replace(
        end,
        identity_uri=end.identity_uri or known.identity_uri,
        display=end.display or known.display,
        target_uri=end.target_uri or known.target_uri,
    )
