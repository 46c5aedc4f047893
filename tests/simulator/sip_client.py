"""A watcher that speaks on the wire as SIP.js 0.9.2 does, raw text frames, and is as strict as it is.

It keeps no rule by halves: a response that SIP.js would drop silently is never returned here, and a NOTIFY that SIP.js
would refuse is refused with the same status. What it was told stands in :attr:`RawWatcher.told`, in order.
"""

import asyncio
import hashlib
import random
import re
import string
from dataclasses import dataclass, field
from typing import Any
from xml.etree import ElementTree

import websockets

NAMESPACE = "{urn:ietf:params:xml:ns:dialog-info}"


@dataclass(kw_only=True)
class Frame:
    """A SIP message taken apart with a few regular expressions, on purpose not with the package's own parser."""

    text: str
    start: str
    headers: list[tuple[str, str]]
    body: str

    @classmethod
    def read(cls, text: str) -> "Frame":
        head, _, body = text.partition("\r\n\r\n")
        start, *lines = head.split("\r\n")
        return cls(text=text, start=start, headers=[tuple(line.split(": ", 1)) for line in lines], body=body)  # type: ignore[misc]

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def one(self, name: str) -> str:
        values = self.all(name)
        assert len(values) == 1, f"{name} stands {len(values)} times in\n{self.text}"
        return values[0]

    @property
    def status(self) -> int:
        return int(self.start.split()[1]) if self.start.startswith("SIP/2.0 ") else 0


@dataclass(kw_only=True)
class Told:
    """One ``<dialog>`` of a NOTIFY, as the original connector reads it."""

    id: str
    direction: str
    state: str
    rendering: str
    local: str
    remote: str
    remote_name: str

    @property
    def call_id(self) -> int:
        return int(self.id.split("-")[0])

    @property
    def event(self) -> str:
        if self.rendering == "no":
            return "ON_HOLD"
        return {"early": "RINGING", "confirmed": "CONNECTED", "terminated": "HANGUP"}.get(self.state, "undefined")


@dataclass(kw_only=True)
class Subscribed:
    """The client's view of one subscription."""

    node: str
    call_id: str
    tag: str
    cseq: int
    remote_tag: str = ""
    target: str = ""
    """Contact of the NOTIFY."""
    expires: int = 0
    last_cseq: int = 0
    state: str = "pending"
    notified: int = 0


def _random(size: int) -> str:
    return "".join(random.choice(string.ascii_lowercase + string.digits) for _ in range(size))


@dataclass
class RawWatcher:
    """``async with RawWatcher(url, "200341", password, domain) as watcher: await watcher.subscribe("200341")``."""

    url: str
    user: str
    password: str
    domain: str
    answer_notifies: int = 200
    """Status that good NOTIFYs get; 0: none."""
    ssl: Any = None
    told: list[Told] = field(default_factory=list)
    notifies: list[Frame] = field(default_factory=list)
    refused: list[tuple[int, Frame]] = field(default_factory=list)
    received: list[str] = field(default_factory=list)
    subscriptions: list[Subscribed] = field(default_factory=list)
    closed: bool = False

    async def __aenter__(self) -> "RawWatcher":
        self.host = _random(12) + ".invalid"
        self.contact_user = _random(8)
        self._responses: dict[str, asyncio.Future[Frame]] = {}
        self.socket = await websockets.connect(
            self.url, subprotocols=[websockets.Subprotocol("sip")], compression=None, ssl=self.ssl
        )
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.socket.close()
        await asyncio.gather(self._reader, return_exceptions=True)

    async def settle(self) -> None:
        """Return when the server has read everything that was sent before."""
        await (await self.socket.ping())

    # --- requests

    def _via(self) -> str:
        # The scheme of the URL, in upper case: "WSS" even where RFC 7118 has "WS".
        return f"SIP/2.0/{self.url.partition(':')[0].upper()} {self.host};branch=z9hG4bK{random.randint(1, 9999999)}"

    def request(self, subscription: Subscribed, uri: str, *, expires: int | None = 300, **extra: str) -> str:
        """A SUBSCRIBE in the form and order of SIP.js: no Accept, no rport, no REGISTER before it."""
        subscription.cseq += 1
        to = f"<sip:{subscription.node}@{self.domain}>"
        if subscription.remote_tag:
            to += f";tag={subscription.remote_tag}"
        lines = [
            f"SUBSCRIBE {uri} SIP/2.0",
            f"Via: {self._via()}",
            "Max-Forwards: 70",
            f"To: {to}",
            f'From: "{self.user}" <sip:{self.user}@{self.domain}>;tag={subscription.tag}',
            f"Call-ID: {subscription.call_id}",
            f"CSeq: {subscription.cseq} SUBSCRIBE",
        ]
        fields = {
            **({} if "authorization" not in extra else {"Authorization": extra.pop("authorization")}),
            **({} if "proxy_authorization" not in extra else {"Proxy-Authorization": extra.pop("proxy_authorization")}),
            "Event": "dialog",
            "Expires": None if expires is None else str(expires),
            "Contact": f"<sip:{self.contact_user}@{self.host};transport=ws>",
            "Allow": "ACK,CANCEL,INVITE,MESSAGE,BYE,OPTIONS,INFO,NOTIFY,REFER",
            "Supported": "outbound",
            "User-Agent": "CTI Connector",
            "Content-Length": "0",
            **{key.title().replace("_", "-"): value for key, value in extra.items()},
        }
        lines += [f"{name}: {value}" for name, value in fields.items() if value is not None]
        return "\r\n".join(lines) + "\r\n\r\n"

    async def send(self, text: str) -> Frame:
        """Send one request and return its response."""
        branch = re.search(r"branch=(\w+)", text)[1]  # type: ignore[index]
        future = self._responses[branch] = asyncio.get_running_loop().create_future()
        await self.socket.send(text)
        return await asyncio.wait_for(future, 10)

    def new(self, node: str) -> Subscribed:
        return Subscribed(node=node, call_id=_random(20), tag=_random(10), cseq=random.randint(0, 9000))

    async def subscribe(self, node: str, *, expires: int | None = 300, **extra: str) -> tuple[Subscribed, Frame]:
        """Subscribe, answering one challenge; return the subscription and the last response."""
        subscription = self.new(node)
        self.subscriptions.append(subscription)
        return subscription, await self._exchange(subscription, f"sip:{node}@{self.domain}", expires, extra)

    async def refresh(self, subscription: Subscribed, *, expires: int = 300) -> Frame:
        """Refresh (or with 0 end) in the dialog, to the Contact of the NOTIFY, without credentials at first."""
        return await self._exchange(subscription, subscription.target, expires, {})

    async def _exchange(self, subscription: Subscribed, uri: str, expires: int | None, extra: dict[str, str]) -> Frame:
        response = await self.send(self.request(subscription, uri, expires=expires, **extra))
        for status, challenge, field_name in (
            (401, "WWW-Authenticate", "authorization"),
            (407, "Proxy-Authenticate", "proxy_authorization"),
        ):
            if response.status == status:
                answer = {field_name: self.digest(response.one(challenge), uri)}
                response = await self.send(self.request(subscription, uri, expires=expires, **extra, **answer))
                break
        if response.status == 200:
            subscription.expires = int(response.one("Expires"))
            subscription.remote_tag = response.one("To").partition(";tag=")[2]
        return response

    def digest(self, challenge: str, uri: str, *, password: str | None = None) -> str:
        params = dict(re.findall(r'(\w+)="?([^",]*)"?', challenge.removeprefix("Digest ")))
        assert params.get("algorithm", "MD5") == "MD5"

        def md5(text: str) -> str:
            return hashlib.md5(text.encode()).hexdigest()

        secret = md5(f"{self.user}:{params['realm']}:{password or self.password}")
        action = md5(f"SUBSCRIBE:{uri}")
        answer = {"username": self.user, "realm": params["realm"], "nonce": params["nonce"], "uri": uri}
        if "auth" in params.get("qop", ""):
            cnonce = _random(12)
            answer["response"] = md5(f"{secret}:{params['nonce']}:00000001:{cnonce}:auth:{action}")
            tail = f', qop=auth, cnonce="{cnonce}", nc=00000001'
        else:
            answer["response"], tail = md5(f"{secret}:{params['nonce']}:{action}"), ""
        quoted = ", ".join(f'{name}="{value}"' for name, value in answer.items())
        return f"Digest algorithm=MD5, {quoted}{tail}"

    # --- what comes

    async def _read(self) -> None:
        try:
            async for text in self.socket:
                assert isinstance(text, str)
                self.received.append(text)
                if not text.strip("\r\n"):
                    continue
                frame = Frame.read(text)
                if frame.status:
                    self._response(frame)
                else:
                    await self._request(frame)
        except websockets.ConnectionClosed:
            pass
        finally:
            self.closed = True

    def _response(self, frame: Frame) -> None:
        # SIP.js drops a response with more than one Via, or with a sent-by that is not its own, without a word.
        if len(frame.all("Via")) != 1 or not re.match(rf"SIP/2\.0/\w+ {self.host};", frame.one("Via")):
            return
        future = self._responses.get(re.search(r"branch=(\w+)", frame.one("Via"))[1])  # type: ignore[index]
        if future is not None and not future.done():
            future.set_result(frame)

    async def _request(self, frame: Frame) -> None:
        status = self._judge(frame)
        if status != 200:
            self.refused.append((status, frame))
        copied = [f"{name}: {value}" for name in ("Via", "From", "To", "Call-ID", "CSeq") for value in frame.all(name)]
        answered = self.answer_notifies if status == 200 else status
        lines = [f"SIP/2.0 {answered} Answer", *copied, "Supported: outbound", "Content-Length: 0"]
        if answered:
            await self.socket.send("\r\n".join(lines) + "\r\n\r\n")
        if status == 200:
            self._take(frame)

    def _judge(self, frame: Frame) -> int:
        """The status with which SIP.js answers (section 6.2 of what is known about it)."""
        if int(frame.one("Content-Length")) > len(frame.body.encode()):
            return 400
        user = re.match(r"NOTIFY sip:([^@]+)@", frame.start)
        if user is None or user[1] not in {self.user, self.contact_user}:
            return 404
        if not frame.all("Event") or frame.one("Event").partition(";")[0] != "dialog":
            return 489
        subscription = self._subscription(frame)
        if subscription is None or not frame.all("Subscription-State") or not frame.all("Contact"):
            return 481
        # A subscription that was granted more than was asked for is closed at once.
        if subscription.expires > 300:
            return 481
        if int(frame.one("CSeq").split()[0]) <= subscription.last_cseq:
            return 500
        return 200

    def _subscription(self, frame: Frame) -> Subscribed | None:
        tag = frame.one("To").partition(";tag=")[2]
        return next(
            (item for item in self.subscriptions if item.call_id == frame.one("Call-ID") and item.tag == tag), None
        )

    def _take(self, frame: Frame) -> None:
        subscription = self._subscription(frame)
        assert subscription is not None
        subscription.last_cseq = int(frame.one("CSeq").split()[0])
        subscription.target = frame.one("Contact").strip("<>")
        subscription.state = frame.one("Subscription-State").partition(";")[0]
        subscription.notified += 1
        self.notifies.append(frame)
        for dialog in ElementTree.fromstring(frame.body).iter(f"{NAMESPACE}dialog"):
            self.told.append(self._dialog(dialog))

    def _dialog(self, dialog: ElementTree.Element) -> Told:
        local, remote = dialog.find(f"{NAMESPACE}local"), dialog.find(f"{NAMESPACE}remote")
        assert local is not None
        assert remote is not None
        target = local.find(f"{NAMESPACE}target")
        assert target is not None, "the original connector throws without a local target"
        params = {item.get("pname"): item.get("pval") for item in target.iter(f"{NAMESPACE}param")}
        identities = [end.find(f"{NAMESPACE}identity") for end in (local, remote)]
        assert all(item is not None and item.get("display") is not None for item in identities)
        assert all(item is not None and (item.text or "").startswith("sip:") for item in identities)
        return Told(
            id=dialog.get("id", ""),
            direction=dialog.get("direction", ""),
            state=dialog.findtext(f"{NAMESPACE}state", ""),
            rendering=params.get("+sip.rendering") or "",
            local=(identities[0].text or "")[4:].partition("@")[0],  # type: ignore[union-attr]
            remote=(identities[1].text or "")[4:].partition("@")[0],  # type: ignore[union-attr]
            remote_name=identities[1].get("display") or "",  # type: ignore[union-attr]
        )

    def events(self, call_id: int | None = None) -> list[str]:
        """Names of the call events that the original connector would raise, in order."""
        return [item.event for item in self.told if call_id in {None, item.call_id}]
