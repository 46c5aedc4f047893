/**
 * The page's end of django_voipcti's WebSocket: call events in, actions out.
 *
 * One dependency-free module, no build step, no globals. `Connector` offers the methods and events of VoIPstudio's
 * original connector, with promises added. It never holds a password or token: the page's Django session is its right
 * to talk, and the server talks to the telephone system.
 *
 * What travels over the socket is written down in docs/reference/messages; how to use this, in
 * docs/reference/javascript.
 *
 * It stays one file on purpose, although it is long: Django's manifest storage does not rewrite `import "./x.js"`
 * unless a host asks for it, so a module that imports a sibling would break under hashed names.
 */

/**
 * One call of one line, as pages see it. Fields up to `status` are those of the original connector.
 * @typedef {object} Call
 * @property {string} id             ours; the same from INITIAL to HANGUP
 * @property {string} cid            the provider's id; empty until it has one
 * @property {string} cause          the provider's words for a call that was not set up
 * @property {"INBOUND"|"OUTBOUND"} direction
 * @property {string} destination
 * @property {string} destinationName
 * @property {string} source
 * @property {string} sourceName
 * @property {string} status         one of CALL_STATUS
 * @property {string} line           id of the line
 * @property {string} number         the other party, in the form in which people write it
 * @property {string} e164
 * @property {string} name
 * @property {object|null} contact   the record it is linked to: label, company, url, confidence
 * @property {object[]} matches      every record with this number, best first, each with the reason
 * @property {boolean} learned       the user himself chose the record for this number
 * @property {{action: string, reason: string, url: string}} pop   what the page does: "pop", "open_record", "open_form",
 *   "silent" or "log_only"
 * @property {object[]} create       forms for a new record with the number filled in: model, label, url
 * @property {object|null} about     what the number itself tells: countryName, region, lineType, localTime, timeZone
 * @property {object[]} directory    what outside directories know: label, company, url, source
 * @property {object[]} lastCalls    earlier calls with the same party, newest first
 * @property {string} context        queue or ring group
 * @property {string} consultationOf id of the call on hold about whose transfer this one asks; else empty
 * @property {boolean} internal
 * @property {string|null} startedAt    ISO 8601
 * @property {string|null} answeredAt
 * @property {string|null} endedAt
 * @property {string} endReason
 * @property {string} endReasonText
 */

/**
 * What listeners get. Call events carry `call`, session events `message`, both a `name`.
 * @typedef {object} Message
 * @property {string} name
 * @property {number} [id]       event id, rising; absent for what is not stored
 * @property {Call} [call]
 * @property {string} [message]  a translated sentence
 * @property {object} [line]
 * @property {string} [nonce]    with TWO_FACTOR_AUTH
 * @property {string} [uri]      with SUBSCRIBED
 * @property {string} [code]     with INFO and ERROR: a stable word, e.g. "invalid_number"
 * @property {string} [ref]      with INFO and ERROR: the action that was refused; its promise rejects too
 */

/** @typedef {{now: () => number, setTimeout: (fn: () => void, ms: number) => any, clearTimeout: (id: any) => void}} Clock */

/**
 * What the connector needs to know of the page it runs in.
 * @typedef {object} Surroundings
 * @property {() => boolean} online   false when the browser knows that there is no network
 * @property {(wake: () => void, sleep: () => void) => () => void} watch
 *   calls `wake` when the network is back or the page is shown again, `sleep` when the network went away;
 *   returns what stops it
 */

/** Names of events. `HANGUP` holds "HANGUP"; the original's constant of that name holds "HUNGUP". */
export const EVENT = Object.freeze({
  INITIAL: "INITIAL",
  ACCEPTED: "ACCEPTED",
  RINGING: "RINGING",
  CONNECTED: "CONNECTED",
  ON_HOLD: "ON_HOLD",
  HANGUP: "HANGUP",
  CANCEL: "CANCEL",
  LOGGED_IN: "LOGGED_IN",
  LOGGED_OUT: "LOGGED_OUT",
  READY: "READY",
  TWO_FACTOR_AUTH: "TWO_FACTOR_AUTH",
  SUBSCRIBED: "SUBSCRIBED",
  INFO: "INFO",
  ERROR: "ERROR",
});

export const DIRECTION = Object.freeze({ INBOUND: "INBOUND", OUTBOUND: "OUTBOUND" });

export const CALL_STATUS = Object.freeze({
  REQUESTED: "REQUESTED",
  INITIAL: "INITIAL",
  ACCEPTED: "ACCEPTED",
  RINGING: "RINGING",
  CONNECTED: "CONNECTED",
  ON_HOLD: "ON_HOLD",
  HANGUP: "HANGUP",
  CANCEL: "CANCEL",
});

/** How the socket stands. Listen with `on("connection", ({state, reason, retryAt}) => …)`. */
export const CONNECTION = Object.freeze({
  CONNECTING: "connecting",
  OPEN: "open",
  RECONNECTING: "reconnecting",
  OFFLINE: "offline",
  CLOSED: "closed",
});

/** Close code of a server that does not know who we are: coming back would not help. */
export const CLOSE_NOT_AUTHENTICATED = 4401;

const PROTOCOL_VERSION = 1;
const FINAL = new Set([CALL_STATUS.HANGUP, CALL_STATUS.CANCEL]);
/** Lists that are only sent when the caller was looked up. */
const LOOKED_UP = ["matches", "lastCalls", "directory"];
/** What only events change; a message about who is calling may have been written before the newest of them. */
const STATE_FIELDS = ["cid", "status", "cause", "startedAt", "answeredAt", "endedAt", "heldSeconds", "endReason", "endReasonText"];
/** Codes of requests that nobody has answered. */
const LOST = new Set(["connection_lost", "timeout", "not_connected"]);
/** Calls whose newest event is remembered, to recognise what comes twice or late. */
const REMEMBERED_CALLS = 500;

/** Milliseconds. The server's own time-outs are longer than none of these. */
const TIMING = Object.freeze({
  heartbeat: 25_000, // proxies commonly cut a silent WebSocket after 60 s
  pong: 8_000,
  request: 20_000,
  opening: 15_000,
  stable: 10_000, // a connection that lived this long was a good one: the next loss starts with short delays
  firstDelay: 1_000,
  maxDelay: 30_000,
});
/** Unanswered requests at one time; a page that has more is broken. */
const MAX_PENDING = 100;

/** English sentences for what is refused before anything is sent; `messages` replaces them by code. */
const MESSAGES = Object.freeze({
  not_connected:
    "There is no connection to the server at the moment, so nothing was done. Please try again when it is back.",
  connection_lost: "The connection was lost before an answer came. Look at the call before you try again.",
  timeout: "The server did not answer in time. Look at the call before you try again.",
  too_many_requests: "Too many requests are waiting for an answer. Please wait a moment.",
  missing_argument: "Something is missing: please fill in every field.",
  not_supported: "Pages cannot reach the provider's programming interface directly; use the methods of the connector.",
  not_authenticated: "You are not signed in any more. Please reload the page and sign in.",
  no_reason: "The server refused this without a reason. Please try again; if it goes on, tell your administrator.",
});

/**
 * Why an action was refused. `name` is "ERROR" (wrong) or "INFO" (cannot be done now), `code` a stable word. With the
 * code "needs_confirmation", `confirm` says what speaks against it and has the token that confirms it.
 */
export class ActionRefused extends Error {
  /** @param {{name?: string, code: string, message: string, confirm?: object}} error */
  constructor({ name = EVENT.ERROR, code, message, confirm }) {
    super(message);
    this.name = name;
    this.code = code;
    if (confirm) this.confirm = confirm;
  }
}

/**
 * Delays before reconnection attempts, in milliseconds: chosen at random below a limit that doubles up to `max`, so
 * that a thousand pages do not come back in the same instant after a restart.
 * @param {() => number} random
 */
export function* backoff(random, { first = TIMING.firstDelay, max = TIMING.maxDelay } = {}) {
  for (let limit = first; ; limit = Math.min(limit * 2, max)) {
    yield Math.round(limit * (0.1 + 0.9 * random()));
  }
}

/** Pages in the original's manner listen to events and leave promises alone: that is no unhandled rejection. */
function quietly(promise) {
  promise.catch(() => {});
  return promise;
}

/** @type {Clock} */
const browserClock = {
  now: () => Date.now(),
  setTimeout: (fn, ms) => globalThis.setTimeout(fn, ms),
  clearTimeout: (id) => globalThis.clearTimeout(id),
};

/** @returns {Surroundings} */
const browserSurroundings = () => ({
  online: () => globalThis.navigator?.onLine !== false,
  watch(wake, sleep) {
    const controller = new AbortController();
    const { signal } = controller;
    globalThis.addEventListener?.("online", wake, { signal });
    globalThis.addEventListener?.("offline", sleep, { signal });
    globalThis.addEventListener?.("pageshow", wake, { signal });
    globalThis.document?.addEventListener("visibilitychange", () => globalThis.document.hidden || wake(), { signal });
    return () => controller.abort();
  },
});

/** The full address of the socket; by default on the server that delivered this page. */
function socketUrl(address) {
  const url = new URL(address, globalThis.location?.href);
  url.protocol = url.protocol.replace(/^http/, "ws");
  return url.href;
}

export class Connector {
  #url;
  #WebSocket;
  #clock;
  #random;
  #surroundings;
  #messages;
  #timing;
  #listeners = new Map();

  #socket = null;
  #state = CONNECTION.CLOSED;
  #wanted = false;
  #unwatch = null;
  #delays;
  #retryTimer = null;
  #openTimer = null;
  #beatTimer = null;
  #openedAt = 0;

  #nextRef = 1;
  #pending = new Map();
  #lastEventId = 0;
  #newestEventOf = new Map();
  /** Messages kept back while the server replays what was missed; null at all other times. */
  #held = null;
  #synced = false;
  #clockOffset = 0;

  #calls = new Map();
  #lines = new Map();
  #user = null;
  #preferences = {};
  /** Nodes subscribed to, by the id of their line. */
  #nodes = new Map();
  #uris = new Set();

  /**
   * Connects by itself in the next microtask, so that listeners added right after construction miss nothing.
   * @param {object} [options]
   * @param {string} [options.url]  address or path of the socket
   * @param {(message: Message) => void} [options.onMessage]  gets every call and session event, as in the original
   * @param {boolean} [options.connect]  false waits for `connect()`
   * @param {Object<string, string>} [options.messages]  translations by code
   * @param {typeof WebSocket} [options.WebSocket]
   * @param {Clock} [options.clock]
   * @param {() => number} [options.random]
   * @param {Surroundings} [options.surroundings]
   * @param {Partial<typeof TIMING>} [options.timing]  milliseconds
   */
  constructor({
    url = "/ws/voipcti/",
    onMessage,
    connect = true,
    messages = {},
    WebSocket = globalThis.WebSocket,
    clock = browserClock,
    random = Math.random,
    surroundings = browserSurroundings(),
    timing = {},
  } = {}) {
    this.#url = socketUrl(url);
    this.#WebSocket = WebSocket;
    this.#clock = clock;
    this.#random = random;
    this.#surroundings = surroundings;
    this.#messages = { ...MESSAGES, ...messages };
    this.#timing = { ...TIMING, ...timing };
    this.#delays = this.#newDelays();
    if (onMessage) this.on("message", onMessage);
    if (connect) queueMicrotask(() => this.connect());
  }

  // --- state -----------------------------------------------------------------------------------------------------

  /** Whether calls can be made and seen now: the socket is up to date and at least one line is ready. */
  isConnected() {
    return this.online && this.lines.some((line) => line.status === "READY");
  }

  /** Whether the socket is open and what it showed is complete. */
  get online() {
    return this.#state === CONNECTION.OPEN && this.#synced;
  }

  /** One of CONNECTION. */
  get state() {
    return this.#state;
  }

  /** Live calls, oldest first. @returns {Call[]} */
  get calls() {
    return [...this.#calls.values()];
  }

  /** The user's lines. */
  get lines() {
    return [...this.#lines.values()];
  }

  /** Who is signed in, as the server says: `{id, name}`; null before it was asked. */
  get user() {
    return this.#user;
  }

  /** How the user wants to be told of calls: `popOn`, `ringTone`, `notifications`, `openRecord`, `doNotDisturb`. */
  get preferences() {
    return this.#preferences;
  }

  /** Where everything of the user's own stands, as the server would tell it to a page that connects now. */
  get snapshot() {
    const calls = this.calls.filter((call) => this.#lines.has(call.line));
    return { v: PROTOCOL_VERSION, type: "snapshot", last_event_id: this.#lastEventId, lines: this.lines, calls };
  }

  /** Id of the newest event that was seen. */
  get lastEventId() {
    return this.#lastEventId;
  }

  /** The server's time now, in milliseconds since 1970; timers that count from a call's times need it. */
  serverNow() {
    return this.#clock.now() + this.#clockOffset;
  }

  // --- listening -------------------------------------------------------------------------------------------------

  /**
   * Listen to events by name; returns the function that stops it.
   *
   * Beside the names in EVENT: "message" (all of those), "snapshot" (state was brought up to date; no argument),
   * "connection" (see CONNECTION), "dismissed" (`{call}`: its id; somebody put it out of sight on one of his pages),
   * "preferences" (all of them), "pop" (`{id, title, html}`: a fragment that the server wants to show), "block" (what the
   * host knows about a call's record: `{call, objectId, key, title, state, text, facts}`), "note" (`{calls, note}`: a note on the conversation
   * whose legs are `calls` was saved, or written by the user on one of his pages), "call" (`{call}`:
   * something else than its state is known now, e.g. who it is).
   * @param {string} name
   * @param {(message: any) => void} listener
   * @returns {() => void}
   */
  on(name, listener) {
    if (!this.#listeners.has(name)) this.#listeners.set(name, new Set());
    this.#listeners.get(name).add(listener);
    return () => this.#listeners.get(name)?.delete(listener);
  }

  #emit(name, detail) {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        listener(detail);
      } catch (error) {
        // One broken listener must not keep the others from hearing of a call.
        this.#uncaught(error);
      }
    }
  }

  /** Let the browser report an error of the page's own code. */
  #uncaught(error) {
    queueMicrotask(() => {
      throw error;
    });
  }

  /** @param {Message} message */
  #tell(message) {
    this.#emit(message.name, message);
    this.#emit("message", message);
  }

  // --- actions ---------------------------------------------------------------------------------------------------
  // Each returns a promise of the server's answer, and a refusal is also an ERROR or INFO event, as in the original.

  /**
   * Ring the user's own phone, then `number`. Resolves to `{call}` with the id of the new call. Something may speak
   * against it (see ActionRefused): the same again with the token as `confirm`, and a `reason`, sets that aside.
   */
  call(number, { line, confirm, reason } = {}) {
    return this.#act("call", { number }, { line, confirm, reason });
  }

  /** Make the user's phone answer `call`, or the one ringing inbound call. @param {string} [call] */
  answer(call) {
    return this.#act("answer", {}, { call });
  }

  /** End a call; declines it while it rings. @param {string} call */
  terminate(call) {
    return this.#act("terminate", { call });
  }

  /** @param {string} call @param {string} number  extension or number */
  transfer(call, number) {
    return this.#act("transfer", { call, number });
  }

  /**
   * Put a call on hold and ask somebody whether it may be transferred to him. Resolves to `{call}` with the id of the new
   * call, the consultation.
   * @param {string} call @param {string} number  extension or number
   */
  consult(call, number, { confirm, reason } = {}) {
    return this.#act("consult", { call, number }, { confirm, reason });
  }

  /** Connect the call on hold with whom was asked, and drop out. @param {string} call  either of the two */
  completeTransfer(call) {
    return this.#act("complete_transfer", { call });
  }

  /** End the consultation and talk to the caller on hold again. @param {string} call  either of the two */
  returnToCall(call) {
    return this.#act("return_to_call", { call });
  }

  /** @param {string} call */
  hold(call) {
    return this.#act("hold", { call });
  }

  /** @param {string} call */
  resume(call) {
    return this.#act("resume", { call });
  }

  /**
   * Remember that one of the matches is who calls on this number.
   * @param {string} call @param {string} model @param {string} objectId
   */
  choose(call, model, objectId) {
    return this.#act("choose", { call, model, objectId });
  }

  /** Forget what the user chose for the number of a call. @param {string} call */
  forget(call) {
    return this.#act("forget", { call });
  }

  /**
   * Let everybody know that the number of a call belongs to a record. Resolves to `{linked}`: how many earlier calls
   * are being linked to it.
   * @param {string} call @param {string} model @param {string} objectId
   */
  attach(call, model, objectId) {
    return this.#act("attach", { call, model, objectId });
  }

  /**
   * Records to attach a number to, by what somebody has typed so far. Resolves to a list like `matches`. A refusal is no
   * event: the next letter asks again.
   * @param {string} text
   */
  suggest(text) {
    return quietly(this.#act("suggest", { text }, {}, true).then((data) => data.records));
  }

  /**
   * Ask the host's blocks about a record that a call is linked to. They come as "block" events, one by one; resolves
   * when all of them have come. A refusal is no event: the pop does without.
   * @param {string} call @param {string} model @param {string} objectId
   */
  blocks(call, model, objectId) {
    return this.#act("blocks", { call, model, objectId }, {}, true);
  }

  /**
   * The notes on a call. Resolves to `{call, notes, outcomes}`: saved ones, the user's own draft among them, and what can
   * come of a call. What is between the page and its drafts is no event when it is refused: nobody asked for it.
   * @param {string} call
   */
  notes(call) {
    return this.#act("notes", { call }, {}, true);
  }

  /** What the user has not saved. Resolves to `{drafts, key}`; `key` encrypts what a browser keeps until it is sent. */
  drafts() {
    return this.#act("drafts", {}, {}, true);
  }

  /**
   * Keep what the user has typed so far; his other pages show it. Resolves to `{note}`.
   * @param {string} call
   * @param {{text?: string, outcome?: string, followUpOn?: string}} content  `outcome`: id; `followUpOn`: ISO 8601 date
   */
  draft(call, { text = "", outcome = "", followUpOn = "" }) {
    return this.#act("draft", { call }, { text, outcome, followUpOn }, true);
  }

  /** Forget what the user has typed and not saved. @param {string} call */
  discardDraft(call) {
    return this.#act("discard_draft", { call }, {}, true);
  }

  /** Save the user's note on a call: whoever may see the call may read it. An empty one is taken away. Content as above. */
  saveNote(call, { text = "", outcome = "", followUpOn = "" }) {
    return this.#act("note", { call }, { text, outcome, followUpOn });
  }

  /** Say what came of a call, and leave the text of the note alone. @param {string} call @param {string} outcome  id or "" */
  setOutcome(call, outcome) {
    return this.#act("outcome", { call }, { outcome });
  }

  /** Take a call out of sight on every page of the user, also on other devices. The call goes on. @param {string} call */
  dismiss(call) {
    return this.#act("dismiss", { call });
  }

  /**
   * Say what the page did with a ringing call, once it is painted: the call's page in the admin tells from it why a call
   * did (not) pop. The panel does this by itself.
   * @param {string} call
   * @param {string} how  "shown", "folded", "silent", "do_not_disturb", "on_answer", "put_away" or "nothing"
   * @param {{hidden?: boolean, after?: number}} [details]  whether the tab was in the background, and the milliseconds
   *   from the message to the painted call
   */
  shown(call, how, { hidden = false, after = 0 } = {}) {
    return this.#act("shown", { call, how }, { hidden, after }, true);
  }

  /** Keep choices of the user, e.g. `{doNotDisturb: true}`, on the server. All his pages hear of it. */
  setPreferences(choices) {
    return this.#act("preferences", {}, choices);
  }

  /**
   * Log a line in: `login(email, password)` or `login(apiKey)`. Nothing of it is kept in the page.
   * The telephone system may want a code: then a TWO_FACTOR_AUTH event brings the nonce for `twoFactorAuth`.
   */
  login(...credentials) {
    if (credentials.length === 1) return this.#act("login", { apiKey: credentials[0] });
    return this.#act("login", { email: credentials[0], password: credentials[1] });
  }

  /** @param {string} code @param {string} nonce */
  twoFactorAuth(code, nonce) {
    return this.#act("two_factor_auth", { code, nonce });
  }

  /** Log the user's lines out of the telephone system; the page stays connected to the server. */
  logout() {
    return this.#act("logout", {});
  }

  /**
   * Also hear of the calls of another node, as far as the user may: a colleague ("user:1001"), or a queue, menu or
   * conference room ("queue:70001", "ivr:…", "conf:…") where the telephone system shows those. Its present calls are told
   * as events at once.
   * @param {string} node
   */
  subscribe(node) {
    return quietly(this.#act("subscribe", { node }).then((data) => this.#subscribed(node, data)));
  }

  #subscribed(node, data) {
    this.#nodes.set(node, data.line);
    // What went unseen while the socket was away.
    const { line, calls } = data;
    if (calls) this.#endCalls((call) => call.line === line && !this.#lines.has(line) && !calls.includes(call.id));
    return data;
  }

  /** Nodes whose calls are told: the user's own lines, and what was subscribed to. @returns {string[]} */
  getSubscriptionURIs() {
    const own = this.lines.filter((line) => line.status === EVENT.READY && line.node).map((line) => line.node);
    return [...new Set([...own, ...this.#uris])];
  }

  /** Colleagues to transfer to. Resolves to a list of `{account, name, extension}`. */
  colleagues() {
    return quietly(this.#act("colleagues", {}).then((data) => data.colleagues));
  }

  /**
   * The original's raw access to the provider's interface, for the requests that have a meaning here: `GET /me`,
   * `GET /ping`, `GET /calls`, `POST /calls {to}`, `PATCH /calls/{id} {dst}` or `{state: "CONNECTED"}`,
   * `DELETE /calls/{id}` and `POST /logout`. Everything else would need the provider's token in the page: refused.
   *
   * `{id}` is our id of the call or the provider's.
   * @param {string} method
   * @param {string} path
   * @param {object|null} [data]
   * @param {(answer: {data: any}) => void} [onSuccess]
   * @param {(error: ActionRefused) => void} [onFailure]  without it a refusal is told as an ERROR or INFO event
   * @returns {Promise<{data: any}>}
   */
  apiRequest(method, path, data, onSuccess, onFailure) {
    const asked = this.#mapped(String(method).toUpperCase(), String(path), data ?? {}, Boolean(onFailure));
    const answered = asked.then((answer) => ({ data: answer }));
    answered.then(onSuccess, onFailure).catch((error) => error instanceof ActionRefused || this.#uncaught(error));
    return quietly(answered);
  }

  #mapped(method, path, data, quiet) {
    const [, resource, id] = /^\/?(me|ping|calls|logout)(?:\/([^/?]+))?\/?$/.exec(path) ?? [];
    const call = id && (this.calls.find((known) => known.id === id || known.cid === id)?.id ?? id);
    const act = (action, required) => this.#act(action, required, {}, quiet);
    const known = (answer) => (this.online ? Promise.resolve(answer) : this.#refuse("not_connected", quiet));
    switch (`${method} ${resource}${id ? "/" : ""}`) {
      case "GET me":
        return known(this.user);
      case "GET ping":
        return known({});
      case "GET calls":
        return known(this.calls);
      case "POST calls":
        return act("call", { number: data.to });
      case "PATCH calls/":
        if (data.dst !== undefined) return act("transfer", { call, number: data.dst });
        if (data.state === CALL_STATUS.CONNECTED) return act("answer", { call });
        break;
      case "DELETE calls/":
        return act("terminate", { call });
      case "POST logout":
        return act("logout", {});
    }
    return this.#refuse("not_supported", quiet);
  }

  /**
   * @param {string} action
   * @param {object} required
   * @param {object} [optional]
   * @param {boolean} [quiet]  a refusal only rejects the promise
   */
  #act(action, required, optional = {}, quiet = false) {
    const fields = Object.entries(required).map(([key, value]) => [
      key,
      typeof value === "number" ? String(value) : value,
    ]);
    if (fields.some(([, value]) => typeof value !== "string" || value.trim() === "")) {
      return this.#refuse("missing_argument", quiet);
    }
    // Refused rather than queued: a number that is dialled a minute later, unasked, is worse than an error now.
    if (!this.online) return this.#refuse("not_connected", quiet);
    return this.#request(action, { ...Object.fromEntries(fields), ...optional }, quiet);
  }

  #refuse(code, quiet = false) {
    const error = { name: EVENT.ERROR, code, message: this.#messages[code] };
    const promise = quietly(Promise.reject(new ActionRefused(error)));
    if (!quiet) this.#tell({ ...error, ref: "" });
    return promise;
  }

  #request(action, fields, quiet = false) {
    if (this.#pending.size >= MAX_PENDING) return this.#refuse("too_many_requests", quiet);
    const ref = String(this.#nextRef++);
    const promise = new Promise((resolve, reject) => {
      const timer = this.#clock.setTimeout(() => this.#fail(ref, "timeout"), this.#timing.request);
      this.#pending.set(ref, { action, quiet, resolve, reject, timer });
    });
    quietly(promise);
    this.#send({ action, ref, ...fields });
    return promise;
  }

  #settle(ref) {
    const request = this.#pending.get(ref);
    if (!request) return null;
    this.#pending.delete(ref);
    this.#clock.clearTimeout(request.timer);
    return request;
  }

  #fail(ref, code) {
    this.#reject(ref, { name: EVENT.ERROR, code, message: this.#messages[code] });
  }

  #reject(ref, error) {
    const request = this.#settle(ref);
    if (!request) return;
    request.reject(new ActionRefused(error));
    // The connector's own housekeeping is no business of the page.
    if (!request.quiet && request.action !== "hello") this.#tell({ ...error, ref });
  }

  /** What a refusal says, whatever is missing in it. */
  #complete(error) {
    return { name: EVENT.ERROR, code: "no_reason", message: this.#messages.no_reason, ...error };
  }

  // --- connection ------------------------------------------------------------------------------------------------

  /** Connect, and stay connected until `close()`. Does nothing if that is so already. */
  connect() {
    if (this.#wanted) return;
    this.#wanted = true;
    this.#unwatch = this.#surroundings.watch(
      () => this.#wake(),
      () => this.#drop(CONNECTION.OFFLINE),
    );
    this.#delays = this.#newDelays();
    this.#open(CONNECTION.CONNECTING);
  }

  /** Close the socket and stop reconnecting. */
  close() {
    this.#wanted = false;
    this.#unwatch?.();
    this.#unwatch = null;
    this.#drop(CONNECTION.CLOSED);
  }

  #newDelays() {
    return backoff(this.#random, { first: this.#timing.firstDelay, max: this.#timing.maxDelay });
  }

  #setState(state, details = {}) {
    this.#state = state;
    this.#emit("connection", { state, ...details });
  }

  #open(state) {
    this.#clearTimers();
    if (!this.#surroundings.online()) {
      this.#setState(CONNECTION.OFFLINE);
      return;
    }
    this.#setState(state);
    const socket = new this.#WebSocket(this.#url);
    this.#socket = socket;
    this.#openTimer = this.#clock.setTimeout(() => this.#drop(), this.#timing.opening);
    socket.onopen = () => this.#isCurrent(socket) && this.#opened();
    socket.onmessage = (event) => this.#isCurrent(socket) && this.#received(event.data);
    socket.onclose = (event) => this.#isCurrent(socket) && this.#closed(event);
  }

  #isCurrent(socket) {
    return this.#socket === socket;
  }

  #opened() {
    this.#openedAt = this.#clock.now();
    // The first snapshot and the answer to hello may arrive with live events between them: hold all until both are
    // here, then take them in the order in which they happened.
    this.#held = [];
    const socket = this.#socket;
    const known = this.#lastEventId;
    this.#request("hello", known ? { last_event_id: known } : {}).then(
      (data) => this.#isCurrent(socket) && this.#caughtUp(data),
      () => this.#isCurrent(socket) && this.#drop(),
    );
  }

  #caughtUp(data) {
    this.#clock.clearTimeout(this.#openTimer);
    this.#setServerTime(data.now);
    this.#user = data.user ?? null;
    this.#prefer(data.preferences ?? this.#preferences);
    const held = this.#held;
    this.#held = null;
    const orderOf = ({ type, id, last_event_id: upTo }) => (type === "snapshot" ? upTo + 0.5 : (id ?? Infinity));
    held.sort((one, other) => orderOf(one) - orderOf(other) || 0);
    this.#synced = true;
    this.#setState(CONNECTION.OPEN);
    held.forEach((envelope) => this.#apply(envelope));
    this.#renewSubscriptions();
    this.#beat();
  }

  #closed({ code }) {
    if (code === CLOSE_NOT_AUTHENTICATED) {
      this.close();
      this.#tell({ name: EVENT.ERROR, code: "not_authenticated", message: this.#messages.not_authenticated });
      return;
    }
    this.#drop();
  }

  /** Let go of the socket, fail what waits for it, and go on as `state` says (by default: reconnect). */
  #drop(state = CONNECTION.RECONNECTING) {
    const socket = this.#socket;
    const wasStable = this.#synced && this.#clock.now() - this.#openedAt >= this.#timing.stable;
    this.#socket = null;
    this.#held = null;
    this.#synced = false;
    this.#clearTimers();
    for (const ref of [...this.#pending.keys()]) this.#fail(ref, "connection_lost");
    socket?.close();
    if (state !== CONNECTION.RECONNECTING || !this.#wanted) {
      this.#setState(this.#wanted ? state : CONNECTION.CLOSED);
      return;
    }
    if (wasStable) this.#delays = this.#newDelays();
    const delay = this.#delays.next().value;
    this.#retryTimer = this.#clock.setTimeout(() => this.#open(CONNECTION.RECONNECTING), delay);
    this.#setState(CONNECTION.RECONNECTING, { retryAt: this.#clock.now() + delay });
  }

  /** The network is back, or somebody looks at the page again: find out at once whether the socket still lives. */
  #wake() {
    if (!this.#wanted) return;
    if (this.#synced) this.#beat();
    else if (!this.#socket) this.#open(CONNECTION.RECONNECTING);
  }

  #beat() {
    this.#clock.clearTimeout(this.#beatTimer);
    this.#send({ action: "ping", ref: String(this.#nextRef++) });
    this.#beatTimer = this.#clock.setTimeout(() => this.#drop(), this.#timing.pong);
  }

  #pong() {
    this.#clock.clearTimeout(this.#beatTimer);
    this.#beatTimer = this.#clock.setTimeout(() => this.#beat(), this.#timing.heartbeat);
  }

  #clearTimers() {
    for (const timer of [this.#retryTimer, this.#openTimer, this.#beatTimer]) this.#clock.clearTimeout(timer);
  }

  #send(message) {
    this.#socket?.send(JSON.stringify(message));
  }

  // --- messages from the server ----------------------------------------------------------------------------------

  #received(data) {
    let envelope;
    try {
      envelope = JSON.parse(data);
    } catch {
      return;
    }
    // A newer server may know more types and fields; those are passed over. Another version is another language.
    if (envelope?.v !== PROTOCOL_VERSION) return;
    if (envelope.type === "reply") this.#replied(envelope);
    else if (envelope.type === "pong") this.#pong();
    else if (this.#held) this.#held.push(envelope);
    else this.#apply(envelope);
  }

  #replied({ ref, ok, data, error }) {
    if (ok) this.#settle(ref)?.resolve(data ?? {});
    else if (this.#pending.has(ref)) this.#reject(ref, this.#complete(error));
    else this.#tell({ ...this.#complete(error), ref: ref ?? "" });
  }

  #apply(envelope) {
    if (envelope.type === "snapshot") this.#applySnapshot(envelope);
    else if (envelope.type === "event") this.#applyEvent(envelope);
    else if (envelope.type === "call") this.#applyCall(envelope.call);
    else if (envelope.type === "dismissed") this.#emit("dismissed", { call: envelope.call });
    else if (envelope.type === "pop") this.#emit("pop", envelope);
    else if (envelope.type === "block") this.#emit("block", envelope);
    else if (envelope.type === "note") this.#emit("note", envelope);
    else if (envelope.type === "preferences") this.#prefer(envelope.preferences);
  }

  #prefer(preferences) {
    this.#preferences = Object.freeze({ ...preferences });
    this.#emit("preferences", this.#preferences);
  }

  #applyEvent({ type: _type, v: _version, ...message }) {
    if (message.call) {
      if (!this.#isNews(message)) return;
      this.#keep(message.call);
    }
    if (message.line && !this.#isWatched(message.line)) this.#lines.set(message.line.id, message.line);
    if (message.name === EVENT.SUBSCRIBED) this.#uris.add(message.uri);
    this.#tell(message);
  }

  /** Who is calling, or what can be done about it, is known better now. How the call stands is told by events alone. */
  #applyCall(call) {
    const known = this.#calls.get(call.id);
    if (known) {
      for (const field of STATE_FIELDS) call[field] = known[field];
      this.#calls.set(call.id, call);
    } else if (!FINAL.has(call.status)) return; // it has ended since this was written
    this.#emit("call", { call });
  }

  /** Whether a line is somebody else's that was subscribed to: it tells of itself, but calls are not made from it. */
  #isWatched({ id }) {
    return !this.#lines.has(id) && [...this.#nodes.values()].includes(id);
  }

  /** Event ids rise with time: one that is not newer than what we know of its call came twice, or too late. */
  #isNews({ id, call }) {
    const newest = this.#newestEventOf;
    if (id <= (newest.get(call.id) ?? 0)) return false;
    newest.delete(call.id);
    newest.set(call.id, id);
    if (newest.size > REMEMBERED_CALLS) newest.delete(newest.keys().next().value);
    this.#lastEventId = Math.max(this.#lastEventId, id);
    return true;
  }

  /** The server looks the caller up when the call appears; what it found then stays with the call. */
  #keep(call) {
    const known = this.#calls.get(call.id);
    for (const field of known ? LOOKED_UP : []) if (!call[field]?.length) call[field] = known[field];
    if (known) call.about ??= known.about;
    if (FINAL.has(call.status)) this.#calls.delete(call.id);
    else this.#calls.set(call.id, call);
  }

  /**
   * Take over a snapshot and tell the difference as events, so that a page that only listens to events is right too:
   * new and changed calls under their present state, vanished ones as ended, lines whose status changed.
   */
  #applySnapshot({ last_event_id: upTo, lines, calls }) {
    const before = this.#calls;
    const linesBefore = this.#lines;
    this.#calls = new Map(calls.map((call) => [call.id, call]));
    this.#lines = new Map(lines.map((line) => [line.id, line]));
    // Of what is only watched the snapshot says nothing: that follows when its subscription is renewed.
    for (const call of before.values()) if (this.#isWatched({ id: call.line })) this.#calls.set(call.id, call);
    this.#lastEventId = Math.max(this.#lastEventId, upTo);
    for (const line of this.#lines.values()) {
      const known = linesBefore.get(line.id)?.status;
      if (known !== line.status && (known || line.status === EVENT.READY)) {
        this.#tell({ name: line.status, message: line.message || line.statusLabel, line });
      }
    }
    for (const call of before.values()) if (!this.#calls.has(call.id)) this.#tellUnseenEnd(call);
    for (const call of this.#calls.values()) {
      if (before.get(call.id)?.status !== call.status) this.#tell({ name: call.status, call });
    }
    this.#emit("snapshot");
  }

  #tellUnseenEnd(call) {
    const ended = { ...call, status: CALL_STATUS.HANGUP, endReason: "unknown", endReasonText: "" };
    this.#tell({ name: EVENT.HANGUP, call: ended });
  }

  /** End the calls that `isOver` names: they ended unseen, or are not told of any more. */
  #endCalls(isOver) {
    for (const call of this.calls.filter(isOver)) {
      this.#calls.delete(call.id);
      this.#tellUnseenEnd(call);
    }
  }

  #setServerTime(now) {
    const time = Date.parse(now ?? "");
    if (!Number.isNaN(time)) this.#clockOffset = time - this.#clock.now();
  }

  /** The server forgets what a socket subscribed to when it closes; we do not. */
  #renewSubscriptions() {
    for (const [node, line] of this.#nodes) {
      this.#request("subscribe", { node }).then(
        (data) => this.#subscribed(node, data),
        ({ code }) => {
          // Asked again when the connection is back; refused for good otherwise.
          if (LOST.has(code)) return;
          this.#nodes.delete(node);
          this.#uris.delete(node);
          this.#endCalls((call) => call.line === line && !this.#lines.has(line));
        },
      );
    }
  }
}

const CALLABLE = "[data-voipcti-number], [data-voipcti-field], [data-voipcti-tel-links] a[href^='tel:' i]";

/** The number in a `tel:` address, without the parameters of RFC 3966; empty if it cannot be read. */
function numberOf(address) {
  try {
    return decodeURIComponent(address.slice("tel:".length).split(";")[0]).trim();
  } catch {
    return "";
  }
}

/** What was clicked or has the focus, also inside an open shadow root. */
const targetOf = (event) => event.composedPath?.()[0] ?? event.target;

/**
 * Turn clicks on numbers into calls: on every link that `{% click_to_call %}` made, and on any element with
 * `data-voipcti-number`, with `data-voipcti-field` (the id of a field whose value is called), and on `tel:` links inside an
 * element with `data-voipcti-tel-links`; also on those that are added later. A click that cannot be handled is left alone,
 * so that a `tel:` link still does what the device does with such links; `refuse` hears of it where there is no link.
 * Enter and Space do on an element with `role="button"` what they do on a button.
 *
 * @param {{canCall: () => boolean, call: (number: string, element: Element) => void,
 *   refuse?: (number: string, element: Element) => void}} caller
 * @param {EventTarget & ParentNode} [root]
 * @returns {() => void} stops it
 */
export function enableClickToCall(caller, root = globalThis.document) {
  const onClick = (event) => {
    if (event.defaultPrevented || event.button > 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    const element = targetOf(event).closest?.(CALLABLE);
    if (!element) return;
    const { voipctiNumber, voipctiField } = element.dataset;
    const field = voipctiField && element.getRootNode().getElementById(voipctiField);
    const number = voipctiNumber || (field ? field.value.trim() : numberOf(element.getAttribute("href") ?? ""));
    if (!number) field?.focus();
    else if (caller.canCall()) {
      event.preventDefault();
      caller.call(number, element);
    } else if (!element.getAttribute("href")) caller.refuse?.(number, element);
  };
  const onKey = (event) => {
    const element = targetOf(event);
    if ((event.key !== "Enter" && event.key !== " ") || !element.matches?.(CALLABLE)) return;
    if (event.defaultPrevented || element.getAttribute("role") !== "button" || element.localName === "button") return;
    event.preventDefault(); // of Space: the page would scroll
    if (!event.repeat) element.click();
  };
  root.addEventListener("click", onClick);
  root.addEventListener("keydown", onKey);
  return () => {
    root.removeEventListener("click", onClick);
    root.removeEventListener("keydown", onKey);
  };
}
