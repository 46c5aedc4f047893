/**
 * The search for the record that the number of a caller belongs to: a combobox with a list below it.
 *
 * It follows the ARIA pattern "editable combobox with list autocomplete, manual selection": the focus stays in the field,
 * arrows walk through the list, Enter takes what is marked, Escape closes the list and then the search. Attaching is for
 * everybody and cannot be undone here, so a record is first taken, with a word on what that means, and then confirmed.
 */

/** Below this nothing is asked; the server answers with nothing too. */
export const FEWEST_CHARACTERS = 2;
/** Milliseconds without a further letter before the server is asked; it allows a page five messages a second. */
const PAUSE = 220;

/** @type {{setTimeout: (fn: () => void, ms: number) => any, clearTimeout: (id: any) => void}} */
const browserClock = {
  setTimeout: (fn, ms) => globalThis.setTimeout(fn, ms),
  clearTimeout: (id) => globalThis.clearTimeout(id),
};

/** Asks as somebody types: after a pause, once for the same text, and hears only the answer to the newest question. */
export class RecordSearch {
  #ask;
  #show;
  #clock;
  #timer = null;
  #text = "";

  /**
   * @param {object} options
   * @param {(text: string) => Promise<object[]>} options.ask
   * @param {(found: {records?: object[], error?: Error}) => void} options.show  no records: nothing was asked
   * @param {typeof browserClock} [options.clock]
   */
  constructor({ ask, show, clock = browserClock }) {
    this.#ask = ask;
    this.#show = show;
    this.#clock = clock;
  }

  /** This stands in the field now. @param {string} typed */
  type(typed) {
    const text = typed.trim().replace(/\s+/g, " ");
    if (text === this.#text) return;
    this.#text = text;
    this.#clock.clearTimeout(this.#timer);
    if ([...text.replaceAll(" ", "")].length < FEWEST_CHARACTERS) this.#show({});
    else this.#timer = this.#clock.setTimeout(() => this.#find(text), PAUSE);
  }

  /** Forget the question; an answer that is still to come is not heard. */
  stop() {
    this.#clock.clearTimeout(this.#timer);
    this.#text = "";
  }

  async #find(text) {
    let found;
    try {
      found = { records: await this.#ask(text) };
    } catch (error) {
      found = { error };
    }
    if (this.#text === text) this.#show(found);
    // So that the same text can be asked for again after a failure.
    if (found.error && this.#text === text) this.#text = "";
  }
}

/** The option that an arrow key leads to, round and round; -1 is none. */
export function nextOption(key, current, count) {
  if (!count) return -1;
  if (key === "ArrowDown") return (current + 1) % count;
  return (Math.max(current, 0) + count - 1) % count;
}

/** Field, list and button; hidden until `open()`. */
export class AttachBox {
  #tools;
  #onClose;
  #purpose = null;
  #options = [];
  #marked = -1;
  #chosen = null;

  /**
   * @param {object} options
   * @param {string} options.id  begins the ids of its elements
   * @param {object} options.tools  of the panel: t, h, setText, whileBusy, isBusy
   * @param {(text: string) => Promise<object[]>} options.suggest
   * @param {() => void} options.onClose
   */
  constructor({ id, tools, suggest, onClose }) {
    const { t, h } = tools;
    this.#tools = tools;
    this.#onClose = onClose;
    this.search = new RecordSearch({ ask: suggest, show: (found) => this.#showFound(found) });
    const list = `${id}-list`;
    this.field = h("input", {
      id: `${id}-field`,
      type: "text",
      role: "combobox",
      autocomplete: "off",
      spellcheck: "false",
      enterkeyhint: "search",
      "aria-autocomplete": "list",
      "aria-expanded": "false",
      "aria-controls": list,
      placeholder: t("attach_search"),
      input: () => this.#onInput(),
      keydown: (event) => this.#onKey(event),
    });
    this.label = h("label", { for: `${id}-field` });
    this.list = h("ul", { id: list, role: "listbox", "aria-label": t("attach_records"), hidden: true });
    this.hint = h("p", { class: "hint", role: "status" });
    this.problem = h("p", { class: "problem", role: "alert" });
    this.submit = h("button", { class: "action", "data-kind": "accent" });
    const cancel = h("button", { type: "button", class: "action", "data-kind": "quiet", click: () => this.close() }, t("cancel"));
    this.element = h(
      "form",
      { class: "attach", hidden: true, submit: (event) => this.#onSubmit(event), keydown: (event) => this.#onEscape(event) },
      this.label,
      this.field,
      this.list,
      this.hint,
      this.problem,
      h("div", { class: "row" }, this.submit, cancel),
    );
  }

  /**
   * Ask for a record, with the focus in the field: only after a click.
   * @param {object} purpose
   * @param {string} purpose.label  the question
   * @param {string} purpose.confirm  what the button says
   * @param {(record: object) => string} purpose.effect  what taking the record means
   * @param {(record: object) => Promise<void>} purpose.take  rejects with what is to be said
   */
  open(purpose) {
    const { setText } = this.#tools;
    this.#purpose = purpose;
    setText(this.label, purpose.label);
    setText(this.submit, purpose.confirm);
    this.field.value = "";
    this.#take(null);
    this.#fold();
    setText(this.problem, "");
    this.element.hidden = false;
    this.field.focus();
  }

  close() {
    if (this.element.hidden) return;
    this.search.stop();
    this.element.hidden = true;
    this.#onClose();
  }

  // --- what was found ---

  #showFound({ records, error }) {
    const { t, h, setText } = this.#tools;
    this.#fold();
    setText(this.problem, error?.message ?? "");
    if (!records?.length) {
      setText(this.hint, error ? "" : t(records ? "attach_nothing" : "attach_hint"));
      return;
    }
    this.#options = records.map((record, index) => ({
      record,
      element: h(
        "li",
        {
          id: `${this.list.id}-${index}`,
          role: "option",
          "aria-selected": "false",
          // The field keeps the focus.
          mousedown: (event) => event.preventDefault(),
          click: () => this.#choose(index),
        },
        h("span", {}, record.label),
        record.company ? h("span", { class: "company" }, record.company) : null,
      ),
    }));
    this.list.replaceChildren(...this.#options.map(({ element }) => element));
    this.list.hidden = false;
    this.field.setAttribute("aria-expanded", "true");
    setText(this.hint, t("attach_found", { count: records.length }));
  }

  #fold() {
    this.#options = [];
    this.#mark(-1);
    this.list.replaceChildren();
    this.list.hidden = true;
    this.field.setAttribute("aria-expanded", "false");
  }

  #mark(index) {
    this.#marked = index;
    for (const [position, { element }] of this.#options.entries())
      element.setAttribute("aria-selected", String(position === index));
    const { element } = this.#options[index] ?? {};
    if (element) this.field.setAttribute("aria-activedescendant", element.id);
    else this.field.removeAttribute("aria-activedescendant");
    element?.scrollIntoView({ block: "nearest" });
  }

  #choose(index) {
    const { record } = this.#options[index];
    this.field.value = [record.label, record.company].filter(Boolean).join(", ");
    this.search.stop();
    this.#fold();
    this.#take(record);
  }

  /** Take a record, or none, as the one to attach to. */
  #take(record) {
    const { t, setText } = this.#tools;
    this.#chosen = record;
    this.submit.hidden = !record;
    setText(this.hint, record ? this.#purpose.effect(record) : t("attach_hint"));
  }

  // --- keys ---

  #onInput() {
    if (this.#chosen) this.#take(null);
    this.search.type(this.field.value);
  }

  #onKey(event) {
    const { key } = event;
    if ((key === "ArrowDown" || key === "ArrowUp") && this.#options.length) {
      event.preventDefault();
      this.#mark(nextOption(key, this.#marked, this.#options.length));
    } else if (key === "Enter" && this.#marked >= 0) {
      event.preventDefault();
      this.#choose(this.#marked);
    }
  }

  #onEscape(event) {
    if (event.key !== "Escape") return;
    event.stopPropagation();
    event.preventDefault();
    if (this.#options.length) this.#fold();
    else this.close();
  }

  async #onSubmit(event) {
    const { setText, whileBusy, isBusy } = this.#tools;
    event.preventDefault();
    if (!this.#chosen || isBusy(this.submit)) return;
    setText(this.problem, "");
    try {
      await whileBusy(this.submit, this.#purpose.take(this.#chosen));
      this.close();
    } catch (error) {
      setText(this.problem, error.message);
    }
  }
}
