/**
 * `<voipcti-panel>`: line status, dial field, and a card for each call with who it is and what can be done.
 *
 * `{% voipcti_panel %}` writes the element together with the addresses of `connector.js` and `panel.css` (which are
 * attributes, so that hashed file names work) and its texts in the page's language. It needs no inline script or style.
 * Pages reach the live `Connector` as `document.querySelector("voipcti-panel").connector`, and hear each message as a
 * bubbling `voipcti` event whose `detail` is the message.
 *
 * The panel never takes the focus by itself: an incoming call is shown and spoken, not forced on who is typing.
 *
 * It stays one file, although it is long, for the reason given in connector.js; from "the element" on it is the frame,
 * before that the card. What stands alone has files of its own, whose addresses the element brings: how to be told of
 * calls (notices.js), who is calling (caller.js), the search for a record (attach.js), where a call goes (transfer.js), what
 * is asked before one is placed (dial.js), what the host knows about a caller (context.js), and notes (notes.js).
 */

/** Ended calls that stay in view until they are dismissed. */
const ENDED_KEPT = 3;
/** Fragments of the host that stay in view until they are dismissed. */
const POPS_KEPT = 5;
const HUES = 8;
/** How certain a match must be for its record to be opened without a question. */
const SURE = new Set(["exact", "learned"]);
const OPEN_KEY = "voipcti-panel";
/** Tabs of one browser tell each other what was dismissed, also while the server is away. */
const CHANNEL = "voipcti-panel";

// --- what a call means to a person: pure functions -----------------------------------------------------------------

/** How a card looks: "ringing", "dialling", "talking", "held" or "ended". */
export function phaseOf({ status, direction }) {
  if (status === "HANGUP" || status === "CANCEL") return "ended";
  if (status === "CONNECTED") return "talking";
  if (status === "ON_HOLD") return "held";
  return direction === "INBOUND" ? "ringing" : "dialling";
}

/** Key of the text that names the state. */
export function stateKeyOf(call) {
  if (call.status === "RINGING" && call.direction === "INBOUND") return "state_incoming";
  return `state_${call.status.toLowerCase()}`;
}

/** What a user may do with a call, given the capabilities of its line; in the order of the buttons. */
export function actionsFor(call, capabilities = {}) {
  const can = (capability) => Boolean(capabilities[capability]);
  const phase = phaseOf(call);
  const hangUp = can("supports_hang_up");
  if (phase === "ended") return can("supports_place") && (call.e164 || call.number) ? ["call_back"] : [];
  if (phase === "ringing") return [...(can("supports_answer") ? ["answer"] : []), ...(hangUp ? ["decline"] : [])];
  if (phase === "dialling") return hangUp ? ["hang_up"] : [];
  const actions = [];
  if (can("supports_hold")) actions.push(phase === "held" ? "resume" : "hold");
  if (can("supports_blind_transfer") || can("supports_attended_transfer")) actions.push("transfer");
  if (hangUp) actions.push("hang_up");
  return actions;
}

/** The stages of an outgoing call before it is connected, and the one that it is at. */
export function stageOf({ status }) {
  return { REQUESTED: 0, INITIAL: 0, ACCEPTED: 1, RINGING: 1 }[status] ?? 2;
}

/** Seconds as people read them: 0:07, 12:30, 1:02:03. */
export function formatDuration(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value) => String(value).padStart(2, "0");
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** Seconds that the timer of a card shows at `now`: ringing, then talking; null where there is nothing to count. */
export function secondsOf(call, now) {
  const [started, answered, ended] = [call.startedAt, call.answeredAt, call.endedAt].map((text) =>
    Date.parse(text ?? ""),
  );
  const since = Number.isNaN(answered) ? started : answered;
  if (phaseOf(call) === "ended")
    return Number.isNaN(answered) || Number.isNaN(ended) ? null : (ended - answered) / 1000;
  return Number.isNaN(since) ? null : Math.max(0, (now - since) / 1000);
}

/** "Ada Lovelace" gives "AL"; empty if the text has no letter. */
export function initialsOf(name) {
  const words = name.split(/[\s,.-]+/).filter((word) => /^\p{L}/u.test(word));
  const chosen = words.length > 1 ? [words[0], words.at(-1)] : words;
  return chosen.map((word) => [...word][0].toLocaleUpperCase()).join("");
}

/** One of HUES colours, always the same for the same text. */
export function hueOf(text) {
  return [...text].reduce((sum, character) => (sum * 31 + character.codePointAt(0)) % 9973, 7) % HUES;
}

/** An address of the web, or null: data must not become a script because somebody clicks on it. */
export function safeUrl(url, base = globalThis.location?.href) {
  try {
    return ["http:", "https:"].includes(new URL(url, base).protocol) ? url : null;
  } catch {
    return null;
  }
}

/** What became of a call that may pop, in the words of the server's record of it; see `Connector.shown`. */
export function outcomeOf({ card, isExpanded, isPutAway, preferences }) {
  if (!card) return isPutAway ? "put_away" : "nothing";
  if (isExpanded) return "shown";
  if (card.manner === "silent") return "silent";
  if (preferences.doNotDisturb) return "do_not_disturb";
  return preferences.popOn === "answer" && card.phase === "ringing" ? "on_answer" : "folded";
}

/** Fill `%(name)s` places, as Python does. */
export function fill(text, values = {}) {
  return text.replace(/%\((\w+)\)[sd]/g, (place, name) => values[name] ?? place);
}

// --- making elements -----------------------------------------------------------------------------------------------

/** Outlines on a 24 x 24 grid. */
const ICONS = {
  phone:
    "M5 4h4l1.6 4.4-2.3 1.5a12 12 0 0 0 5.8 5.8l1.5-2.3L20 15v4a1.6 1.6 0 0 1-1.8 1.6A15.4 15.4 0 0 1 3.4 5.8 1.6 1.6 0 0 1 5 4Z",
  inbound: "M18 6 7 17M7 9v8h8",
  outbound: "M6 18 17 7M9 7h8v8",
  missed: "m5 7 7 7 7-7M5 12V7h5",
  pause: "M9 6v12M15 6v12",
  play: "M8 5.5v13l10.5-6.5Z",
  transfer: "M4 8h14M14 4l4 4-4 4M20 16H6M10 12l-4 4 4 4",
  hang_up: "M3.5 14.5c4.9-4.9 12.1-4.9 17 0l-2.6 2.7-3.4-1.7v-2.4a9.6 9.6 0 0 0-5 0v2.400l-3.4 1.700Z",
  close: "M6.5 6.500l11 11M17.5 6.500l-11 11",
  chevron: "m6 15 6-6 6 6",
  gear: "M12 9.2a2.8 2.8 0 1 0 0 5.6 2.8 2.8 0 0 0 0-5.600ZM12 3.500v2.300M12 18.200v2.300M3.500 12h2.300M18.200 12h2.300M6 6l1.600 1.600M16.400 16.400 18 18M18 6l-1.600 1.600M7.600 16.400 6 18",
  check: "m5 12.5 4.5 4.500L19 7.5",
  maybe: "M9 9.200a3 3 0 1 1 4.2 2.700c-.8.4-1.2 1-1.2 2v.4M12 17.600v.1",
  people:
    "M9 11.500a3.3 3.3 0 1 0 0-6.6 3.3 3.3 0 0 0 0 6.600ZM3 19c.4-3 2.8-4.7 6-4.700s5.6 1.7 6 4.700M15.5 5.200a3.3 3.3 0 0 1 0 6.200M17.5 14.600c2 .6 3.2 2.1 3.5 4.4",
  pin: "M12 21c4.200-4.600 6.300-7.900 6.300-10.500A6.300 6.300 0 0 0 5.700 10.500C5.700 13.100 7.800 16.400 12 21ZM12 12.700a2.300 2.300 0 1 0 0-4.600 2.300 2.300 0 0 0 0 4.600Z",
  clock: "M12 20a8 8 0 1 0 0-16 8 8 0 0 0 0 16ZM12 7.500V12l3 2",
  plus: "M12 5.500v13M5.500 12h13",
  link: "M10 14a3.600 3.600 0 0 0 5.300.2l3-3a3.600 3.600 0 0 0-5.100-5.100l-1.200 1.200M14 10a3.600 3.600 0 0 0-5.300-.2l-3 3a3.600 3.600 0 0 0 5.100 5.100l1.200-1.200",
  book: "M5.500 18.500V6.500A2 2 0 0 1 7.500 4.500h11v15.500h-11a2 2 0 0 1-2-1.500Zm0 0a2 2 0 0 1 2-2h11",
  warning: "M12 4.500 20.800 19.500H3.200ZM12 10v4.200M12 16.900v.1",
  open: "M14 5h5v5M19 5l-8 8M17 14v4a1.5 1.5 0 0 1-1.5 1.500H6A1.5 1.5 0 0 1 4.5 18V8.500A1.5 1.5 0 0 1 6 7h4",
};

function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.dataset.icon = name;
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** Make an element: attributes by name, functions as listeners, null and false left out. */
function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Touch the document only where something changed: a screen reader and a selection then keep their place. */
function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function setAttribute(element, name, value) {
  if (value === null || value === false) element.removeAttribute(name);
  else if (element.getAttribute(name) !== String(value)) element.setAttribute(name, value);
}

/** Mark a control as at work while `promise` runs; it keeps the focus, unlike a disabled one. */
async function whileBusy(control, promise) {
  control.setAttribute("aria-disabled", "true");
  try {
    return await promise;
  } finally {
    control.removeAttribute("aria-disabled");
  }
}

const isBusy = (control) => control.getAttribute("aria-disabled") === "true";

/** What the panel's other modules make their elements with. */
const TOOLS = { h, icon, setText, safeUrl, whileBusy, isBusy };

// --- one call ------------------------------------------------------------------------------------------------------

const BUTTONS = {
  answer: { icon: "phone", kind: "good" },
  decline: { icon: "hang_up", kind: "bad" },
  hold: { icon: "pause" },
  resume: { icon: "play", kind: "accent" },
  transfer: { icon: "transfer" },
  complete_transfer: { icon: "transfer", kind: "accent" },
  return_to_call: { icon: "play" },
  hang_up: { icon: "hang_up", kind: "bad" },
  call_back: { icon: "phone", kind: "quiet" },
};

/** The card of one call. Elements are made once and then only updated, so that focus and motion survive. */
class CallCard {
  /** @param {VoipctiPanel} panel */
  constructor(call, panel) {
    const { t } = panel;
    this.panel = panel;
    this.call = call;
    this.buttons = new Map(
      Object.entries(BUTTONS).map(([name, { icon: glyph, kind }]) => [
        name,
        h(
          "button",
          {
            type: "button",
            class: "action",
            part: "action",
            "data-action": name,
            "data-kind": kind,
            click: () => this.#do(name),
          },
          icon(glyph),
          t(name),
        ),
      ]),
    );
    const nameId = `name-${call.id}`;
    this.arrow = h("span", {}, icon(call.direction === "INBOUND" ? "inbound" : "outbound"));
    this.state = h("span", { class: "state" });
    this.context = h("span", { class: "context" });
    this.timer = h("span", { class: "timer", role: "timer", "aria-label": t("duration") });
    this.dismissButton = h(
      "button",
      {
        type: "button",
        class: "action square dismiss",
        "aria-label": t("dismiss"),
        click: () => panel.dismiss(this.call.id),
      },
      icon("close"),
    );
    this.avatar = h("span", { class: "avatar", "aria-hidden": "true" });
    this.name = h("h2", { class: "name", part: "name", id: nameId });
    this.companyLine = h("p", { class: "company" });
    this.number = h("bdi", { dir: "ltr" });
    this.numberLine = h("p", { class: "number" }, this.number);
    this.stages = h(
      "ol",
      { class: "stages" },
      ...["stage_phone", "stage_ringing", "stage_connected"].map((key) => h("li", {}, t(key))),
    );
    this.caller = panel.callerBox(call.id);
    this.contexts = panel.contextBox();
    this.note = panel.noteBox(call.id);
    this.past = h("div", { class: "block" }, h("h3", {}, t("last_calls")), h("ul"));
    this.open = h("a", { class: "action open", "data-kind": "quiet", part: "action" }, icon("open"), t("open_record"));
    this.problem = h("p", { class: "problem", role: "alert" });
    this.pair = h("p", { class: "pair" });
    this.transferBox = panel.transferBox(this);
    this.actions = h("div", { class: "actions", part: "actions" }, ...this.buttons.values(), this.open);
    this.element = h(
      "article",
      { class: "card", part: "card", tabindex: "-1", "aria-labelledby": nameId, "data-call": call.id },
      h("div", { class: "top" }, this.arrow, this.state, this.context, this.timer, this.dismissButton),
      h("div", { class: "who" }, this.avatar, h("div", {}, this.name, this.companyLine, this.numberLine)),
      this.caller.why,
      this.pair,
      this.stages,
      this.problem,
      this.actions,
      this.transferBox.element,
      this.note.element,
      this.caller.element,
      this.contexts.element,
      this.past,
    );
    this.#show();
    this.#showCause();
  }

  get phase() {
    return phaseOf(this.call);
  }

  get title() {
    const { contact, name, directory, number } = this.call;
    return contact?.label || name || directory?.[0]?.label || number || this.panel.t("withheld");
  }

  get company() {
    const { contact, name, directory } = this.call;
    return contact || name ? (contact?.company ?? "") : (directory?.[0]?.company ?? "");
  }

  /** What the rules of the server want the page to do with this call. */
  get manner() {
    return this.call.pop?.action ?? "pop";
  }

  update(call) {
    const moved = this.call.status !== call.status;
    this.call = call;
    this.#show();
    if (moved) this.#showCause();
  }

  /** Why a call could not be set up; the sentence of an earlier refusal makes way. */
  #showCause() {
    this.showProblem(this.call.status === "CANCEL" ? { message: this.call.cause } : null);
  }

  #show() {
    const { call, company, phase } = this;
    const { t } = this.panel;
    const focused = this.element.getRootNode().activeElement;
    const hadFocus = Boolean(focused) && this.element.contains(focused);
    this.element.dataset.phase = phase;
    setText(this.context, [call.internal ? t("internal") : "", call.context].filter(Boolean).join(" · "));
    setText(this.name, this.title);
    setText(this.companyLine, company);
    const showsNumber = call.number && call.number !== this.title;
    setText(this.number, showsNumber ? call.number : "");
    this.numberLine.hidden = !showsNumber;
    this.companyLine.hidden = !company;
    this.#showAvatar();
    const situation = { isOver: phase === "ended", isOwn: Boolean(this.panel.capabilitiesOf(call)) };
    this.caller.show(call, situation);
    this.contexts.show(call, situation);
    this.note.show(situation.isOwn && ["talking", "held", "ended"].includes(phase));
    this.#showPast();
    this.#showStages();
    const url = call.contact?.url ? safeUrl(call.contact.url) : null;
    setAttribute(this.open, "href", url);
    this.open.hidden = !url;
    this.dismissButton.hidden = phase !== "ended" && phase !== "ringing";
    this.showConnection();
    if (hadFocus) this.#keepFocus(focused);
  }

  /** Back to a button that opened something; to the card, if it is gone. */
  returnFocus(name) {
    const button = this.buttons.get(name);
    (button.hidden ? this.element : button).focus();
  }

  /** Who pressed a button that is gone stays where he was; nobody else is moved. */
  #keepFocus(focused) {
    if (!focused.isConnected || !focused.checkVisibility()) this.element.focus();
  }

  /** What was seen last is not what is: while the socket is away a live call says so, and its timer stands still. */
  get isStale() {
    return !this.panel.online && this.phase !== "ended";
  }

  tick() {
    const seconds = this.isStale ? null : secondsOf(this.call, this.panel.now());
    setText(this.timer, seconds === null ? "" : formatDuration(seconds));
    this.caller.showWhy();
  }

  showConnection() {
    const { panel } = this;
    const state = panel.stateText(this.call);
    setAttribute(this.element, "data-stale", this.isStale ? "" : null);
    setText(this.state, this.isStale ? panel.t("state_stale", { state }) : state);
    this.tick();
    this.showActions();
  }

  showActions() {
    const { panel } = this;
    const wanted = panel.online ? this.#showPair() ?? actionsFor(this.call, panel.capabilitiesOf(this.call)) : [];
    const focused = this.element.getRootNode().activeElement;
    for (const [name, button] of this.buttons) {
      button.hidden = !wanted.includes(name);
      button.removeAttribute("aria-disabled");
    }
    this.actions.hidden = !wanted.length && this.open.hidden;
    if (!wanted.includes("transfer")) this.transferBox.hide();
    if (focused && this.element.contains(focused)) this.#keepFocus(focused);
  }

  /** Say what the call has to do with another while somebody is asked, and return what can be done then. */
  #showPair() {
    const { panel, call } = this;
    const [pair, actions] = panel.pairOf(call);
    const isAsked = pair?.consultation.id === call.id;
    const who = pair ? panel.titleOf(isAsked ? pair.held : pair.consultation) : "";
    setText(this.pair, pair ? panel.t(isAsked ? "asks_about" : "waits_for", { who }) : "");
    return actions;
  }

  showProblem(error) {
    setText(this.problem, error?.message ?? "");
    setAttribute(this.problem, "data-kind", error?.name === "INFO" ? "info" : null);
  }

  #showAvatar() {
    const { contact, name, directory } = this.call;
    const known = contact?.label || name || directory?.[0]?.label;
    const initials = known ? initialsOf(known) : "";
    setAttribute(this.avatar, "data-hue", initials ? hueOf(known) : "none");
    if (initials) setText(this.avatar, initials);
    else if (!this.avatar.querySelector("svg")) this.avatar.replaceChildren(icon("phone"));
  }

  #showPast() {
    const { lastCalls } = this.call;
    this.past.hidden = !lastCalls.length || this.phase === "ended";
    const items = lastCalls.map((past) => {
      const missed = past.endReason === "missed";
      const glyph = missed ? "missed" : past.direction === "INBOUND" ? "inbound" : "outbound";
      const end = past.seconds ? formatDuration(past.seconds) : past.endReasonText;
      return h(
        "li",
        { "data-missed": missed },
        icon(glyph),
        h("span", {}, this.panel.whenText(past.startedAt)),
        h("span", { class: "end" }, end),
      );
    });
    this.#replaceItems(this.past, lastCalls, items);
  }

  #replaceItems(block, data, items) {
    const key = JSON.stringify(data);
    if (block.dataset.key === key) return;
    block.dataset.key = key;
    block.querySelector("ul").replaceChildren(...items);
  }

  #showStages() {
    this.stages.hidden = this.phase !== "dialling";
    const current = stageOf(this.call);
    [...this.stages.children].forEach((stage, index) => {
      setAttribute(stage, "data-done", index < current ? "" : null);
      setAttribute(stage, "aria-current", index === current ? "step" : null);
    });
  }

  async #callBack() {
    const { panel, call } = this;
    const number = call.e164 || call.number;
    if (await panel.mayDial(number)) await panel.question.through((said) => panel.connector.call(number, said));
  }

  async #do(name) {
    const { connector } = this.panel;
    const { id } = this.call;
    const button = this.buttons.get(name);
    if (isBusy(button)) return;
    this.showProblem(null);
    if (name === "transfer") {
      this.transferBox.toggle();
      return;
    }
    const asked = {
      answer: () => connector.answer(id),
      decline: () => connector.terminate(id),
      hold: () => connector.hold(id),
      resume: () => connector.resume(id),
      complete_transfer: () => connector.completeTransfer(id),
      return_to_call: () => connector.returnToCall(id),
      hang_up: () => connector.terminate(id),
      call_back: () => this.#callBack(),
    }[name]();
    await whileBusy(button, asked).catch((error) => this.showProblem(error));
  }
}

// --- logging a line in ---------------------------------------------------------------------------------------------

/** E-mail and password, or API key, or the code of a second factor. What is typed goes to the server and is cleared. */
class LoginForm {
  constructor(panel) {
    const { t } = panel;
    this.panel = panel;
    this.mode = "password";
    this.nonce = "";
    const field = (key, type, autocomplete) =>
      h("label", {}, t(key), h("input", { type, autocomplete, spellcheck: "false" }));
    this.fields = {
      email: field("email", "text", "username"),
      password: field("password", "password", "current-password"),
      apiKey: field("api_key", "password", "off"),
      code: field("code", "text", "one-time-code"),
    };
    this.other = h("button", {
      type: "button",
      class: "link",
      click: () => this.show(this.mode === "password" ? "key" : "password"),
    });
    this.submit = h("button", { class: "action", "data-kind": "accent" }, t("log_in"));
    this.problem = h("p", { class: "problem", role: "alert" });
    this.hint = h("p", { class: "hint" });
    this.element = h(
      "form",
      { class: "login", hidden: true, submit: (event) => this.#onSubmit(event) },
      this.hint,
      ...Object.values(this.fields),
      this.problem,
      h("div", { class: "row" }, this.submit, this.other),
    );
    this.show("password");
  }

  show(mode) {
    const { t } = this.panel;
    const shown = { password: ["email", "password"], key: ["apiKey"], code: ["code"] }[mode];
    this.mode = mode;
    for (const [name, label] of Object.entries(this.fields)) label.hidden = !shown.includes(name);
    setText(this.hint, t(mode === "code" ? "code_hint" : "login_hint"));
    setText(this.other, t(mode === "password" ? "use_api_key" : "use_password"));
    setText(this.problem, "");
  }

  askForCode(nonce) {
    this.nonce = nonce;
    this.show("code");
    this.#input("code").focus();
  }

  #input(name) {
    return this.fields[name].querySelector("input");
  }

  async #onSubmit(event) {
    event.preventDefault();
    if (isBusy(this.submit)) return;
    const value = (name) => this.#input(name).value;
    const { connector } = this.panel;
    setText(this.problem, "");
    const asked = {
      password: () => connector.login(value("email"), value("password")),
      key: () => connector.login(value("apiKey")),
      code: () => connector.twoFactorAuth(value("code"), this.nonce),
    }[this.mode]();
    try {
      await whileBusy(this.submit, asked);
      for (const name of ["password", "apiKey", "code"]) this.#input(name).value = "";
    } catch (error) {
      setText(this.problem, error.message);
    }
  }
}

// --- the element ---------------------------------------------------------------------------------------------------

/** Node has no HTMLElement; the functions above are tested there. */
const Base = globalThis.HTMLElement ?? class {};

export class VoipctiPanel extends Base {
  /** The live Connector; null until the panel has started. */
  connector = null;
  #strings = {};
  #cards = new Map();
  #stops = [];
  #ticking = null;
  #channel = null;
  #dismissed = new Set();
  #title = null;
  #notices = null;
  #parts = {};
  #preferences = null;
  #keeper = null;
  #drafts = null;
  #pops = new Map();

  /** A text in the page's language. */
  t = (key, values) => fill(this.#strings[key] ?? key, values);

  async connectedCallback() {
    if (this.connector) {
      this.connector.connect();
      return;
    }
    if (this.shadowRoot) return;
    this.#strings = JSON.parse(this.querySelector("script[type='application/json']")?.textContent ?? "{}");
    this.#build();
    const names = ["connector", "shared", "notices", "caller", "attach", "transfer", "dial", "context", "notes"];
    const modules = names.map((name) => import(this.dataset[name]));
    const parts = Object.assign({}, ...(await Promise.all(modules)));
    const { Connector, Share } = parts;
    const { url, user } = this.dataset;
    const share = Share.isPossible() ? new Share({ name: `voipcti ${user} ${url}` }) : null;
    const connector = new Connector({ url, messages: this.#strings, WebSocket: share?.Socket });
    share?.attach(connector);
    this.start(connector, parts);
  }

  disconnectedCallback() {
    // Moving an element removes it first; only one that stays away lets go of the line.
    queueMicrotask(() => this.isConnected || this.connector?.close());
  }

  /** Show what `connector` tells, with what the other modules export. Called once. */
  start(connector, parts) {
    const { enableClickToCall } = parts;
    this.connector = connector;
    this.#parts = parts;
    this.question = new parts.Question({ ...TOOLS, t: this.t });
    this.cardsBox.before(this.question.element);
    this.#startNoticing(parts);
    this.#startNotes(parts);
    const stops = this.#stops;
    stops.push(
      connector.on("message", (message) => this.#onMessage(message)),
      connector.on("snapshot", () => this.#refresh()),
      connector.on("connection", () => this.#refresh()),
      connector.on("pop", (pop) => this.#showPop(pop)),
      connector.on("block", (block) => this.#cards.get(block.call)?.contexts.take(block)),
      connector.on("call", ({ call }) => this.#learn(call)),
      connector.on("dismissed", ({ call }) => this.#putAway(call)),
      enableClickToCall({
        canCall: () => this.canCall,
        call: (number, from) => this.call(number, from),
        refuse: () => this.#showNews({ name: "INFO", message: this.t(this.online ? "cannot_call" : "not_connected") }),
      }),
    );
    if (globalThis.BroadcastChannel) {
      this.#channel = new BroadcastChannel(CHANNEL);
      this.#channel.onmessage = ({ data }) => this.#putAway(data.dismissed);
    }
    document.addEventListener("visibilitychange", () => {
      this.#beNoticed();
      if (document.hidden) this.#keeper.flush();
    });
    addEventListener("pagehide", () => this.#keeper.flush());
    this.#refresh();
  }

  #startNoticing({ Notices, PreferencesForm }) {
    const { connector, t } = this;
    this.#notices = new Notices({ onOpen: (id) => this.#bringForward(id) });
    this.#preferences = new PreferencesForm({ t, h, notices: this.#notices, connector });
    this.bodyBox.prepend(this.#preferences.element);
    this.gear.hidden = false;
    this.#stops.push(
      connector.on("preferences", (preferences) => {
        this.#notices.prefer(preferences);
        this.#preferences.show();
        this.#showFrame();
        this.#beNoticed();
      }),
    );
  }

  #startNotes({ NoteKeeper, Vault, DraftsBox }) {
    const vault = new Vault({ name: `voipcti note ${this.dataset.user}` });
    const onChange = (call) => {
      this.#cards.get(call)?.note.refresh();
      this.#showDrafts();
    };
    this.#keeper = new NoteKeeper({ connector: this.connector, vault, onChange });
    this.#drafts = new DraftsBox({ tools: this.#noteTools, keeper: this.#keeper });
    this.popsBox.after(this.#drafts.element);
  }

  get #noteTools() {
    return { ...TOOLS, t: this.t, whenText: (moment) => this.whenText(moment) };
  }

  #showDrafts() {
    this.#drafts?.show((call) => this.#cards.has(call));
  }

  /** Somebody clicked on the notification of a call: that is what he wants to see, and to have the focus on. */
  #bringForward(id) {
    this.expanded = true;
    this.#cards.get(id)?.element.focus();
  }

  #togglePreferences() {
    const { element } = this.#preferences;
    element.hidden = !element.hidden;
    this.gear.setAttribute("aria-expanded", String(!element.hidden));
    if (element.hidden) return;
    this.expanded = true;
    this.#preferences.open();
  }

  // --- for cards and pages ---

  /** The part of a card that says who is calling. */
  callerBox(id) {
    const { CallerBox, AttachBox } = this.#parts;
    const { connector, t } = this;
    return new CallerBox(id, { tools: { ...TOOLS, t }, connector, now: () => this.now(), AttachBox });
  }

  /** The part of a card that says what the host knows. */
  contextBox() {
    return new this.#parts.ContextBox({ tools: { ...TOOLS, t: this.t }, connector: this.connector });
  }

  /** The part of a card that its notes are written in. */
  noteBox(id) {
    return new this.#parts.NoteBox(id, { tools: this.#noteTools, keeper: this.#keeper });
  }

  /** The part of a card that transfers its call. */
  transferBox(card) {
    const { connector, t } = this;
    const id = () => card.call.id;
    return new this.#parts.TransferBox({
      tools: { ...TOOLS, t },
      button: card.buttons.get("transfer"),
      capabilities: () => this.capabilitiesOf(card.call),
      colleagues: () => connector.colleagues(),
      transfer: (number) => connector.transfer(id(), number),
      consult: async (number) =>
        (await this.mayDial(number)) &&
        ((await this.question.through((said) => connector.consult(id(), number, said))) ?? false),
      onClosed: () => card.returnFocus("transfer"),
    });
  }

  /** The pair of calls that `call` is one of while somebody is asked about it, and what can be done with it. */
  pairOf(call) {
    const { pairOf, pairActions } = this.#parts;
    const pair = this.capabilitiesOf(call) ? pairOf(call, this.connector.calls) : null;
    return pair ? [pair, pairActions(call, pair)] : [];
  }

  titleOf({ id, number }) {
    return this.#cards.get(id)?.title ?? number;
  }

  get online() {
    return Boolean(this.connector?.online);
  }

  /** Whether a click on a number would place a call now. */
  get canCall() {
    return Boolean(this.connector?.isConnected()) && this.#readyLines.some((line) => line.capabilities.supports_place);
  }

  now() {
    return this.connector ? this.connector.serverNow() : Date.now();
  }

  capabilitiesOf(call) {
    return this.connector?.lines.find((line) => line.id === call.line)?.capabilities;
  }

  stateText(call) {
    if (call.status === "HANGUP" && call.endReasonText)
      return this.t("state_ended_because", { reason: call.endReasonText });
    return this.t(stateKeyOf(call));
  }

  /** A moment in the past in a few words: the time if it is today, the day without the year if it is this year. */
  whenText(moment) {
    const [date, now] = [new Date(moment), new Date(this.now())];
    const locale = document.documentElement.lang || undefined;
    const time = { hour: "numeric", minute: "2-digit" };
    const day = { day: "numeric", month: "short", ...time };
    const sameYear = date.getFullYear() === now.getFullYear();
    const form = date.toDateString() === now.toDateString() ? time : sameYear ? day : { ...day, year: "numeric" };
    return new Intl.DateTimeFormat(locale, form).format(date);
  }

  /**
   * Whether the page lets `number` be called. It hears `voipcti-dial` before anything is dialled, and may cancel it, or
   * hand a promise to `detail.waitUntil`, whose false is a no: time for a question to the user.
   */
  async mayDial(number, element = null) {
    const answers = [];
    const detail = { number, element, waitUntil: (answer) => answers.push(answer) };
    const asked = new CustomEvent("voipcti-dial", { detail, bubbles: true, cancelable: true });
    return this.dispatchEvent(asked) && (await Promise.all(answers)).every((answer) => answer !== false);
  }

  /** Call `number` and show how it goes. */
  async call(number, element = null) {
    if (!(await this.mayDial(number, element))) return false;
    this.expanded = true;
    this.#showDialProblem(null);
    const line = this.lineSelect.hidden ? undefined : this.lineSelect.value;
    try {
      const place = (said) => whileBusy(this.dialButton, this.connector.call(number, { line, ...said }));
      return Boolean(await this.question.through(place));
    } catch (error) {
      this.#showDialProblem(error);
      return false;
    }
  }

  /** Take the card of an ended or ringing call away: in every tab, and on every device as far as they can be reached. */
  dismiss(id) {
    this.#putAway(id);
    this.#channel?.postMessage({ dismissed: id });
    if (this.online) this.connector.dismiss(id).catch(() => {});
  }

  get expanded() {
    return this.bar.getAttribute("aria-expanded") === "true";
  }

  set expanded(open) {
    this.bar.setAttribute("aria-expanded", String(open));
    this.bodyBox.hidden = !open;
  }

  // --- frame ---

  #build() {
    const { t } = this;
    const root = this.attachShadow({ mode: "open" });
    this.dot = h("span", { class: "dot" });
    this.statusText = h("span", { class: "status" });
    this.bar = h(
      "button",
      {
        type: "button",
        class: "bar",
        part: "bar",
        "aria-expanded": "false",
        "aria-controls": "body",
        click: () => this.#toggle(),
      },
      this.dot,
      h("span", { class: "title" }, t("phone")),
      this.statusText,
      h("span", { class: "chevron" }, icon("chevron")),
    );
    this.gear = h(
      "button",
      {
        type: "button",
        class: "action square gear",
        "aria-label": t("preferences"),
        "aria-expanded": "false",
        hidden: true,
        click: () => this.#togglePreferences(),
      },
      icon("gear"),
    );
    this.connectionNotice = h("div", { class: "notice", hidden: true }, h("p"));
    this.lineNotice = h("div", { class: "notice", "data-kind": "error", hidden: true }, h("p"));
    this.noticeText = h("p");
    this.notice = h(
      "div",
      { class: "notice", hidden: true },
      this.noticeText,
      h(
        "button",
        {
          type: "button",
          class: "action square",
          "aria-label": t("dismiss"),
          click: () => (this.notice.hidden = true),
        },
        icon("close"),
      ),
    );
    this.lineSelect = h("select", { "aria-label": t("line"), hidden: true });
    this.dialField = h("input", {
      type: "tel",
      autocomplete: "off",
      enterkeyhint: "go",
      "aria-label": t("number"),
      placeholder: t("number"),
    });
    this.dialButton = h("button", { class: "action", "data-kind": "good", part: "action" }, icon("phone"), t("call"));
    this.dialProblem = h("p", { class: "problem", role: "alert" });
    this.dial = h(
      "form",
      { class: "dial", part: "dial", submit: (event) => this.#onDial(event) },
      this.lineSelect,
      this.dialField,
      this.dialButton,
      this.dialProblem,
    );
    this.login = new LoginForm(this);
    this.popsBox = h("div", { class: "pops" });
    this.cardsBox = h("div", { class: "calls" });
    this.bodyBox = h(
      "div",
      { class: "body", id: "body", hidden: true },
      this.connectionNotice,
      this.lineNotice,
      this.notice,
      this.cardsBox,
      this.popsBox,
      this.dial,
      this.login.element,
    );
    this.polite = h("div", { class: "spoken", role: "status" });
    this.urgent = h("div", { class: "spoken", role: "alert" });
    const panel = h(
      "section",
      { class: "panel", part: "panel", "aria-label": t("phone"), hidden: true },
      h("div", { class: "head" }, this.bar, this.gear),
      this.bodyBox,
    );
    const show = () => (panel.hidden = false);
    const styles = h("link", { rel: "stylesheet", href: this.dataset.styles, load: show, error: show });
    root.append(styles, panel, this.polite, this.urgent);
    this.expanded = this.#remembered() !== "closed";
  }

  #remembered() {
    try {
      return localStorage.getItem(OPEN_KEY);
    } catch {
      return null; // storage is forbidden in this browser: the panel then starts open
    }
  }

  #toggle() {
    this.expanded = !this.expanded;
    try {
      localStorage.setItem(OPEN_KEY, this.expanded ? "open" : "closed");
    } catch {
      // as above: it works, it is only not remembered
    }
  }

  async #onDial(event) {
    event.preventDefault();
    if (isBusy(this.dialButton)) return;
    if (await this.call(this.dialField.value)) this.dialField.value = "";
  }

  #showDialProblem(error) {
    setText(this.dialProblem, error?.message ?? "");
    setAttribute(this.dialProblem, "data-kind", error?.name === "INFO" ? "info" : null);
  }

  get #readyLines() {
    return (this.connector?.lines ?? []).filter((line) => line.status === "READY");
  }

  // --- what the connector tells ---

  #onMessage(message) {
    this.dispatchEvent(new CustomEvent("voipcti", { detail: message, bubbles: true, composed: true }));
    // What a snapshot tells is not new: it has no id.
    if (message.call) {
      this.#showCall(message.call, message.id !== undefined);
      this.#acknowledge(message);
    }
    else if (message.name === "TWO_FACTOR_AUTH") this.login.askForCode(message.nonce);
    else if ((message.name === "ERROR" || message.name === "INFO") && message.ref === undefined)
      this.#showNews(message);
    // What was wrong with a line is no news any more once it works.
    else if (message.name === "READY" && message.line?.id === this.notice.dataset.line) this.notice.hidden = true;
    this.#showFrame();
  }

  /** Tell the server what became of a call that rings, or that waited for the answer, when that is on the screen. */
  #acknowledge({ name, call }) {
    const { preferences } = this.connector;
    const mayPop = name === "RINGING" || name === "INITIAL" || (name === "CONNECTED" && preferences.popOn === "answer");
    if (!mayPop || !this.online) return;
    const arrived = performance.now();
    const say = () => {
      const [card, isPutAway] = [this.#cards.get(call.id), this.#dismissed.has(call.id)];
      const how = outcomeOf({ card, isExpanded: this.expanded, isPutAway, preferences });
      const after = Math.round(performance.now() - arrived);
      if (this.online) this.connector.shown(call.id, how, { hidden: document.hidden, after });
    };
    // A task that a frame's callback starts runs when the frame is painted; a hidden page has no frames.
    if (document.hidden) setTimeout(say);
    else requestAnimationFrame(() => setTimeout(say));
  }

  #refresh() {
    const live = new Set();
    for (const call of this.connector.calls) {
      live.add(call.id);
      this.#showCall(call);
    }
    for (const card of this.#cards.values()) card.showConnection();
    this.#preferences.show();
    this.#beNoticed();
    this.#showFrame();
  }

  /** Somebody chose, attached or saved a record, or a directory answered late: nothing that rings, or unfolds the panel. */
  #learn(call) {
    this.#cards.get(call.id)?.update(call);
    this.#beNoticed();
    this.#showFrame();
  }

  /** @param {boolean} [isNews]  it has just happened: not something that a page finds when it is opened */
  #showCall(call, isNews = false) {
    const { t } = this;
    let card = this.#cards.get(call.id);
    const previous = card?.call.status;
    if (this.#isPutAway(call) || call.pop?.action === "log_only") return;
    // What somebody else picked up needs nobody's attention any more.
    if (call.endReason === "answered_elsewhere") {
      setText(this.urgent, "");
      if (card) setText(this.polite, t("announce_state", { who: card.title, state: this.stateText(call) }));
      this.#remove(call.id);
      return;
    }
    if (!card && phaseOf(call) === "ended" && call.direction === "OUTBOUND" && !call.cause) return;
    if (card) card.update(call);
    else {
      card = new CallCard(call, this);
      this.#cards.set(call.id, card);
      this.cardsBox.prepend(card.element);
      this.#showDrafts();
    }
    if (previous !== call.status) {
      if (this.#comesForward(card)) this.expanded = true;
      this.#announce(card);
      this.#openBy(card, previous, isNews);
    }
    this.#forgetOldCards();
    this.#keepTicking();
    this.#beNoticed();
  }

  /** Whether a call unfolds the panel: what the user did himself always does, the rest as he and the rules want it. */
  #comesForward(card) {
    const { doNotDisturb } = this.connector.preferences;
    const isOutbound = card.call.direction === "OUTBOUND";
    if (card.phase === "ended" || (card.manner === "silent" && !isOutbound)) return false;
    return card.phase === "ringing" ? this.#isLoud(card) : isOutbound || !doNotDisturb;
  }

  #isLoud({ manner }) {
    return this.#notices.isLoud && manner !== "silent";
  }

  /** Open what a rule wants to be opened as soon as the call shows, or the record when it is answered. */
  #openBy({ call, manner, phase }, previous, isNews) {
    const { doNotDisturb, popOn, openRecord } = this.connector.preferences;
    const isInbound = call.direction === "INBOUND";
    const isAnswered = Boolean(previous) && phase === "talking";
    if ((manner === "open_record" || manner === "open_form") && call.pop.url) {
      const isTime = isInbound && popOn === "answer" ? isAnswered : isNews && !previous && phase !== "ended";
      if (isTime && !doNotDisturb) this.#open(call, call.pop.url);
    } else if (isAnswered && isInbound && openRecord && SURE.has(call.contact?.confidence)) {
      this.#open(call, call.contact.url);
    }
  }

  /**
   * Go to a record or form, in one visible tab, and not while somebody types there. A page may do something else: the
   * event `voipcti-open` can be cancelled.
   */
  #open(call, address) {
    const url = address && safeUrl(address);
    if (!url || document.hidden || new URL(url, location.href).href === location.href) return;
    if (document.activeElement?.matches("input, textarea, select, [contenteditable]")) return;
    const open = () => {
      const wanted = new CustomEvent("voipcti-open", { detail: { call, url }, bubbles: true, cancelable: true });
      if (this.dispatchEvent(wanted)) location.assign(url);
    };
    if (!navigator.locks) open();
    else {
      // Held as long as other tabs may still hear of it, so that only one of them goes.
      const held = () => new Promise((resolve) => setTimeout(resolve, 3000));
      navigator.locks.request(`voipcti open ${call.id}`, { ifAvailable: true }, (lock) => lock && (open(), held()));
    }
  }

  /** Speak what changed; an incoming call at once, the rest when the screen reader has time. */
  #announce(card) {
    const { t } = this;
    const who = [card.title, card.company].filter(Boolean).join(", ");
    if (card.phase === "ringing" && this.#isLoud(card)) setText(this.urgent, t("announce_incoming", { who }));
    else {
      setText(this.urgent, "");
      setText(this.polite, t("announce_state", { who: card.title, state: this.stateText(card.call) }));
    }
  }

  #forgetOldCards() {
    // Not the one that somebody is writing on.
    const { activeElement } = this.shadowRoot;
    const ended = [...this.#cards.values()].filter(
      (card) => card.phase === "ended" && !(activeElement && card.element.contains(activeElement)),
    );
    for (const card of ended.slice(0, Math.max(0, ended.length - ENDED_KEPT))) this.#remove(card.call.id);
  }

  /** Take a card away because somebody said so, here or elsewhere. A call that goes on comes back when it is answered. */
  #putAway(id) {
    this.#closePop(id);
    const phase = this.#cards.get(id)?.phase;
    if (phase !== "ended" && phase !== "ringing") return;
    if (phase === "ringing") {
      this.#dismissed.add(id);
      setText(this.urgent, "");
    }
    this.#remove(id);
  }

  #remove(id) {
    const card = this.#cards.get(id);
    const hadFocus = card?.element.contains(this.shadowRoot.activeElement);
    card?.element.remove();
    this.#cards.delete(id);
    this.#keeper?.release(id);
    this.#showDrafts();
    this.#keepTicking();
    this.#beNoticed();
    this.#showFrame();
    if (hadFocus) this.bar.focus();
  }

  /** Whether a call is to stay out of sight: dismissed while it rang, and not answered since. */
  #isPutAway({ id, ...call }) {
    if (!this.#dismissed.has(id)) return false;
    if (phaseOf(call) === "ringing") return true;
    this.#dismissed.delete(id);
    return phaseOf(call) === "ended";
  }

  #keepTicking() {
    const running = [...this.#cards.values()].some((card) => card.phase !== "ended");
    if (running && this.#ticking === null) {
      this.#ticking = setInterval(() => this.#cards.forEach((card) => card.phase === "ended" || card.tick()), 1000);
    } else if (!running && this.#ticking !== null) {
      clearInterval(this.#ticking);
      this.#ticking = null;
    }
  }

  /** Tell of ringing calls beyond the panel; while the page is hidden, its title says who rings. */
  #beNoticed() {
    // A call on a line that is only watched rings for somebody else; one seen last before the socket went may be over.
    const all = [...this.#cards.values()].filter(
      (card) =>
        card.phase === "ringing" && card.manner !== "silent" && !card.isStale && this.capabilitiesOf(card.call),
    );
    const [ringing] = this.#notices.isLoud ? all : [];
    this.#notices.update(all.map((card) => this.#noticeOf(card)));
    if (ringing && document.hidden) {
      this.#title ??= document.title;
      document.title = `☎ ${ringing.title}`;
    } else if (this.#title !== null) {
      document.title = this.#title;
      this.#title = null;
    }
  }

  #noticeOf({ call, title, company }) {
    const { t } = this;
    const body = [company, call.number !== title && call.number, call.context].filter(Boolean);
    return { id: call.id, title: t("announce_incoming", { who: title }), body: body.join(" · ") };
  }

  // --- what the host's server pops ---

  /**
   * Show a fragment that the server rendered. It stands in the page and not in the shadow root, so the page's own
   * styles and scripts (htmx, for one) apply to it.
   */
  #showPop({ id, title, html }) {
    this.#closePop(id);
    const fragment = h("div", { slot: id, "data-voipcti-pop": id, submit: (event) => this.#onPopSubmit(event, id) });
    fragment.innerHTML = html;
    const frame = h(
      "section",
      { class: "pop", part: "pop", "aria-label": title || null },
      h("slot", { name: id }),
      h(
        "button",
        { type: "button", class: "action square", "aria-label": this.t("dismiss"), click: () => this.dismiss(id) },
        icon("close"),
      ),
    );
    this.#pops.set(id, { fragment, frame });
    this.append(fragment);
    this.popsBox.prepend(frame);
    if (this.#pops.size > POPS_KEPT) this.#closePop(this.#pops.keys().next().value);
    if (!this.connector.preferences.doNotDisturb) this.expanded = true;
    setText(this.polite, title);
    globalThis.htmx?.process(fragment);
    fragment.dispatchEvent(new CustomEvent("voipcti-pop", { detail: { id }, bubbles: true }));
  }

  #closePop(id) {
    const shown = this.#pops.get(id);
    if (!shown) return;
    const hadFocus = shown.frame.contains(this.shadowRoot.activeElement) || shown.fragment.contains(document.activeElement);
    shown.fragment.remove();
    shown.frame.remove();
    this.#pops.delete(id);
    if (hadFocus) this.bar.focus();
  }

  /** Post a form of a pop in place; what comes back takes the place of the fragment, nothing closes it. */
  async #onPopSubmit(event, id) {
    if (event.defaultPrevented) return;
    event.preventDefault();
    const { target: form, submitter } = event;
    if (isBusy(form)) return;
    const { fragment } = this.#pops.get(id);
    try {
      const asked = fetch(form.action, { method: "POST", body: new FormData(form, submitter), credentials: "same-origin" });
      const response = await whileBusy(form, asked);
      const text = await response.text();
      if (!response.ok) this.#showNews({ name: "ERROR", message: response.status === 403 ? text : this.t("pop_failed") });
      else if (text) {
        fragment.innerHTML = text;
        globalThis.htmx?.process(fragment);
      } else this.#closePop(id);
    } catch {
      this.#showNews({ name: "ERROR", message: this.t("pop_failed") });
    }
  }

  /** What the server says by itself: on the card of the call that it is about, else on top. */
  #showNews({ name, message, callId, line }) {
    const card = this.#cards.get(callId);
    this.expanded = true;
    if (card) {
      card.showProblem({ name, message });
      return;
    }
    setText(this.noticeText, message);
    setAttribute(this.notice, "data-kind", name === "ERROR" ? "error" : "info");
    setAttribute(this.notice, "data-line", line?.id ?? null);
    this.notice.hidden = false;
    setText(this.polite, message);
  }

  #showFrame() {
    const { t } = this;
    const lines = this.connector?.lines ?? [];
    const ready = this.#readyLines;
    const busy = [...this.#cards.values()].findLast((card) => card.phase !== "ended");
    const { state, text } = this.#status(lines, ready, busy);
    this.dot.dataset.state = state;
    setText(this.statusText, text);
    const away = !this.online && this.connector && this.connector.state !== "connecting";
    setText(this.connectionNotice.querySelector("p"), away ? t(`notice_${this.connector.state}`) : "");
    this.connectionNotice.hidden = !away;
    // A line in error waits for somebody to act, and what helps is mostly to log in again.
    const needsLogin = this.online && lines.every(({ status }) => status === "LOGGED_OUT" || status === "ERROR");
    const broken = this.online && !ready.length && lines.find((line) => line.status === "ERROR");
    setText(this.lineNotice.querySelector("p"), broken ? broken.message || broken.statusLabel : "");
    this.lineNotice.hidden = !broken;
    if (broken && this.notice.dataset.line === broken.id) this.notice.hidden = true; // the same, said twice
    this.login.element.hidden = !needsLogin;
    if (!needsLogin && this.login.mode === "code") this.login.show("password");
    this.dial.hidden = needsLogin || !ready.some((line) => line.capabilities.supports_place);
    this.#showLines(ready);
    for (const card of this.#cards.values()) card.showConnection();
  }

  #status(lines, ready, busy) {
    const { t } = this;
    const connection = this.connector?.state ?? "connecting";
    if (!this.online)
      return {
        state: connection === "closed" ? "error" : "waiting",
        text: t(`connection_${connection === "open" ? "connecting" : connection}`),
      };
    if (!lines.length) return { state: "off", text: t("no_line") };
    const shown =
      ready[0] ??
      lines.find((line) => line.status === "ERROR") ??
      lines.find((line) => line.status !== "LOGGED_OUT") ??
      lines[0];
    const detail =
      shown.status === "READY" ? shown.extension && t("extension", { extension: shown.extension }) : shown.message;
    if (shown.status === "READY" && !busy && this.connector.preferences.doNotDisturb)
      return { state: "off", text: [t("do_not_disturb"), detail].filter(Boolean).join(" · ") };
    const state = { READY: busy ? "busy" : "ready", LOGGED_IN: "waiting", ERROR: "error" }[shown.status] ?? "off";
    return { state, text: [busy ? this.stateText(busy.call) : shown.statusLabel, detail].filter(Boolean).join(" · ") };
  }

  /** A user with several lines chooses the one to call from. */
  #showLines(ready) {
    const lines = ready.filter((line) => line.capabilities.supports_place);
    this.lineSelect.hidden = lines.length < 2;
    const key = lines.map((line) => `${line.id} ${line.label}`).join("\n");
    if (this.lineSelect.dataset.key === key) return;
    const { value } = this.lineSelect;
    this.lineSelect.dataset.key = key;
    this.lineSelect.replaceChildren(
      ...lines.map((line) => h("option", { value: line.id }, [line.label, line.extension].filter(Boolean).join(" · "))),
    );
    if (lines.some((line) => line.id === value)) this.lineSelect.value = value;
  }
}

if (globalThis.customElements && !customElements.get("voipcti-panel"))
  customElements.define("voipcti-panel", VoipctiPanel);
