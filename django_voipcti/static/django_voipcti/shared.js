/**
 * One socket for all tabs of a browser.
 *
 * The tab that holds a Web Lock leads: it has the socket. The others talk to it over a BroadcastChannel, and each finds
 * in `Share.Socket` what it would find in a WebSocket of its own, so the connector knows nothing of all this. The
 * browser gives the lock to the next tab when the leader closes, crashes or lets go of it; the connectors then come back
 * as after a lost connection, and bring themselves up to date.
 *
 * A leader that does not answer (a frozen tab) is done without: the tab then opens a socket of its own.
 */

/** To whom a message on the channel goes, beside single tabs. */
const LEADER = "leader";
const ALL = "all";
/** Close code for "the tab that had the socket is gone"; RFC 6455 calls it "service restart". */
const CLOSE_LEADER_GONE = 1012;

/** What the connector takes for its WebSocket. */
class TabSocket {
  onopen = null;
  onmessage = null;
  onclose = null;
  isOpen = false;
  #share;

  constructor(share, url) {
    this.#share = share;
    share.join(this, url);
  }

  send(text) {
    this.#share.send(this, text);
  }

  close() {
    this.#share.leave(this);
  }
}

export class Share {
  /** A class with the interface of WebSocket, for `new Connector({WebSocket: share.Socket})`. */
  Socket;

  #name;
  #id;
  #locks;
  #channel;
  #WebSocket;
  #connector = null;

  #socket = null;
  #url = "";
  /** The WebSocket of this tab, if it leads or goes alone. */
  #real = null;
  #leads = false;
  #candidacy = null;
  #resign = null;
  #isAnswered = true;

  /** Tabs that asked for a node, and tabs that hear of a line that is not the user's own. */
  #askers = new Map();
  #watchers = new Map();
  #loginFrom = null;

  /** Whether this browser has what sharing needs; pages that are not served over HTTPS lack Web Locks. */
  static isPossible({ navigator, BroadcastChannel } = globalThis) {
    return Boolean(navigator?.locks && BroadcastChannel);
  }

  /**
   * @param {object} options
   * @param {string} options.name  tabs with the same name share; must tell users and servers apart
   * @param {typeof WebSocket} [options.WebSocket]
   * @param {LockManager} [options.locks]
   * @param {typeof BroadcastChannel} [options.BroadcastChannel]
   * @param {string} [options.id]  names this tab
   */
  constructor({
    name,
    WebSocket = globalThis.WebSocket,
    locks = globalThis.navigator.locks,
    BroadcastChannel = globalThis.BroadcastChannel,
    id = Array.from(crypto.getRandomValues(new Uint32Array(2)), (part) => part.toString(36)).join(""),
  }) {
    const share = this;
    this.#name = name;
    this.#id = id;
    this.#locks = locks;
    this.#WebSocket = WebSocket;
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }) => this.#heard(data);
    this.Socket = class extends TabSocket {
      constructor(url) {
        super(share, url);
      }
    };
  }

  /** Whether this tab has the browser's socket. */
  get leads() {
    return this.#leads;
  }

  /** Say which connector of this tab uses `Socket`. What it knows is what other tabs start with. */
  attach(connector) {
    this.#connector = connector;
    connector.on("connection", ({ state }) => {
      if (state === "open" && this.#leads) this.#post(ALL, { state: "up" });
      if (state === "closed") this.#withdraw();
    });
  }

  // --- this tab's socket: called by TabSocket --------------------------------------------------------------------

  join(socket, url) {
    this.#socket = socket;
    this.#url = url;
    this.#stand();
    if (this.#leads || !this.#isAnswered) this.#openReal();
    else this.#ask();
  }

  send(socket, text) {
    if (socket !== this.#socket) return;
    if (!this.#real) this.#post(LEADER, { text });
    else {
      this.#note(JSON.parse(text), this.#id);
      this.#real.send(text);
    }
  }

  leave(socket) {
    if (socket !== this.#socket) return;
    this.#socket = null;
    if (this.#real) this.#closeReal();
    else this.#post(LEADER, { bye: true });
  }

  // --- who leads -------------------------------------------------------------------------------------------------

  /** Queue for the lock. The browser calls back when it is ours, which may be at once or when the leader is gone. */
  #stand() {
    if (this.#candidacy) return;
    const candidacy = new AbortController();
    this.#candidacy = candidacy;
    const elected = () =>
      new Promise((resign) => {
        this.#resign = resign;
        this.#lead();
      });
    this.#locks.request(this.#name, { signal: candidacy.signal }, elected).catch(() => {
      // Given up by us, or locks are forbidden here: then every tab has a socket of its own.
      if (candidacy.signal.aborted) return;
      this.#isAnswered = false;
      if (this.#socket && !this.#real) this.#openReal();
    });
  }

  #lead() {
    this.#leads = true;
    this.#post(ALL, { state: "new" });
    if (!this.#socket || this.#real) return;
    if (this.#socket.isOpen) this.#fall(CLOSE_LEADER_GONE);
    else this.#openReal();
  }

  /** The connector was closed for good: another tab may lead. */
  #withdraw() {
    this.#candidacy?.abort();
    this.#resign?.();
    this.#candidacy = this.#resign = null;
    this.#leads = false;
  }

  // --- the real socket -------------------------------------------------------------------------------------------

  #openReal() {
    const [socket, real] = [this.#socket, new this.#WebSocket(this.#url)];
    this.#real = real;
    real.onopen = () => {
      socket.isOpen = true;
      socket.onopen?.({});
    };
    real.onmessage = ({ data }) => this.#received(data);
    real.onclose = ({ code }) => {
      if (this.#real !== real) return;
      this.#closeReal(code);
      this.#fall(code);
    };
  }

  #closeReal(code = CLOSE_LEADER_GONE) {
    const real = this.#real;
    this.#real = null;
    this.#watchers.clear();
    this.#askers.clear();
    real.close();
    if (this.#leads) this.#post(ALL, { state: "down", code });
  }

  /** This tab's connector loses its connection. */
  #fall(code) {
    const socket = this.#socket;
    this.#socket = null;
    socket?.onclose?.({ code });
  }

  /** Something from the server: to the tab that asked, to those that it concerns, or to all. */
  #received(data) {
    let message = null;
    try {
      message = JSON.parse(data);
    } catch {
      // The connector passes over what it cannot read.
    }
    if (message?.type === "reply") this.#replied(message, data);
    else if (message?.type === "snapshot" || message?.type === "pong") this.#deliver([this.#id], data);
    else this.#deliver(this.#concerned(message), data);
  }

  #replied(message, data) {
    const [ref, tab = this.#id] = String(message.ref).split("@");
    if (message.ok && message.data?.uri) this.#listOf(this.#watchers, message.data.line).add(tab);
    this.#deliver([tab], tab === this.#id ? data : JSON.stringify({ ...message, ref }));
  }

  /** Which tabs an event is for; null means all. */
  #concerned(message) {
    if (message?.name === "TWO_FACTOR_AUTH") return [this.#loginFrom ?? this.#id];
    if (message?.name === "SUBSCRIBED") return [...this.#listOf(this.#askers, message.node)];
    const line = message?.call?.line ?? message?.line?.id;
    const isOwn = !this.#watchers.has(line) || this.#connector?.lines.some(({ id }) => id === line);
    return isOwn ? null : [...this.#watchers.get(line)];
  }

  #deliver(tabs, data) {
    if (tabs === null || tabs.includes(this.#id)) this.#socket?.onmessage?.({ data });
    if (!this.#leads) return;
    if (tabs === null) this.#post(ALL, { text: data });
    else for (const tab of tabs) if (tab !== this.#id) this.#post(tab, { text: data });
  }

  #note({ action, node }, tab) {
    if (action === "login") this.#loginFrom = tab;
    if (action === "subscribe") this.#listOf(this.#askers, node).add(tab);
  }

  #listOf(map, key) {
    if (!map.has(key)) map.set(key, new Set());
    return map.get(key);
  }

  // --- between tabs ----------------------------------------------------------------------------------------------

  #post(to, message) {
    this.#channel.postMessage({ from: this.#id, to, ...message });
  }

  /** Ask the leader for a place at its socket. It is answered by "opened", or by "down" and later "up". */
  #ask() {
    this.#isAnswered = false;
    this.#post(LEADER, { open: true });
  }

  #heard({ from, to, ...message }) {
    if (to === LEADER) {
      if (this.#leads) this.#serve(from, message);
    } else if ((to === ALL || to === this.#id) && !this.#real) {
      this.#followed(message);
    }
  }

  /** The leader said something. */
  #followed({ state, code, snapshot, text }) {
    const socket = this.#socket;
    this.#isAnswered = true;
    if (!socket) return;
    if (snapshot && !socket.isOpen) {
      socket.isOpen = true;
      socket.onopen?.({});
      socket.onmessage?.({ data: JSON.stringify(snapshot) });
    } else if (text && socket.isOpen) socket.onmessage?.({ data: text });
    else if (state === "up" && !socket.isOpen) this.#ask();
    else if ((state === "down" || state === "new") && socket.isOpen) this.#fall(code ?? CLOSE_LEADER_GONE);
    // A leader whose user is signed out has nothing to offer, and neither has the server.
    else if (state === "down" && code === 4401) this.#fall(code);
  }

  /** Another tab said something to this one, which leads. */
  #serve(tab, { open, text, bye }) {
    const connector = this.#connector;
    if (bye) for (const tabs of [...this.#watchers.values(), ...this.#askers.values()]) tabs.delete(tab);
    else if (!connector?.online) this.#post(tab, { state: "down" });
    else if (open) this.#post(tab, { snapshot: connector.snapshot });
    else if (text) this.#forward(tab, JSON.parse(text));
  }

  /** What is between page and server is answered here; what somebody wants done goes to the server. */
  #forward(tab, message) {
    const { action, ref } = message;
    const answer = (fields) => this.#post(tab, { text: JSON.stringify({ v: 1, ref, ...fields }) });
    if (action === "ping") answer({ type: "pong" });
    else if (action === "hello") {
      const { user, preferences } = this.#connector;
      const now = new Date(this.#connector.serverNow()).toISOString();
      answer({ type: "reply", ok: true, data: { now, user, preferences, replayed: 0 } });
    } else {
      this.#note(message, tab);
      this.#real?.send(JSON.stringify({ ...message, ref: `${ref}@${tab}` }));
    }
  }
}
