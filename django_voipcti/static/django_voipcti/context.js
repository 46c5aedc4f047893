/**
 * What the host knows about a caller, on the card of a call: blocks that come one by one while the name stands already.
 *
 * It has its own file beside panel.js for the reason that caller.js gives.
 */

/** The record that the blocks of a call are about, as a key; empty if there is none, or the user may not view it. */
export function subjectOf({ contact, internal }) {
  return !internal && contact?.objectId && contact.model ? `${contact.model} ${contact.objectId}` : "";
}

/** Whether a block says anything at all. */
export function isWorthShowing({ state }) {
  return state !== "empty";
}

/** The blocks of one call's card. */
export class ContextBox {
  #tools;
  #connector;
  #subject = "";
  #call = null;
  #sections = new Map();

  /** @param {{tools: object, connector: object}} surroundings  tools of the panel: t, h, icon, setText, safeUrl */
  constructor({ tools, connector }) {
    this.#tools = tools;
    this.#connector = connector;
    this.element = tools.h("div", { class: "contexts", hidden: true });
  }

  /**
   * Show the blocks of `call`, and ask for them once for each record that it is linked to.
   * @param {object} call
   * @param {{isOver: boolean, isOwn: boolean}} state
   */
  show(call, { isOver, isOwn }) {
    this.#call = call;
    const subject = subjectOf(call);
    if (subject !== this.#subject) {
      this.#subject = subject;
      this.#sections.clear();
      this.element.replaceChildren();
      if (subject && isOwn && !isOver) this.#ask();
    }
    this.#showFrame();
  }

  #ask() {
    const { id, contact } = this.#call;
    // Nothing depends on it: what cannot be asked now is on the record's own page.
    this.#connector.blocks(id, contact.model, contact.objectId).catch(() => {});
  }

  /** A block has come, or is on its way. It may be about a record that the call is not linked to any more. */
  take(block) {
    if (block.objectId !== this.#call?.contact?.objectId) return;
    const { h } = this.#tools;
    let section = this.#sections.get(block.key);
    if (!isWorthShowing(block)) {
      section?.remove();
      this.#sections.delete(block.key);
    } else {
      if (!section) {
        section = h("section", { class: "block context-block", part: "context", "data-block": block.key });
        this.#sections.set(block.key, section);
        this.element.append(section);
      }
      // In another tab of this browser it may have been asked again; what is known stays until it is known better.
      if (block.state !== "loading" || !section.dataset.state || section.dataset.state === "loading") {
        this.#fill(section, block);
      }
    }
    this.#showFrame();
  }

  #fill(section, { state, title, text, facts }) {
    const { t, h } = this.#tools;
    section.dataset.state = state;
    section.setAttribute("aria-busy", String(state === "loading"));
    const words = { loading: t("context_loading"), late: t("context_late"), failed: t("context_failed") }[state];
    section.replaceChildren(
      h("h3", {}, title),
      ...(words ? [h("p", { class: "hint" }, words)] : []),
      ...(text ? [h("p", {}, text)] : []),
      ...(facts.length ? [h("ul", {}, ...facts.map((fact) => this.#factItem(fact)))] : []),
    );
  }

  #factItem({ label, value, url }) {
    const { h, safeUrl } = this.#tools;
    return h(
      "li",
      {},
      url && safeUrl(url) ? h("a", { href: url }, label) : h("span", {}, label),
      value ? h("span", { class: "end" }, value) : null,
    );
  }

  #showFrame() {
    this.element.hidden = !this.#sections.size;
  }
}
