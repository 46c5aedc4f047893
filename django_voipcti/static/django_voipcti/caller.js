/**
 * Who is calling, on the card of a call: how sure that is, the records to choose from, and what to do when there is none.
 *
 * It has its own file beside panel.js because it is the phonebook's part of the card. The panel hands over what both use
 * to make elements (`tools`), since a module that imports a sibling breaks under hashed file names.
 */

/** How certain a match must be to stand without "possible". */
const SURE = new Set(["exact", "learned"]);

// --- what is known of a caller: pure functions ---------------------------------------------------------------------

/** Whether a match is certain enough to be shown, and opened, without a question. */
export function isSure(match) {
  return SURE.has(match?.confidence);
}

/** "colleague", "withheld", "unknown", "one" or "several": what is to be shown of a call's other party. */
export function situationOf({ internal, contact, matches, number, name }) {
  if (internal) return "colleague";
  if (matches.length > 1) return "several";
  if (contact || matches.length) return "one";
  return number || name ? "unknown" : "withheld";
}

/** Whether a match is the record that the call is linked to. */
export function isLinked(match, contact) {
  if (!contact) return false;
  if (match.objectId && contact.objectId) return match.objectId === contact.objectId && match.model === contact.model;
  return match.label === contact.label && match.url === contact.url;
}

/** The only match, if it is not certain and can be confirmed; else null. */
export function matchToConfirm({ internal, matches }) {
  const [match] = matches;
  return !internal && matches.length === 1 && match.objectId && !isSure(match) ? match : null;
}

/**
 * The matches that are offered below the one in the card's heading: all of them while nobody has said which it is, so
 * that the first can be confirmed too; the others once somebody has.
 */
export function offeredMatches({ internal, contact, matches }) {
  if (internal || matches.length < 2) return [];
  return contact?.confidence === "learned" ? matches.filter((match) => !isLinked(match, contact)) : matches;
}

/** Where a number is from, e.g. "London, United Kingdom"; empty if unknown. */
export function placeOf(about) {
  return [about?.region, about?.countryName || about?.country].filter(Boolean).join(", ");
}

/** The time of day where a number is from at `now` (milliseconds), as people there and here read it; empty if unknown. */
export function timeThere(about, now, locale) {
  if (!about?.timeZone) return about?.localTime ?? "";
  try {
    const form = { timeZone: about.timeZone, hour: "numeric", minute: "2-digit" };
    return new Intl.DateTimeFormat(locale, form).format(now);
  } catch {
    return about.localTime; // this browser does not know the zone
  }
}

// --- elements ------------------------------------------------------------------------------------------------------

/**
 * @typedef {object} Surroundings
 * @property {object} tools  of the panel: t, h, icon, setText, safeUrl, whileBusy, isBusy
 * @property {object} connector  the Connector
 * @property {() => number} now  the server's time in milliseconds
 * @property {new (options: object) => any} AttachBox
 */

/** What a card shows below a caller's name: `why` beside it, `element` further down. */
export class CallerBox {
  #surroundings;
  #tools;
  #call = null;
  /** The button that opened the search. */
  #opener = null;

  /** @param {string} id  of the call @param {Surroundings} surroundings */
  constructor(id, surroundings) {
    const { tools, connector, AttachBox } = surroundings;
    const { t, h, icon } = tools;
    this.#surroundings = surroundings;
    this.#tools = tools;
    const button = (key, glyph, click, attributes = {}) =>
      h(
        "button",
        { type: "button", class: "action", part: "action", "data-kind": "quiet", click, ...attributes },
        icon(glyph),
        t(key),
      );
    this.why = h("div", { class: "why" });
    this.forgetButton = h("button", { type: "button", class: "link", click: () => this.#forget() }, t("forget"));
    this.remembered = h("div", { class: "remembered" }, icon("check"), h("span", {}, t("remembered")), this.forgetButton);
    this.confirmButton = button("choose", "check", () => this.#choose(matchToConfirm(this.#call), this.confirmButton));
    this.heading = h("h3");
    this.matches = h("ul", { class: "matches" });
    this.choice = h("div", { class: "block" }, this.heading, this.matches);
    this.directory = h("div", { class: "block directory" }, h("h3", {}, t("directories")), h("ul"));
    this.withheld = h("p", { class: "hint" }, t("withheld_hint"));
    this.links = h("div", { class: "links" });
    const closed = { "aria-expanded": "false" };
    this.attachButton = button("attach", "link", () => this.#search(this.attachButton, this.#attaching()), closed);
    this.otherButton = h(
      "button",
      { type: "button", class: "link other", click: () => this.#search(this.otherButton, this.#correcting()), ...closed },
      t("other"),
    );
    this.offers = h("div", { class: "offers" }, this.confirmButton, this.links, this.attachButton, this.otherButton);
    this.attachBox = new AttachBox({
      id: `attach-${id}`,
      tools,
      suggest: (text) => connector.suggest(text),
      onClose: () => this.#searchClosed(),
    });
    this.outcome = h("p", { class: "hint outcome", role: "status" });
    this.spoken = h("p", { class: "spoken", role: "status" });
    this.problem = h("p", { class: "problem", role: "alert" });
    this.element = h(
      "div",
      { class: "caller" },
      this.remembered,
      this.outcome,
      this.spoken,
      this.problem,
      this.withheld,
      this.choice,
      this.directory,
      this.offers,
      this.attachBox.element,
    );
  }

  /**
   * Show what is known of the other party of `call`.
   * @param {object} call
   * @param {{isOver: boolean, isOwn: boolean}} state  whether it has ended, and whether it is the user's own
   */
  show(call, { isOver, isOwn }) {
    this.#call = call;
    const situation = situationOf(call);
    const isUnknown = situation === "unknown";
    this.showWhy();
    this.remembered.hidden = !call.learned || !isOwn;
    this.withheld.hidden = situation !== "withheld" || isOver;
    this.#showChoice(isOwn);
    this.#showDirectory(isUnknown);
    const canBeNamed = isOwn && Boolean(call.number);
    this.#showOffers({
      isOwn,
      isNewcomer: isUnknown && canBeNamed,
      // Who calls somebody knows whom he calls.
      isCorrigible: (situation === "one" || situation === "several") && canBeNamed && call.direction === "INBOUND",
    });
  }

  /** Chips: how sure it is, or what the number alone tells. Called again as time goes by. */
  showWhy() {
    const { t, h, icon } = this.#tools;
    const chips = this.#chips();
    const key = JSON.stringify(chips);
    if (this.why.dataset.key === key) return;
    this.why.dataset.key = key;
    this.why.hidden = !chips.length;
    this.why.replaceChildren(
      ...chips.map(([glyph, text]) => h("span", { class: "chip" }, icon(glyph), h("span", {}, text))),
    );
  }

  #chips() {
    const { t } = this.#tools;
    const { contact, matches, learned, about, directory } = this.#call;
    const situation = situationOf(this.#call);
    if (situation === "colleague") return [];
    if (situation === "withheld") return [["maybe", t("no_number")]];
    const chips = [];
    // What the user himself chose is said below, where he can take it back.
    if (contact && !learned) {
      const reason = matches.find((match) => isLinked(match, contact))?.reason;
      const words = [isSure(contact) ? "" : t("possible_match"), reason].filter(Boolean);
      if (words.length) chips.push([isSure(contact) ? "check" : "maybe", words.join(" · ")]);
    }
    if (matches.length > 1) chips.push(["people", t("several_matches", { count: matches.length })]);
    if (situation !== "unknown") return chips;
    chips.push(["maybe", t("unknown_caller")]);
    if (directory?.length) chips.push(["book", t("from_directory", { source: directory[0].source })]);
    if (placeOf(about)) chips.push(["pin", placeOf(about)]);
    if (about?.lineType) chips.push(["phone", about.lineType]);
    const time = timeThere(about, this.#surroundings.now(), document.documentElement.lang || undefined);
    if (time) chips.push(["clock", t("time_there", { time })]);
    return chips;
  }

  // --- several records ---

  #showChoice(isOwn) {
    const { t, setText } = this.#tools;
    const offered = offeredMatches(this.#call);
    this.choice.hidden = !offered.length;
    const isSettled = this.#call.contact?.confidence === "learned";
    setText(this.heading, t(isSettled ? "other_matches" : "choose_match"));
    this.#replace(this.matches, [offered, isOwn], () => offered.map((match) => this.#matchItem(match, isOwn)));
  }

  #matchItem(match, isOwn) {
    const { t, h, safeUrl } = this.#tools;
    const { url, label, company, objectId, reason } = match;
    const words = [isSure(match) ? "" : t("possible_match"), reason].filter(Boolean).join(" · ");
    return h(
      "li",
      {},
      h(
        "div",
        { class: "person" },
        safeUrl(url) && url ? h("a", { href: url }, label) : h("span", { class: "label" }, label),
        company ? h("span", { class: "company" }, company) : null,
        words ? h("span", { class: "reason" }, words) : null,
      ),
      objectId && isOwn
        ? h(
            "button",
            {
              type: "button",
              class: "action choose",
              part: "action",
              "aria-label": t("choose_named", { who: label }),
              click: (event) => this.#choose(match, event.currentTarget),
            },
            t("choose"),
          )
        : null,
    );
  }

  async #choose({ model, objectId, label }, button) {
    const { t } = this.#tools;
    const { connector } = this.#surroundings;
    await this.#ask(button, () => connector.choose(this.#call.id, model, objectId), t("chosen", { who: label }));
  }

  async #forget() {
    const { t } = this.#tools;
    const { connector } = this.#surroundings;
    await this.#ask(this.forgetButton, () => connector.forget(this.#call.id), t("forgotten"));
  }

  /** Ask the server. What becomes of it is seen at once, and said to who does not see it. */
  async #ask(button, act, said) {
    const { setText, whileBusy, isBusy } = this.#tools;
    if (isBusy(button)) return;
    setText(this.problem, "");
    setText(this.spoken, "");
    try {
      await whileBusy(button, act());
      setText(this.spoken, said);
    } catch (error) {
      setText(this.problem, error.message);
    }
  }

  // --- nobody ---

  #showDirectory(isUnknown) {
    const { h, safeUrl } = this.#tools;
    const entries = isUnknown ? (this.#call.directory ?? []) : [];
    // One that has no page of its own is said in full by the card's heading.
    this.directory.hidden = entries.length < 2 && !entries.some(({ url }) => url && safeUrl(url));
    this.#replace(this.directory.querySelector("ul"), entries, () =>
      entries.map(({ label, company, url, source }) =>
        h(
          "li",
          {},
          h(
            "div",
            { class: "person" },
            url && safeUrl(url) ? h("a", { href: url }, label) : h("span", { class: "label" }, label),
            company ? h("span", { class: "company" }, company) : null,
          ),
          h("span", { class: "end" }, source),
        ),
      ),
    );
  }

  #showOffers({ isOwn, isNewcomer, isCorrigible }) {
    const { h, icon, safeUrl } = this.#tools;
    const links = isNewcomer ? (this.#call.create ?? []).filter(({ url }) => safeUrl(url)) : [];
    this.confirmButton.hidden = !isOwn || !matchToConfirm(this.#call);
    this.attachButton.hidden = !isNewcomer;
    this.otherButton.hidden = !isCorrigible;
    this.offers.hidden = !isOwn || !(isNewcomer || isCorrigible);
    this.#replace(this.links, links, () =>
      links.map(({ label, url }) =>
        h("a", { class: "action", part: "action", "data-kind": "quiet", href: url }, icon("plus"), label),
      ),
    );
    // What was asked about an unknown caller is answered once somebody knows him.
    if (this.#opener?.hidden) this.attachBox.close();
  }

  /** The number of somebody unknown: for everybody. */
  #attaching() {
    const { t, setText } = this.#tools;
    const { id, number } = this.#call;
    return {
      label: t("attach_to", { number }),
      confirm: t("attach_confirm"),
      effect: ({ label }) => t("attach_effect", { number, who: label }),
      take: async ({ model, objectId, label }) => {
        const { linked } = await this.#surroundings.connector.attach(id, model, objectId);
        const attached = t("attached", { who: label });
        setText(this.outcome, linked ? `${attached} ${t("attached_earlier", { count: linked })}` : attached);
      },
    };
  }

  /** "It was his wife": somebody who is not among the matches, or not yet; for this user. */
  #correcting() {
    const { t, setText } = this.#tools;
    const { id, number } = this.#call;
    return {
      label: t("other_who", { number }),
      confirm: t("choose"),
      effect: ({ label }) => t("other_effect", { number, who: label }),
      take: async ({ model, objectId, label }) => {
        await this.#surroundings.connector.choose(id, model, objectId);
        setText(this.spoken, t("chosen", { who: label }));
      },
    };
  }

  #search(opener, purpose) {
    const { setText } = this.#tools;
    if (!this.attachBox.element.hidden) {
      this.attachBox.close();
      return;
    }
    setText(this.outcome, "");
    opener.setAttribute("aria-expanded", "true");
    this.#opener = opener;
    this.attachBox.open(purpose);
  }

  /** The focus goes back to the button if it was in the search. */
  #searchClosed() {
    const { activeElement } = this.element.getRootNode();
    const opener = this.#opener;
    this.#opener = null;
    opener.setAttribute("aria-expanded", "false");
    if (!activeElement || this.attachBox.element.contains(activeElement)) opener.focus();
  }

  #replace(box, data, make) {
    const key = JSON.stringify(data);
    if (box.dataset.key === key) return;
    box.dataset.key = key;
    box.replaceChildren(...make());
  }
}
