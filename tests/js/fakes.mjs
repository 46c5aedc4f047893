/** Stand-ins for what lies outside the connector: the browser's socket, clock and chance, and the server's words. */

/** A clock that moves only when it is told to. */
export class FakeClock {
  #now = 1_000_000;
  #timers = new Map();
  #nextId = 1;

  now = () => this.#now;

  setTimeout = (fn, ms) => {
    this.#timers.set(this.#nextId, { at: this.#now + ms, fn });
    return this.#nextId++;
  };

  clearTimeout = (id) => {
    this.#timers.delete(id);
  };

  get waiting() {
    return this.#timers.size;
  }

  /** Let `ms` milliseconds pass: run what falls due, in order, and let promises settle after each. */
  async advance(ms) {
    const end = this.#now + ms;
    for (;;) {
      const due = [...this.#timers]
        .filter(([, timer]) => timer.at <= end)
        .sort(([, one], [, other]) => one.at - other.at)[0];
      if (!due) break;
      this.#timers.delete(due[0]);
      this.#now = Math.max(this.#now, due[1].at);
      due[1].fn();
      await settled();
    }
    this.#now = end;
    await settled();
  }
}

/** Let everything that is ready run: promise callbacks and microtasks. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));

/** The network as a page sees it. */
export class FakeSurroundings {
  isOnline = true;
  isWatched = false;
  online = () => this.isOnline;
  watch = (wake, sleep) => {
    this.isWatched = true;
    this.wake = wake;
    this.sleep = sleep;
    return () => {
      this.isWatched = false;
    };
  };
}

/** A class like `WebSocket` whose instances are kept in `sockets` and answer only what a test tells them to. */
export function fakeNetwork() {
  const sockets = [];
  class FakeSocket {
    sent = [];
    isClosed = false;

    constructor(url) {
      this.url = url;
      sockets.push(this);
    }

    send(text) {
      this.sent.push(JSON.parse(text));
    }

    close() {
      this.isClosed = true;
    }

    // --- the other end ---

    open() {
      this.onopen({});
    }

    say(message) {
      this.onmessage({ data: typeof message === "string" ? message : JSON.stringify({ v: 1, ...message }) });
    }

    drop(code = 1006) {
      this.onclose({ code });
    }

    /** The newest message of an action. */
    last(action) {
      return this.sent.findLast((message) => message.action === action);
    }

    accept(action, data = {}) {
      this.say({ type: "reply", ref: this.last(action).ref, ok: true, data });
    }

    refuse(action, error) {
      this.say({ type: "reply", ref: this.last(action).ref, ok: false, error });
    }
  }
  return { sockets, FakeSocket, newest: () => sockets.at(-1) };
}

const CAPABILITIES = {
  supports_place: true,
  supports_answer: true,
  supports_hold: true,
  supports_hang_up: true,
  supports_blind_transfer: true,
};

export const line = (fields = {}) => ({
  id: "1",
  node: "user:201",
  label: "Grace",
  extension: "201",
  provider: "Test",
  status: "READY",
  statusLabel: "ready",
  message: "",
  capabilities: CAPABILITIES,
  ...fields,
});

export const call = (fields = {}) => ({
  id: "7",
  cid: "900",
  cause: "",
  direction: "INBOUND",
  destination: "201",
  destinationName: "Grace",
  source: "+442079460018",
  sourceName: "",
  status: "RINGING",
  line: "1",
  number: "+44 20 7946 0018",
  e164: "+442079460018",
  name: "Ada Lovelace",
  internal: false,
  context: "",
  consultationOf: "",
  contact: {
    label: "Ada Lovelace",
    company: "Engines",
    url: "/contacts/1/",
    confidence: "exact",
    model: "crm.contact",
    objectId: "1",
  },
  matches: [],
  learned: false,
  pop: { action: "pop", reason: "", url: "" },
  create: [],
  about: null,
  directory: [],
  lastCalls: [],
  startedAt: "2026-01-02T10:00:00.000+00:00",
  answeredAt: null,
  endedAt: null,
  endReason: "",
  endReasonText: "",
  ...fields,
});

export const event = (id, name, fields = {}) => ({ type: "event", id, name, call: call({ status: name, ...fields }) });

export const snapshot = ({ upTo = 0, lines = [line()], calls = [] } = {}) => ({
  type: "snapshot",
  last_event_id: upTo,
  lines,
  calls,
});
