/**
 * Where a call is to go: at once, or after asking whether it may. Used by the panel.
 *
 * Asking makes two calls a pair: the one on hold, and the consultation, whose `consultationOf` names it. Everything here
 * follows from that field, so a page that was opened in the middle shows the same.
 */

const MOST_COLLEAGUES_SHOWN = 50;

/**
 * The call on hold and the consultation about it, one of which is `call`; null if there is no such pair among the live
 * `calls`.
 */
export function pairOf(call, calls) {
  const consultation = calls.findLast(
    ({ id, consultationOf }) => consultationOf && (id === call.id || consultationOf === call.id),
  );
  const held = consultation && calls.find(({ id }) => id === consultation.consultationOf);
  return held ? { held, consultation } : null;
}

/** What can be done with `call` while somebody is being asked, in the order of the buttons. */
export function pairActions(call, { consultation }) {
  if (call.id !== consultation.id) return ["return_to_call"];
  const isTalking = ["CONNECTED", "ON_HOLD"].includes(consultation.status);
  return isTalking ? ["complete_transfer", "return_to_call"] : ["return_to_call"];
}

/** The colleagues that what was typed may mean: part of a name, or the beginning of an extension. */
export function foundColleagues(colleagues, typed) {
  const wanted = typed.trim().toLocaleLowerCase();
  return colleagues.filter(
    ({ name, extension }) => extension && (name.toLocaleLowerCase().includes(wanted) || extension.startsWith(wanted)),
  );
}

/** What to dial: a name that leaves one colleague means him, anything with a digit is a number. */
export function destinationOf(colleagues, typed) {
  const found = foundColleagues(colleagues, typed);
  return /\d/.test(typed) || found.length !== 1 ? typed.trim() : found[0].extension;
}

/** A number typed, or a colleague picked from a list that typing narrows; hidden until it is opened. */
export class TransferBox {
  #tools;
  #host;
  #colleagues = [];

  /**
   * @param {object} options
   * @param {object} options.tools  of the panel: t, h, setText, whileBusy, isBusy
   * @param {HTMLButtonElement} options.button  opens and closes it
   * @param {() => object} options.capabilities  of the call's line
   * @param {() => Promise<object[]>} options.colleagues
   * @param {(number: string) => Promise<any>} options.transfer  at once
   * @param {(number: string) => Promise<any>} options.consult  after asking; false if nothing was asked
   * @param {() => void} options.onClosed  the focus has to go somewhere
   */
  constructor({ tools, ...host }) {
    const { t, h } = tools;
    this.#tools = tools;
    this.#host = host;
    this.field = h("input", {
      type: "text",
      autocomplete: "off",
      spellcheck: "false",
      "aria-label": t("transfer_to"),
      placeholder: t("transfer_to"),
      input: () => this.#show(),
    });
    this.now = h("button", { class: "action", "data-kind": "accent", value: "transfer" }, t("transfer_now"));
    this.ask = h("button", { class: "action", value: "consult" }, t("ask_first"));
    this.problem = h("p", { class: "problem", role: "alert" });
    this.list = h("ul", { "aria-label": t("colleagues") });
    this.hint = h("p", { class: "hint", role: "status" });
    this.element = h(
      "div",
      { class: "transfer", hidden: true, keydown: (event) => this.#onKey(event) },
      h(
        "form",
        { submit: (event) => this.#onSubmit(event) },
        this.field,
        h("div", { class: "row" }, this.now, this.ask),
        this.problem,
      ),
      this.hint,
      this.list,
    );
    host.button.setAttribute("aria-expanded", "false");
  }

  toggle() {
    if (this.element.hidden) this.#open();
    else this.close();
  }

  /** Close it because the user said so: the focus returns. */
  close() {
    if (this.element.hidden) return;
    this.hide();
    this.#host.onClosed();
  }

  /** Take it away; the focus is the caller's business. */
  hide() {
    this.element.hidden = true;
    this.#host.button.setAttribute("aria-expanded", "false");
  }

  get #ways() {
    const can = this.#host.capabilities() ?? {};
    return [
      ...(can.supports_blind_transfer ? ["transfer"] : []),
      ...(can.supports_attended_transfer ? ["consult"] : []),
    ];
  }

  async #open() {
    const { t, setText } = this.#tools;
    const ways = this.#ways;
    this.now.hidden = !ways.includes("transfer");
    this.ask.hidden = !ways.includes("consult");
    this.ask.dataset.kind = this.now.hidden ? "accent" : "";
    this.element.hidden = false;
    this.#host.button.setAttribute("aria-expanded", "true");
    this.field.value = "";
    setText(this.problem, "");
    this.field.focus();
    setText(this.hint, t("loading"));
    try {
      this.#colleagues = await this.#host.colleagues();
      setText(this.hint, "");
    } catch {
      this.#colleagues = [];
      setText(this.hint, t("no_colleagues"));
    }
    this.#show();
  }

  #show() {
    const found = foundColleagues(this.#colleagues, this.field.value).slice(0, MOST_COLLEAGUES_SHOWN);
    const ways = this.#ways;
    this.list.replaceChildren(...found.map((colleague) => this.#row(colleague, ways)));
  }

  #row({ name, extension }, ways) {
    const { t, h } = this.#tools;
    const go = (way) => this.#go(way, extension);
    return h(
      "li",
      {},
      h(
        "button",
        { type: "button", class: "colleague", click: () => go(ways[0]) },
        h("span", {}, name),
        h("span", { class: "end" }, extension),
      ),
      ways.length > 1
        ? h(
            "button",
            { type: "button", class: "action ask", "aria-label": t("ask_named", { who: name }), click: () => go("consult") },
            t("ask_first"),
          )
        : null,
    );
  }

  #onKey(event) {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    this.close();
  }

  #onSubmit(event) {
    event.preventDefault();
    this.#go(event.submitter?.value ?? this.#ways[0], destinationOf(this.#colleagues, this.field.value));
  }

  async #go(way, number) {
    const { setText, whileBusy, isBusy } = this.#tools;
    const button = way === "consult" ? this.ask : this.now;
    if (isBusy(this.now) || isBusy(this.ask)) return;
    setText(this.problem, "");
    try {
      const isDone = await whileBusy(button, this.#host[way](number));
      if (isDone !== false) this.close();
    } catch (error) {
      setText(this.problem, error.message);
    }
  }
}
