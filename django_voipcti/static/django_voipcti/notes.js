/**
 * Notes, written beside the call: kept while they are typed, so that nothing is lost, whatever ends the page.
 *
 * What is typed goes to the server as a draft at each pause, and until the server has it into this browser's storage,
 * encrypted with a key that only the user's session gets. It has its own file beside panel.js for the reason that
 * caller.js gives.
 */

/** Milliseconds without a letter after which what is typed is sent; who types on is sent at least every LONGEST. */
const PAUSE = 600;
const LONGEST = 3_000;
/** Codes of requests that nobody has answered: they are made again when the connection is back. */
const LOST = new Set(["connection_lost", "timeout", "not_connected", "too_many_requests"]);

const EMPTY = Object.freeze({ text: "", outcome: "", followUpOn: "" });

// --- what a note says: pure functions ------------------------------------------------------------------------------

/** What the author of a note sees in its form: his draft where there is one. */
export function contentOf(note) {
  if (note?.draft) return { text: note.draft.text, outcome: note.draft.outcome, followUpOn: note.draft.followUpOn };
  if (note?.savedAt) return { text: note.text, outcome: note.outcome?.id ?? "", followUpOn: note.followUpOn };
  return EMPTY;
}

/** Whether two contents say the same. */
export function isSame(one, other) {
  return one.text === other.text && one.outcome === other.outcome && one.followUpOn === other.followUpOn;
}

/**
 * What to go on with when this browser kept something that the server did not get. The newer wins; a text that is in
 * neither the newer nor the same is put below it, since two devices may have written.
 * @param {object|null} draft  the server's
 * @param {object} unsent  with `at`, milliseconds since 1970
 */
export function merged(draft, { at, ...unsent }) {
  if (!draft || Date.parse(draft.at) <= at) return unsent;
  const { text, outcome, followUpOn } = draft;
  return { text: text.includes(unsent.text) ? text : `${text}\n${unsent.text}`, outcome, followUpOn };
}

// --- this browser's storage ----------------------------------------------------------------------------------------

const fromBase64 = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const toBase64 = (bytes) => btoa(String.fromCharCode(...bytes));

function browserStorage() {
  try {
    return globalThis.localStorage;
  } catch {
    return null; // forbidden in this browser
  }
}

/**
 * Texts by call, in the browser's storage, which everybody reads who sits down at this computer: therefore encrypted
 * (AES-GCM) with a key that the server gives to this user only. Where the browser lacks what it needs (pages that are
 * not served over HTTPS have no `crypto.subtle`), it keeps nothing, and says so.
 */
export class Vault {
  #prefix;
  #storage;
  #crypto;
  #key = null;
  #waiting = new Map();
  #work = Promise.resolve();

  /** @param {{name: string, storage?: Storage|null, crypto?: Crypto}} options  `name` tells users apart */
  constructor({ name, storage = browserStorage(), crypto = globalThis.crypto }) {
    this.#prefix = `${name} `;
    this.#storage = storage;
    this.#crypto = crypto;
  }

  get isOpen() {
    return this.#key !== null;
  }

  /** @param {string} key  base64 of 32 bytes */
  async open(key) {
    if (!this.#storage || !this.#crypto?.subtle) return;
    this.#key = await this.#crypto.subtle.importKey("raw", fromBase64(key), "AES-GCM", false, ["encrypt", "decrypt"]);
  }

  /** Keep what was typed for a call; of what is put in quick succession the last. */
  put(call, content) {
    this.#waiting.set(call, content);
    // One after the other: encrypting takes its time, and an older text must not overtake a newer one.
    this.#work = this.#work.then(() => this.#write(call)).catch(() => {});
    return this.#work;
  }

  remove(call) {
    return this.put(call, null);
  }

  async #write(call) {
    if (!this.#waiting.has(call) || !this.isOpen) return;
    const content = this.#waiting.get(call);
    this.#waiting.delete(call);
    if (content === null) {
      this.#storage.removeItem(this.#prefix + call);
      return;
    }
    const iv = this.#crypto.getRandomValues(new Uint8Array(12));
    const plain = new TextEncoder().encode(JSON.stringify(content));
    const sealed = new Uint8Array(await this.#crypto.subtle.encrypt({ name: "AES-GCM", iv }, this.#key, plain));
    this.#storage.setItem(this.#prefix + call, `${toBase64(iv)} ${toBase64(sealed)}`);
  }

  /** What is kept, by call. What cannot be read any more (the server's secret has changed) is thrown away. */
  async all() {
    const found = new Map();
    if (!this.isOpen) return found;
    await this.#work;
    const names = Array.from({ length: this.#storage.length }, (_, index) => this.#storage.key(index));
    for (const name of names.filter((one) => one.startsWith(this.#prefix))) {
      try {
        const [iv, sealed] = this.#storage.getItem(name).split(" ").map(fromBase64);
        const plain = await this.#crypto.subtle.decrypt({ name: "AES-GCM", iv }, this.#key, sealed);
        found.set(name.slice(this.#prefix.length), JSON.parse(new TextDecoder().decode(plain)));
      } catch {
        this.#storage.removeItem(name);
      }
    }
    return found;
  }
}

// --- what is known of the notes on calls ---------------------------------------------------------------------------

/** The notes on one call, and what the user has typed. */
class Entry {
  /** Who called, in short: known of what the server calls an unsaved draft. */
  about = null;
  /** What stands in the form. Never changed in place: who keeps it can tell whether it is still the same. */
  content = EMPTY;
  /** The user's own note as the server has it, and the saved ones of others by their author. */
  mine = null;
  others = new Map();
  outcomes = [];
  isLoaded = false;
  /** Whether the server lacks what stands in the form. */
  isUnsent = false;
  problem = null;
  timer = null;
  /** When the first letter was typed that was not sent, in milliseconds. */
  since = 0;
  work = Promise.resolve();

  get isDraft() {
    return this.isUnsent || Boolean(this.mine?.draft);
  }
}

const browserClock = {
  now: () => Date.now(),
  setTimeout: (fn, ms) => globalThis.setTimeout(fn, ms),
  clearTimeout: (id) => globalThis.clearTimeout(id),
};

/** The notes on the calls of a page: asks for them, keeps what is typed, and hears what other pages do. */
export class NoteKeeper {
  #connector;
  #vault;
  #clock;
  #onChange;
  #entries = new Map();

  /**
   * @param {object} options
   * @param {object} options.connector
   * @param {Vault} options.vault
   * @param {(call: string) => void} options.onChange
   * @param {{now, setTimeout, clearTimeout}} [options.clock]
   */
  constructor({ connector, vault, onChange, clock = browserClock }) {
    this.#connector = connector;
    this.#vault = vault;
    this.#onChange = onChange;
    this.#clock = clock;
    connector.on("connection", ({ state }) => state === "open" && this.#resume());
    connector.on("note", (change) => this.#take(change));
    if (connector.online) this.#resume();
  }

  /** Whether what is typed survives the page before the server has it. */
  get isSafe() {
    return this.#vault.isOpen;
  }

  of(call) {
    if (!this.#entries.has(call)) this.#entries.set(call, new Entry());
    return this.#entries.get(call);
  }

  /** Calls with something unsaved, newest first: `[id, entry]`. */
  get drafts() {
    const found = [...this.#entries].filter(([, { isDraft, about }]) => isDraft && about);
    return found.sort(([, one], [, other]) => Date.parse(other.about.startedAt) - Date.parse(one.about.startedAt));
  }

  /** Nobody looks at a call any more: what is known of its notes goes, save for what is unsaved. */
  release(call) {
    if (!this.#entries.get(call)?.isDraft) this.#entries.delete(call);
  }

  /** Ask for the notes on a call, once; again after a connection was lost meanwhile. */
  async load(call) {
    const entry = this.of(call);
    if (entry.isLoaded) return;
    entry.isLoaded = true;
    try {
      const { notes, outcomes } = await this.#connector.notes(call);
      entry.outcomes = outcomes;
      for (const note of notes) this.#learn(entry, note);
    } catch (error) {
      entry.isLoaded = false;
      entry.problem = LOST.has(error.code) ? null : error;
    }
    this.#onChange(call);
  }

  /** The user typed or chose something. */
  type(call, content) {
    const entry = this.of(call);
    const now = this.#clock.now();
    if (!entry.isUnsent) entry.since = now;
    entry.content = content;
    entry.isUnsent = true;
    entry.problem = null;
    this.#vault.put(call, { ...content, at: this.#connector.serverNow() });
    this.#clock.clearTimeout(entry.timer);
    entry.timer = this.#clock.setTimeout(() => this.#send(call), Math.max(0, Math.min(PAUSE, entry.since + LONGEST - now)));
    this.#onChange(call);
  }

  /** Send what is typed now: the page may be about to go. */
  flush() {
    for (const [call, entry] of this.#entries) if (entry.isUnsent) this.#send(call);
  }

  /** Save what stands in the form. Rejects with what the server refuses; the text stays. */
  save(call) {
    return this.#act(call, (content) => this.#connector.saveNote(call, content));
  }

  /** Forget what is not saved. */
  discard(call) {
    const entry = this.of(call);
    entry.content = contentOf({ ...entry.mine, draft: null });
    return this.#act(call, () => this.#connector.discardDraft(call));
  }

  #send(call) {
    const { isUnsent } = this.of(call);
    if (!isUnsent || !this.#connector.online) return;
    this.#act(call, (content) => this.#connector.draft(call, content)).catch(() => {});
  }

  /** Do something with what stands in the form, after what was asked before; what comes back is what the server has. */
  #act(call, ask) {
    const entry = this.of(call);
    this.#clock.clearTimeout(entry.timer);
    const done = entry.work.then(async () => {
      const { content } = entry;
      try {
        const { note } = await ask(content);
        if (entry.content === content) {
          entry.isUnsent = false;
          this.#vault.remove(call);
        } else entry.since = this.#clock.now();
        if (note) this.#learn(entry, note);
        entry.problem = null;
      } catch (error) {
        if (!LOST.has(error.code)) entry.problem = error;
        throw error;
      } finally {
        this.#onChange(call);
      }
    });
    entry.work = done.catch(() => {});
    return done;
  }

  /** The connection is there: learn what is unsaved, and send what the server did not get. */
  async #resume() {
    try {
      await this.#askForDrafts();
    } catch {
      return; // asked again when the connection is back
    }
    for (const [call, unsent] of await this.#vault.all()) {
      const entry = this.of(call);
      if (entry.isUnsent) continue;
      entry.content = merged(entry.mine?.draft, unsent);
      entry.isUnsent = true;
    }
    const unsent = [...this.#entries].filter(([, { isUnsent }]) => isUnsent);
    for (const [call] of unsent) this.#send(call);
    await Promise.all(unsent.map(([, { work }]) => work));
    for (const [call, { problem }] of unsent) {
      // It was deleted, or the user may not see it any more: there is nothing that the text could belong to.
      if (problem?.code === "unknown_call") this.#vault.remove(call);
    }
    if (unsent.some(([, { about }]) => !about)) this.#askForDrafts().catch(() => {});
  }

  async #askForDrafts() {
    const { drafts, key } = await this.#connector.drafts();
    if (!this.#vault.isOpen) await this.#vault.open(key);
    for (const { call, note } of drafts) {
      const entry = this.of(call.id);
      entry.about = call;
      this.#learn(entry, note);
      this.#onChange(call.id);
    }
  }

  /** A note was written on one of the user's pages, or saved by somebody else. */
  #take({ calls, note }) {
    const known = calls.filter((call) => this.#entries.has(call));
    for (const call of known) {
      this.#learn(this.of(call), note);
      this.#onChange(call);
    }
    if (!known.length && note.draft) this.#askForDrafts().catch(() => {});
  }

  #learn(entry, note) {
    if (note.author.id !== this.#connector.user?.id) {
      if (note.savedAt) entry.others.set(note.author.id, note);
      else entry.others.delete(note.author.id);
    } else if (note.version >= (entry.mine?.version ?? 0)) {
      entry.mine = note;
      if (!entry.isUnsent) {
        const content = contentOf(note);
        if (!isSame(content, entry.content)) entry.content = content;
      }
    }
  }
}

// --- what is seen --------------------------------------------------------------------------------------------------

/** The note on one call: a form that keeps what is typed, and what others have saved. */
export class NoteBox {
  #tools;
  #keeper;
  #id;
  #isShown = false;
  #isSaved = false;

  /**
   * @param {string} id  of the call
   * @param {object} surroundings
   * @param {object} surroundings.tools  of the panel: t, h, setText, whileBusy, isBusy
   * @param {NoteKeeper} surroundings.keeper
   */
  constructor(id, { tools, keeper }) {
    const { t, h } = tools;
    this.#tools = tools;
    this.#keeper = keeper;
    this.#id = id;
    const changed = () => this.#onChange();
    this.others = h("ul", { class: "notes" });
    this.field = h("textarea", {
      rows: 1,
      maxlength: 4000,
      "aria-label": t("note"),
      placeholder: t("note"),
      input: changed,
    });
    this.outcome = h("select", { "aria-label": t("outcome"), change: changed });
    this.day = h("input", { type: "date", change: changed });
    this.dayLabel = h("label", {}, t("follow_up"), this.day);
    this.state = h("span", { class: "hint", role: "status" });
    this.problem = h("p", { class: "problem", role: "alert" });
    this.forget = h("button", { type: "button", class: "link", click: () => this.#discard() }, t("note_discard"));
    this.keep = h("button", { class: "action", part: "action" }, t("note_save"));
    this.element = h(
      "form",
      { class: "note", part: "note", hidden: true, submit: (event) => this.#onSubmit(event) },
      this.others,
      this.field,
      h("div", { class: "came" }, this.outcome, this.dayLabel),
      this.problem,
      h("div", { class: "row" }, this.state, this.forget, this.keep),
    );
  }

  /** Show it, or take it away. What was typed stays with the keeper. */
  show(isShown) {
    this.#isShown = isShown;
    this.element.hidden = !isShown;
    if (!isShown) return;
    this.#keeper.load(this.#id);
    this.refresh();
  }

  /** Something else is known of the notes on this call. */
  refresh() {
    if (!this.#isShown) return;
    const { t, setText } = this.#tools;
    const { content, mine, outcomes, isUnsent, isDraft, problem } = this.#keeper.of(this.#id);
    this.#showOutcomes(outcomes, content.outcome, mine);
    for (const [field, value] of [
      [this.field, content.text],
      [this.outcome, content.outcome],
      [this.day, content.followUpOn],
    ])
      if (field.value !== value) field.value = value;
    this.element.toggleAttribute("data-empty", isSame(content, EMPTY));
    const asksForDate = outcomes.find(({ id }) => id === content.outcome)?.asksForDate;
    this.dayLabel.hidden = !asksForDate && !content.followUpOn;
    this.outcome.hidden = this.outcome.options.length < 2;
    this.outcome.parentElement.hidden = this.outcome.hidden && this.dayLabel.hidden;
    this.forget.hidden = !isDraft;
    this.keep.hidden = !isDraft;
    this.#showOthers();
    setText(this.problem, problem?.message ?? "");
    const waits = this.#keeper.isSafe ? "note_waiting" : "note_unsafe";
    if (isDraft) this.#isSaved = false;
    const key = problem ? "" : isUnsent ? waits : isDraft ? "note_kept" : this.#isSaved ? "note_saved" : "";
    setText(this.state, key && t(key));
    this.state.parentElement.hidden = !key && !isDraft;
  }

  #showOutcomes(outcomes, chosen, mine) {
    const { t, h } = this.#tools;
    // One that is not offered any more stays what it is.
    const retired = mine?.outcome && !outcomes.some(({ id }) => id === mine.outcome.id) ? [mine.outcome] : [];
    const all = [{ id: "", label: t("outcome") }, ...outcomes, ...retired];
    const key = JSON.stringify(all);
    if (this.outcome.dataset.key === key) return;
    this.outcome.dataset.key = key;
    this.outcome.replaceChildren(...all.map(({ id, label }) => h("option", { value: id }, label)));
    this.outcome.value = chosen;
  }

  #showOthers() {
    const { h } = this.#tools;
    const notes = [...this.#keeper.of(this.#id).others.values()];
    const key = JSON.stringify(notes);
    if (this.others.dataset.key === key) return;
    this.others.dataset.key = key;
    this.others.hidden = !notes.length;
    this.others.replaceChildren(
      ...notes.map(({ author, text, outcome }) =>
        h("li", {}, h("b", {}, author.name), " ", [outcome?.label, text].filter(Boolean).join(": ")),
      ),
    );
  }

  #onChange() {
    const { value: outcome } = this.outcome;
    const asksForDate = this.#keeper.of(this.#id).outcomes.find(({ id }) => id === outcome)?.asksForDate;
    const followUpOn = outcome && !asksForDate ? "" : this.day.value;
    this.#keeper.type(this.#id, { text: this.field.value, outcome, followUpOn });
  }

  async #onSubmit(event) {
    event.preventDefault();
    await this.#do(this.keep, () => this.#keeper.save(this.#id));
  }

  async #discard() {
    await this.#do(this.forget, () => this.#keeper.discard(this.#id));
  }

  async #do(button, ask) {
    const { setText, whileBusy, isBusy } = this.#tools;
    if (isBusy(button)) return;
    const hadFocus = button.getRootNode().activeElement === button;
    try {
      await whileBusy(button, ask());
      this.#isSaved = button === this.keep;
      this.refresh();
      if (hadFocus && button.hidden) this.field.focus();
    } catch (error) {
      setText(this.problem, error.message);
    }
  }
}

/** What is unsaved on calls whose card is gone: each can be written on, saved, or thrown away. */
export class DraftsBox {
  #tools;
  #keeper;
  #rows = new Map();

  /** @param {{tools: object, keeper: NoteKeeper}} surroundings  tools as for NoteBox, and whenText */
  constructor({ tools, keeper }) {
    const { h } = tools;
    this.#tools = tools;
    this.#keeper = keeper;
    this.heading = h("h2", {});
    this.list = h("ul", {});
    this.element = h("section", { class: "drafts", part: "drafts", hidden: true }, this.heading, this.list);
  }

  /** @param {(call: string) => boolean} hasCard */
  show(hasCard) {
    const { t, setText } = this.#tools;
    const drafts = this.#keeper.drafts.filter(([call]) => !hasCard(call));
    const wanted = new Set(drafts.map(([call]) => call));
    for (const [call, { item }] of this.#rows) {
      // Who has just saved or thrown away what he wrote here is not to lose his place: it goes with the focus.
      if (wanted.has(call) || item.contains(item.getRootNode().activeElement)) continue;
      item.remove();
      this.#rows.delete(call);
    }
    for (const [call, { about }] of drafts) if (!this.#rows.has(call)) this.#add(call, about);
    for (const { box } of this.#rows.values()) box.refresh();
    setText(this.heading, t("drafts", { count: this.#rows.size }));
    this.element.hidden = !this.#rows.size;
  }

  #add(call, { name, number, startedAt }) {
    const { t, h, whenText } = this.#tools;
    const box = new NoteBox(call, { tools: this.#tools, keeper: this.#keeper });
    const button = h(
      "button",
      { type: "button", class: "colleague", "aria-expanded": "false", click: () => toggle() },
      h("span", {}, name || number || t("withheld")),
      h("span", { class: "end" }, whenText(startedAt)),
    );
    const toggle = () => {
      const isOpen = box.element.hidden;
      box.show(isOpen);
      button.setAttribute("aria-expanded", String(isOpen));
      if (isOpen) box.field.focus();
    };
    const item = h("li", {}, button, box.element);
    this.#rows.set(call, { item, box });
    this.list.append(item);
  }
}
