/**
 * Before a number is dialled: what speaks against the call, asked here when the server refused it for now.
 *
 * The server decides what is asked, and keeps what was confirmed; this is the question only. It has its own file beside
 * panel.js for the reason that caller.js gives.
 */

/** Whether a refusal is a question: the same call, confirmed, would be placed. */
export function isQuestion(error) {
  return error?.code === "needs_confirmation" && Boolean(error.confirm?.token);
}

/** The element that has the focus, in whatever shadow root. */
function focused() {
  let element = document.activeElement;
  while (element?.shadowRoot?.activeElement) element = element.shadowRoot.activeElement;
  return element;
}

/**
 * What speaks against a call, and the answer to it. A question belongs to what the user did last: another one, or
 * another call, takes its place, and then nothing is dialled for the earlier.
 */
export class Question {
  #tools;
  #asked = null;
  #answer = null;
  /** What had the focus before. */
  #before = null;

  /** @param {object} tools  of the panel: t, h, icon, setText */
  constructor(tools) {
    const { t, h, icon } = tools;
    this.#tools = tools;
    this.heading = h("h2", { id: "question" });
    this.list = h("ul", { id: "concerns" });
    this.field = h("input", { type: "text", maxlength: 300, autocomplete: "off" });
    this.label = h("label", {}, t("confirm_reason"), this.field, h("span", { class: "hint" }, t("confirm_kept")));
    this.problem = h("p", { class: "problem", role: "alert" });
    this.yes = h("button", { class: "action", "data-kind": "bad", part: "action" }, icon("phone"), t("confirm_call"));
    this.no = h(
      "button",
      { type: "button", class: "action", part: "action", click: () => this.#settle(null) },
      t("confirm_no"),
    );
    this.element = h(
      "section",
      {
        class: "question",
        part: "question",
        role: "alertdialog",
        "aria-labelledby": "question",
        "aria-describedby": "concerns",
        tabindex: "-1",
        hidden: true,
        keydown: (event) => this.#onKey(event),
      },
      this.heading,
      this.list,
      h(
        "form",
        { submit: (event) => this.#onSubmit(event) },
        this.label,
        this.problem,
        h("div", { class: "row" }, this.no, this.yes),
      ),
    );
  }

  /**
   * Place a call, and ask as long as the server wants something confirmed.
   * @param {(said: {confirm?: string, reason?: string}) => Promise<any>} place
   * @returns {Promise<any>} what `place` resolves to; null if the user decides against the call
   */
  async through(place) {
    this.#settle(null);
    for (let said = {}; ; ) {
      try {
        return await place(said);
      } catch (error) {
        if (!isQuestion(error)) throw error;
        const answer = await this.#ask(error.confirm);
        if (!answer) return null;
        said = answer;
      }
    }
  }

  #ask({ token, number, needsReason, concerns }) {
    const { t, h, icon, setText } = this.#tools;
    this.#settle(null);
    this.#asked = { token, needsReason };
    setText(this.heading, t("confirm_title", { number }));
    this.list.replaceChildren(
      ...concerns.map(({ code, message }) =>
        h("li", { "data-code": code }, icon(code === "quiet_hours" ? "clock" : "warning"), h("span", {}, message)),
      ),
    );
    this.label.hidden = !needsReason;
    this.field.value = "";
    setText(this.problem, "");
    this.element.hidden = false;
    this.#before = focused();
    // The frame and not a button: whoever pressed Enter twice must not have confirmed anything.
    (needsReason ? this.field : this.element).focus();
    this.element.scrollIntoView?.({ block: "nearest" });
    return new Promise((resolve) => (this.#answer = resolve));
  }

  #onSubmit(event) {
    const { t, setText } = this.#tools;
    event.preventDefault();
    const reason = this.field.value.trim();
    if (this.#asked.needsReason && !reason) {
      setText(this.problem, t("confirm_reason_missing"));
      this.field.focus();
      return;
    }
    this.#settle({ confirm: this.#asked.token, ...(reason ? { reason } : {}) });
  }

  #onKey(event) {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    this.#settle(null);
  }

  #settle(answer) {
    const resolve = this.#answer;
    this.#answer = null;
    const hadFocus = this.element.contains(this.element.getRootNode().activeElement);
    this.element.hidden = true;
    if (hadFocus && this.#before?.isConnected) this.#before.focus();
    resolve?.(answer);
  }
}
