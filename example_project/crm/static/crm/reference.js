/** A page for the original connector: all that it knows of telephony is the global `Cti`. */
(() => {
  const isDark = matchMedia("(prefers-color-scheme: dark)");
  const dress = () => (document.documentElement.dataset.bsTheme = isDark.matches ? "dark" : "light");
  isDark.addEventListener("change", dress);
  dress();

  const byId = (id) => document.getElementById(id);
  const calls = new Map();
  const MOST_EVENTS = 200;
  const TONES = { READY: "success", ERROR: "danger", LOGGED_OUT: "secondary", RINGING: "warning", CONNECTED: "success", HANGUP: "secondary" };
  let nonce = "";

  const connector = new Cti.Connector({ onMessage: hear });

  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes))
      if (typeof value === "function") element.addEventListener(name, value);
      else element.setAttribute(name, value);
    element.append(...children);
    return element;
  }

  function hear(message) {
    note(message);
    const { name, call } = message;
    if (call && (name === Cti.EVENT.HANGUP || name === Cti.EVENT.CANCEL)) calls.delete(call.id);
    else if (call) calls.set(call.id, call);
    if (name === Cti.EVENT.TWO_FACTOR_AUTH) {
      nonce = message.nonce;
      byId("second").hidden = false;
      byId("code").focus();
    }
    show();
  }

  function note({ name, message = "", call, uri = "" }) {
    const badge = make("span", { class: `badge text-bg-${TONES[name] ?? "primary"}` }, name);
    const text = call ? `${call.direction} ${call.source} → ${call.destination} ${call.cause}` : `${message} ${uri}`;
    const time = new Date().toLocaleTimeString();
    byId("log").prepend(make("tr", {}, make("td", {}, time), make("td", {}, badge), make("td", {}, text)));
    while (byId("log").rows.length > MOST_EVENTS) byId("log").lastElementChild.remove();
  }

  function show() {
    const isReady = connector.isConnected();
    byId("status").textContent = isReady ? "Ready" : "Not logged in";
    byId("status").className = `badge fs-6 text-bg-${isReady ? "success" : "secondary"}`;
    byId("session").hidden = isReady;
    byId("phone").hidden = !isReady;
    byId("calls").replaceChildren(...[...calls.values()].map(row));
    byId("nodes").replaceChildren(...connector.getSubscriptionURIs().map((uri) => make("li", { class: "font-monospace" }, uri)));
  }

  function row(call) {
    const isRinging = call.direction === Cti.DIRECTION.INBOUND && call.status === Cti.CALL_STATUS.RINGING;
    const isHeld = call.status === Cti.CALL_STATUS.ON_HOLD;
    const isTalking = isHeld || call.status === Cti.CALL_STATUS.CONNECTED;
    const other = call.direction === Cti.DIRECTION.INBOUND ? call.sourceName || call.source : call.destinationName || call.destination;
    const button = (text, tone, act) => make("button", { type: "button", class: `btn btn-sm btn-${tone}`, click: act }, text);
    const buttons = [
      ...(isRinging ? [button("Answer", "success", () => connector.answer(call.id))] : []),
      ...(isTalking ? [button(isHeld ? "Resume" : "Hold", "primary", () => connector[isHeld ? "resume" : "hold"](call.id))] : []),
      button(isRinging ? "Decline" : "Terminate", "danger", () => connector.terminate(call.id)),
    ];
    return make(
      "li",
      { class: "list-group-item", "data-call": call.id },
      make("div", { class: "d-flex justify-content-between" }, make("strong", {}, other), make("span", { class: "text-body-secondary" }, call.status)),
      make("div", { class: "d-flex flex-wrap gap-2 mt-2" }, ...buttons),
      ...(isTalking ? [transferForm(call)] : []),
    );
  }

  function transferForm(call) {
    const field = make("input", { class: "form-control", placeholder: "Transfer to", "aria-label": "Transfer to" });
    const names = make("div", { class: "d-flex flex-wrap gap-2 mt-2" });
    const go = (to) => connector.transfer(call.id, to);
    connector.connector
      .then((inner) => inner.colleagues())
      .then((all) =>
        names.append(
          ...all
            .filter(({ extension }) => extension)
            .map(({ name, extension }) =>
              make("button", { type: "button", class: "btn btn-sm btn-secondary", click: () => go(extension) }, `${name} ${extension}`),
            ),
        ),
      )
      .catch(() => {});
    const submit = (event) => {
      event.preventDefault();
      go(field.value);
    };
    const form = make("form", { class: "input-group mt-2", submit }, field, make("button", { class: "btn btn-primary" }, "Transfer"));
    return make("div", {}, form, names);
  }

  function onSubmit(id, act) {
    byId(id).addEventListener("submit", (event) => {
      event.preventDefault();
      act();
    });
  }

  const take = (id) => {
    const { value } = byId(id);
    byId(id).value = "";
    return value;
  };
  onSubmit("login", () => connector.login(byId("email").value, take("password")));
  onSubmit("key", () => connector.login(take("api-key")));
  onSubmit("second", () => {
    connector.twoFactorAuth(take("code"), nonce);
    byId("second").hidden = true;
  });
  onSubmit("dial", () => connector.call(byId("number").value));
  onSubmit("subscribe", () => connector.subscribe(take("node")));
  byId("logout").addEventListener("click", () => connector.logout());
  connector.connector.then((inner) => inner.on("snapshot", show));
})();
