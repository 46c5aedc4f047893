// The page with the phones: shows GET /control/state, sends what is pressed. Names and numbers only ever become text.

const byId = (id) => document.getElementById(id);
const SWITCHES = ["silent_sip", "refuse_sockets", "no_terminated", "notify_reorder"];
let state = null;

/** Make an element: attributes that begin with "on" become listeners, children may be text. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (typeof value === "boolean") element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

async function ask(method, path, body) {
  const options = { method };
  if (body !== undefined) {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  const response = await fetch(`/control${path}`, options);
  const answer = await response.json().catch(() => ({ error: `status ${response.status}` }));
  byId("notice").textContent = response.ok ? "" : answer.error;
  return answer;
}

const phone = (user, action, body = {}) => ask("POST", `/users/${user}/phone/${action}`, body);
const outside = (id, action, body = {}) => ask("POST", `/outside/${id}/${action}`, body);

/** A button; `place` names it uniquely, so that it keeps the focus when the page is drawn again. */
function key(place, label, action, kind = "") {
  return make("button", { type: "button", class: kind, onclick: action, "data-key": `${place} ${label}` }, label);
}

/** Which keys a call has on the phone that it belongs to. */
function callKeys(user, call) {
  const press = (action, extra = {}) => () => phone(user.id, action, { call: call.id, ...extra });
  const at = `${user.id} ${call.id}`;
  const hangUp = key(at, "Hang up", press("hang_up"), "stop");
  if (user.picking_up === call.id) {
    return [key(at, "Pick up", press("answer"), "go"), key(at, "Decline", press("decline"), "stop")];
  }
  if (call.state === "RINGING" && call.incoming) {
    return [key(at, "Answer", press("answer"), "go"), key(at, "Decline", press("decline"), "stop")];
  }
  if (call.state !== "CONNECTED" && call.state !== "ON_HOLD") return [hangUp];
  const toggle = call.state === "ON_HOLD" ? key(at, "Resume", press("resume")) : key(at, "Hold", press("hold"));
  const transfer = key(at, "Transfer …", () => {
    const to = window.prompt("Transfer to which extension or number?");
    if (to) press("transfer", { to })();
  });
  return [toggle, transfer, hangUp];
}

function callCard(user, call) {
  const arrow = call.incoming ? "←" : "→";
  const who = call.other_name && call.other_name !== call.other_number ? ` ${call.other_name}` : "";
  const stage = user.picking_up === call.id ? "click-to-call: this phone rings first" : call.state;
  return make(
    "article",
    { class: `call ${call.state}` },
    make("div", {}, make("b", {}, `${arrow} ${call.other_number || "withheld"}`), who),
    make("div", { class: "state" }, `${stage} · ${call.context} · ${call.id}`),
    make("div", { class: "keys" }, ...callKeys(user, call)),
  );
}

function phoneCard(user) {
  const ringing = user.calls.some((call) => call.incoming && call.state === "RINGING") || user.picking_up !== null;
  const check = (label, checked, action) =>
    make("label", {}, make("input", { type: "checkbox", checked, onchange: action, "data-key": `${user.id} ${label}` }), label);
  const input = make("input", {
    name: "to",
    "data-key": `${user.id} dial`,
    "aria-label": `Number that ${user.name} dials`,
    placeholder: "dial …",
  });
  const dial = make("form", { class: "dial" }, input, make("button", { type: "submit" }, "Dial"));
  dial.addEventListener("submit", (event) => {
    event.preventDefault();
    phone(user.id, "dial", { to: input.value.trim() });
  });
  return make(
    "article",
    { class: `phone${ringing ? " ringing" : ""}${user.registered ? "" : " off"}`, id: `phone-${user.id}` },
    make("h3", {}, user.name, make("span", {}, user.extension)),
    make(
      "div",
      { class: "options" },
      check("registered", user.registered, (event) => phone(user.id, event.target.checked ? "register" : "unregister")),
      check("do not disturb", user.dnd, (event) => phone(user.id, "configure", { dnd: event.target.checked })),
      check("picks up alone", user.script.pick_up_after !== null, (event) =>
        phone(user.id, "configure", { script: { ...user.script, pick_up_after: event.target.checked ? 1.5 : null } }),
      ),
    ),
    make("div", { class: "calls" }, ...user.calls.map((call) => callCard(user, call))),
    dial,
  );
}

function outsideCard(call) {
  const press = (action, body) => () => outside(call.id, action, body);
  const at = `outside ${call.id}`;
  const keys =
    call.state === "ringing"
      ? [
          key(at, "Answer", press("answer"), "go"),
          key(at, "Busy", press("busy")),
          key(at, "Decline", press("decline")),
          key(at, "Unreachable", press("unreachable")),
        ]
      : [key(at, "Hang up", press("hang_up"), "stop")];
  const what = call.state === "calling" ? `calls ${call.dialled}` : call.state;
  return make(
    "article",
    { class: `call ${call.state}` },
    make("b", {}, call.number || "withheld"),
    make("div", { class: "state" }, [call.name !== call.number ? call.name : "", what, call.with].filter(Boolean).join(" · ")),
    make("div", { class: "keys" }, ...keys),
  );
}

/** Replace the children, but keep the focus and what stands in text fields. */
function fill(container, cards) {
  const named = () => [...container.querySelectorAll("[data-key]")];
  const focused = container.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  const drafts = new Map(named().map((element) => [element.dataset.key, element.value]));
  container.replaceChildren(...cards);
  for (const element of named()) {
    if (element.type === "text" && drafts.has(element.dataset.key)) element.value = drafts.get(element.dataset.key);
    if (focused !== undefined && element.dataset.key === focused) element.focus();
  }
}

function fillTargets() {
  const select = document.querySelector("#call-in select");
  if (select.options.length) return;
  const names = new Map([
    ...state.users.map((user) => [user.extension, user.name]),
    ...state.groups.map((group) => [group.number, `${group.name} (all ring)`]),
  ]);
  for (const [number, extension] of Object.entries(state.numbers)) {
    select.append(make("option", { value: number }, `${names.get(extension) ?? extension} · +${number}`));
  }
}

function render() {
  byId("customer").textContent = state.customer;
  byId("rest-url").textContent = state.rest_url;
  byId("sip-url").textContent = state.sip_url;
  byId("sip-domain").textContent = state.sip_domain;
  byId("sockets").textContent = state.sockets;
  byId("subscriptions").textContent = state.subscriptions.length;
  byId("live-calls").textContent = state.calls.length;
  fillTargets();
  fill(byId("phones"), state.users.map(phoneCard));
  fill(byId("outside"), state.outside.map(outsideCard));
  byId("switches").replaceChildren(
    ...SWITCHES.map((name) => {
      const change = (event) => ask("PATCH", "/faults", { [name]: event.target.checked });
      const box = make("input", { type: "checkbox", checked: state.faults[name], onchange: change });
      return make("label", {}, box, name.replaceAll("_", " "));
    }),
  );
  byId("history").replaceChildren(
    ...state.history
      .toReversed()
      .map((row) =>
        make(
          "tr",
          {},
          ...[row.calldate, row.type, row.src || "withheld", `${row.dst} ${row.dst_name}`, `${row.billsec} s`, row.context, row.t_cause, row.live_id].map(
            (text) => make("td", {}, String(text)),
          ),
        ),
      ),
  );
  const failed = state.webhooks.filter((item) => item.status < 200 || item.status > 299).length;
  byId("webhooks").textContent = state.webhooks.length ? `Last webhooks: ${state.webhooks.length} sent, ${failed} not accepted.` : "";
}

async function follow() {
  for (;;) {
    try {
      const response = await fetch(`/control/state?since=${state?.revision ?? 0}`);
      if (!response.ok) throw new Error(`status ${response.status}`);
      const next = await response.json();
      if (state?.revision !== next.revision) {
        state = next;
        render();
      }
      if (byId("notice").dataset.away) {
        byId("notice").textContent = "";
        delete byId("notice").dataset.away;
      }
    } catch (error) {
      state = null;
      byId("notice").textContent = `The simulator does not answer (${error.message}). Trying again …`;
      byId("notice").dataset.away = "1";
      await new Promise((resolve) => setTimeout(resolve, 1000));
    }
  }
}

byId("call-in").addEventListener("submit", (event) => {
  event.preventDefault();
  ask("POST", "/calls", Object.fromEntries(new FormData(event.target)));
});
byId("faults").addEventListener("click", (event) => {
  const { fault } = event.target.dataset;
  if (fault) ask("POST", `/faults/${fault}`, {});
});
follow();
