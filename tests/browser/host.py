"""A host's page with the panel, and the server's side of the sockets that it opens, as tests play it."""

import base64
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from django.contrib.auth import get_user_model
from django.utils import translation

from django_voipcti import html
from tests.support.processes import ROOT
from tests.support.waiting import eventually

STATIC = ROOT / "django_voipcti/static"
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'"
HOST_PAGE = """<!doctype html><html lang="{language}"><head><meta charset="utf-8"><title>Contacts</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head><body>
<label>Note <input id="note"></label>
<p><a id="number" href="tel:+442079460018" data-voipcti-number="+442079460018">+44 20 7946 0018</a></p>
<p data-voipcti-tel-links><a id="plain" href="tel:+44-20-7946-0019">Ada</a></p>
{panel}</body></html>"""
TYPES = {".js": "text/javascript", ".css": "text/css"}

ALL = {
    f"supports_{name}": True
    for name in ("place", "answer", "hold", "hang_up", "blind_transfer", "password_login", "api_key")
}


class HostPage(BaseHTTPRequestHandler):
    """One page with the panel, and the package's static files."""

    def do_GET(self):
        path = self.path.partition("?")[0]
        if path.startswith("/static/"):
            file = STATIC / path.removeprefix("/static/")
            body, kind = file.read_bytes(), TYPES[file.suffix]
        else:
            language = path.strip("/") or "en"
            with translation.override(language):
                panel = html.panel(get_user_model()(pk=1, username="ana"))
            body, kind = HOST_PAGE.format(panel=panel, language=language).encode(), "text/html"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Security-Policy", POLICY)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        """A host's view: what it answers stands in its address."""
        self.server.posted.append((self.path, self.rfile.read(int(self.headers["Content-Length"])).decode()))
        status, body = {"/approve/": (204, b""), "/answer/": (200, b"<p>Approved.</p>")}.get(
            self.path, (403, b"This button is not valid any more.")
        )
        self.send_response(status)
        self.send_header("Content-Type", "text/html")
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        """Say nothing."""


class Host(ThreadingHTTPServer):
    """Serves the page, and remembers what is posted."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.posted = []


def a_line(**fields):
    line = {"id": "1", "node": "user:601", "label": "Ana", "extension": "601", "provider": "Test", "status": "READY"}
    return {**line, "statusLabel": "ready", "message": "", "capabilities": ALL, **fields}


def a_call(**fields):
    contact = {"label": "Ada Lovelace", "company": "Analytical Engines", "url": "/contacts/1/", "confidence": "exact"}
    contact |= {"model": "crm.contact", "objectId": "1"}
    call = {
        "id": "7",
        "cid": "900",
        "cause": "",
        "direction": "INBOUND",
        "status": "RINGING",
        "line": "1",
        "number": "+44 20 7946 0018",
        "e164": "+442079460018",
        "name": "Ada Lovelace",
        "internal": False,
        "context": "",
        "consultationOf": "",
        "contact": contact,
        "matches": [{**contact, "reason": "Mobile number"}],
        "learned": False,
        "pop": {"action": "pop", "reason": "", "url": ""},
        "create": [],
        "about": None,
        "directory": [],
        "lastCalls": [],
        "startedAt": "2026-01-02T10:00:00.000+00:00",
        "answeredAt": None,
        "endedAt": None,
        "endReason": "",
        "endReasonText": "",
    }
    return {**call, **fields}


OUTCOMES = [
    {"id": "1", "label": "Order", "asksForDate": False},
    {"id": "2", "label": "Call back", "asksForDate": True},
]
#: Under which a page encrypts what it could not send.
KEY = base64.b64encode(bytes(32)).decode()


def a_note(**fields):
    """A note of Ana's, whose page it is."""
    note = {"id": "9", "call": "7", "author": {"id": "1", "name": "Ana Ruiz"}, "text": "", "outcome": None}
    return {**note, "followUpOn": "", "savedAt": None, "version": 1, "draft": None, **fields}


UNKNOWN = {"contact": None, "matches": [], "name": ""}


class Server:
    """The other end of the sockets that a page opens."""

    def __init__(self, page, *, lines=None, calls=(), where=None):
        """`where`: the context whose pages are served; by default only `page`."""
        self.page = page
        self.sockets = []
        self.said = []
        user = {"id": "1", "name": "Ana Ruiz"}
        self.answers = {
            "hello": {"now": "2026-01-02T10:00:08.000+00:00", "user": user},
            "colleagues": {"colleagues": []},
            "drafts": {"drafts": [], "key": KEY},
            "notes": {"notes": [], "outcomes": OUTCOMES},
            "draft": self._keep_draft,
            "discard_draft": {"note": None},
            "note": self._save_note,
        }
        self.refusals = {}
        self.lines = [a_line()] if lines is None else lines
        self.calls = list(calls)
        self.last_event_id = 0
        self.is_up = True
        (where or page).route_web_socket("**/ws/voipcti/**", self._accept)

    def _accept(self, socket):
        if not self.is_up:
            socket.close(code=1013)
            return
        self.sockets.append(socket)
        socket.on_message(lambda text: self._heard(socket, json.loads(text)))
        snapshot = {"type": "snapshot", "last_event_id": self.last_event_id, "lines": self.lines, "calls": self.calls}
        self._say(socket, snapshot)

    def _heard(self, socket, message):
        self.said.append(message)
        action, ref = message["action"], message["ref"]
        if action == "ping":
            self._say(socket, {"type": "pong", "ref": ref})
        elif refusal := self._refusal(message):
            self._say(socket, {"type": "reply", "ref": ref, "ok": False, "error": refusal})
        else:
            answer = self.answers.get(action, {})
            data = answer(message) if callable(answer) else answer
            self._say(socket, {"type": "reply", "ref": ref, "ok": True, "data": data})

    def _refusal(self, message):
        """What is wrong with an action, if anything; a function judges the message."""
        refusal = self.refusals.get(message["action"])
        return refusal(message) if callable(refusal) else refusal

    @staticmethod
    def _say(socket, message):
        socket.send(json.dumps({"v": 1, **message}))

    @staticmethod
    def _content(message):
        return {field: message[field] for field in ("text", "outcome", "followUpOn")}

    def _keep_draft(self, message):
        draft = {**self._content(message), "at": "2026-01-02T10:00:08.000+00:00"}
        return {"note": a_note(call=message["call"], version=len(self.said), draft=draft)}

    def _save_note(self, message):
        content = self._content(message)
        content["outcome"] = next((one for one in OUTCOMES if one["id"] == content["outcome"]), None)
        saved = {"savedAt": "2026-01-02T10:00:09.000+00:00"}
        return {"note": a_note(call=message["call"], version=len(self.said), **saved, **content)}

    def tell_note(self, **fields):
        """Tell the page of a note on the call."""
        self._say(self.sockets[-1], {"type": "note", "calls": ["7"], "note": a_note(version=1_000, **fields)})

    def tell(self, state, /, **fields):
        """Tell the page that a call moved to a state."""
        self.last_event_id += 1
        call = a_call(status=state, **fields)
        self._say(self.sockets[-1], {"type": "event", "id": self.last_event_id, "name": state, "call": call})

    def learn(self, state, /, **fields):
        """Tell the page what is known of a call now, although its state has not changed."""
        self._say(self.sockets[-1], {"type": "call", "call": a_call(status=state, **fields)})

    def dismiss(self, call):
        """Tell the page that a call was dismissed on another device."""
        self._say(self.sockets[-1], {"type": "dismissed", "call": call})

    def tell_preferences(self, preferences):
        self._say(self.sockets[-1], {"type": "preferences", "preferences": preferences})

    def block(self, **fields):
        """Tell the page what the host knows about a caller."""
        self._say(self.sockets[-1], {"type": "block", **fields})

    def pop(self, html, **fields):
        """Show a fragment on the page."""
        self._say(self.sockets[-1], {"type": "pop", "id": "pop-1", "title": "New order", "html": html, **fields})

    def tell_session(self, name, **fields):
        self._say(self.sockets[-1], {"type": "event", "name": name, "message": "", **fields})

    def asked(self, action):
        """Wait until the page asked for `action`, and return its fields."""

        def found():
            # Playwright delivers the page's messages while it waits for something of the page.
            self.page.evaluate("0")
            return next((message for message in self.said if message["action"] == action), None)

        message = eventually(found, describe=f"the page asks for {action}")
        return {key: value for key, value in message.items() if key not in {"action", "ref"}}


def panel(page):
    return page.locator("voipcti-panel .panel")


def card(page, call="7"):
    return page.locator(f"voipcti-panel [data-call='{call}']")


def action(page, name):
    return card(page).locator(f"[data-action='{name}']")


def shown_actions(page):
    return [button.get_attribute("data-action") for button in card(page).locator("[data-action]:visible").all()]
