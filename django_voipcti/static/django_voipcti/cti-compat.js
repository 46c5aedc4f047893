/**
 * The global `Cti` of VoIPstudio's original connector, on top of connector.js: a page written for the original works
 * after its two script tags (sip.js and the connector) are replaced by `{% voipcti_compat %}`.
 *
 * A classic script, since such pages use `Cti` in the next line. It loads the module beside it (or the one that its
 * `data-connector` names, for hashed file names); until that is here a `Connector` behaves as one without a connection.
 * What differs from the original, and why, stands in docs/reference/javascript.
 */
(() => {
  const script = document.currentScript;
  const address = new URL(script.dataset.connector ?? "connector.js", script.src).href;
  const loading = import(address);
  /** Milliseconds that a login waits for the socket; nothing else waits. */
  const PATIENCE = 15_000;

  const named = (...names) => Object.freeze(Object.fromEntries(names.map((name) => [name, name])));
  const STATES = ["INITIAL", "ACCEPTED", "RINGING", "CONNECTED", "ON_HOLD", "HANGUP", "CANCEL"];
  const SESSION = ["LOGGED_IN", "LOGGED_OUT", "READY", "TWO_FACTOR_AUTH", "SUBSCRIBED", "INFO", "ERROR"];
  const EVENT = named(...STATES, ...SESSION);
  const DIRECTION = named("INBOUND", "OUTBOUND");
  const CALL_STATUS = named("REQUESTED", ...STATES);

  /** Write to the browser's console, as the original's helper did. */
  const log = (...values) => console.log("[Cti]", ...values);

  class Connector {
    #inner = null;
    #ready;
    #tell;
    #clock;
    #messages;
    #announced = new Set();

    /**
     * @param {object} [options]
     * @param {(message: object) => void} [options.onMessage]
     * @param {string} [options.url]  the socket; `data-url` of the script, else that of connector.js
     *   `apiEndpoint` is accepted and has no effect: the server knows where the provider is.
     *   The further options are those of connector.js.
     */
    constructor({ onMessage, apiEndpoint: _unused, ...options } = {}) {
      this.#tell = onMessage ?? (() => {});
      this.#clock = options.clock ?? globalThis;
      this.#messages = { ...JSON.parse(script.dataset.messages ?? "{}"), ...options.messages };
      const url = options.url ?? script.dataset.url;
      this.#ready = loading.then((module) => {
        this.#inner = new module.Connector({
          ...options,
          ...(url ? { url } : {}),
          messages: this.#messages,
          onMessage: (message) => this.#onMessage(message),
        });
      });
    }

    #onMessage(message) {
      const { name, line } = message;
      // The original says of the own user what it says of others, before it is ready, once a login.
      if (name === EVENT.READY && line?.node && !this.#announced.has(line.node)) {
        this.#announced.add(line.node);
        this.#tell({ name: EVENT.SUBSCRIBED, message: line.label, uri: line.node });
      }
      if (name === EVENT.LOGGED_OUT && line) this.#announced.delete(line.node);
      this.#tell(message);
    }

    isConnected() {
      return Boolean(this.#inner?.isConnected());
    }

    login(...credentials) {
      return this.#whenOpen((inner) => inner.login(...credentials));
    }

    twoFactorAuth(code, nonce) {
      return this.#whenOpen((inner) => inner.twoFactorAuth(code, nonce));
    }

    logout() {
      return this.#now((inner) => inner.logout());
    }

    call(destination) {
      return this.#now((inner) => inner.call(destination));
    }

    /** Without an argument: what rings on the user's own lines, never a colleague's call that is only watched. */
    answer(callId) {
      return this.#now((inner) => inner.answer(callId));
    }

    terminate(callId) {
      return this.#now((inner) => inner.terminate(callId));
    }

    transfer(callId, destination) {
      return this.#now((inner) => inner.transfer(callId, destination));
    }

    hold(callId) {
      return this.#now((inner) => inner.hold(callId));
    }

    resume(callId) {
      return this.#now((inner) => inner.resume(callId));
    }

    subscribe(node) {
      return this.#now((inner) => inner.subscribe(node));
    }

    getSubscriptionURIs() {
      return this.#inner?.getSubscriptionURIs() ?? [];
    }

    apiRequest(method, path, data, onSuccess, onFailure) {
      return this.#now((inner) => inner.apiRequest(method, path, data, onSuccess, onFailure), onFailure);
    }

    /** The connector of connector.js, for what the original did not have. Resolves once it is loaded. */
    get connector() {
      return this.#ready.then(() => this.#inner);
    }

    /** Nothing that dials waits: a call placed a minute later, unasked, would be worse than an error now. */
    #now(act, onFailure) {
      if (this.#inner) return act(this.#inner);
      const code = "not_connected";
      const error = Object.assign(new Error(this.#messages[code] ?? "There is no connection to the server yet."), {
        name: EVENT.ERROR,
        code,
      });
      if (onFailure) onFailure(error);
      else this.#tell({ name: EVENT.ERROR, code, message: error.message });
      const refused = Promise.reject(error);
      refused.catch(() => {});
      return refused;
    }

    /** Pages log in in the line after the constructor: that waits for the socket, as the original's login made one. */
    #whenOpen(act) {
      const done = this.#ready.then(
        () =>
          new Promise((resolve) => {
            const inner = this.#inner;
            const stops = [];
            const go = () => {
              stops.forEach((stop) => stop());
              resolve(act(inner));
            };
            if (inner.online) {
              go();
              return;
            }
            const timer = this.#clock.setTimeout(go, PATIENCE);
            stops.push(
              () => this.#clock.clearTimeout(timer),
              inner.on("snapshot", go),
              inner.on("connection", ({ state }) => state === "closed" && go()),
            );
          }),
      );
      done.catch(() => {});
      return done;
    }
  }

  globalThis.Cti = Object.freeze({ EVENT, DIRECTION, CALL_STATUS, Connector, log });
})();
