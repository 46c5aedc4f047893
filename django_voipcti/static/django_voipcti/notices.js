/**
 * Being noticed: ring tone, desktop notification, and the form in which a user says how he wants to be told of calls.
 *
 * Several tabs may run this at once. One of them rings and one notifies: the one that gets a Web Lock, which the browser
 * takes from it when it is closed or crashes. Only a tab that somebody has clicked in can ring, since browsers forbid
 * sound before that; the others do not compete. Without Web Locks every tab speaks for itself.
 */

const RINGER_LOCK = "voipcti ringer";
const VISIBLE_LOCK = "voipcti visible";
const DEVICE_KEY = "voipcti-sound-device";
/** Hertz of a tone that carries over talk in a room without being shrill; the two beat against each other. */
const TONE = [440, 480];
/** Seconds of sound and of silence, and for how long it is planned ahead. */
const CADENCE = { on: 1, off: 2, rings: 40 };
const VOLUME = 0.12;

/** A sound made by the browser itself: no file, no Content-Security-Policy. */
export class RingTone {
  #AudioContext;
  #context = null;

  constructor(AudioContext = globalThis.AudioContext) {
    this.#AudioContext = AudioContext;
  }

  /**
   * Ring until `stop()`, at most two minutes.
   * @param {string} [device]  id of an audio output; empty for the usual one
   * @param {number} [rings]
   */
  async start(device = "", rings = CADENCE.rings) {
    this.stop();
    const context = new this.#AudioContext();
    this.#context = context;
    // A device that was unplugged must not make the phone silent.
    await context.setSinkId?.(device).catch(() => {});
    // Without any device there is no sound; the pop has to do.
    await context.resume().catch(() => {});
    if (this.#context !== context) return;
    const gain = context.createGain();
    gain.gain.value = 0;
    gain.connect(context.destination);
    for (let ring = 0; ring < rings; ring += 1) {
      const begin = context.currentTime + ring * (CADENCE.on + CADENCE.off);
      gain.gain.setTargetAtTime(VOLUME, begin, 0.02);
      gain.gain.setTargetAtTime(0, begin + CADENCE.on, 0.02);
    }
    for (const frequency of TONE) {
      const oscillator = context.createOscillator();
      oscillator.frequency.value = frequency;
      oscillator.connect(gain);
      oscillator.start();
      oscillator.stop(context.currentTime + rings * (CADENCE.on + CADENCE.off));
    }
  }

  stop() {
    this.#context?.close().catch(() => {});
    this.#context = null;
  }
}

/**
 * Tells of ringing calls while they ring, as far as the user wants it.
 *
 * @typedef {{id: string, title: string, body: string}} Ringing
 */
export class Notices {
  #scope;
  #locks;
  #tone;
  #onOpen;
  #preferences = {};
  #ringing = [];
  #stopRinger = null;
  #shown = new Map();
  #inView = null;

  /**
   * @param {object} options
   * @param {(id: string) => void} options.onOpen  somebody clicked on the notification of a call
   * @param {RingTone} [options.tone]
   * @param {object} [options.scope]  the window
   */
  constructor({ onOpen, tone = new RingTone(), scope = globalThis }) {
    this.#onOpen = onOpen;
    this.#tone = tone;
    this.#scope = scope;
    this.#locks = scope.navigator.locks;
    scope.document.addEventListener("visibilitychange", () => this.#show());
    this.#show();
  }

  /** Whether calls may come to the front at all, and at once. */
  get isLoud() {
    return !this.#preferences.doNotDisturb && this.#preferences.popOn !== "answer";
  }

  prefer(preferences) {
    this.#preferences = preferences;
    this.update(this.#ringing);
  }

  /** These calls ring now; none for an empty list. @param {Ringing[]} ringing */
  update(ringing) {
    this.#ringing = ringing;
    const told = this.isLoud ? ringing : [];
    this.#ring(told.length > 0 && Boolean(this.#preferences.ringTone));
    const ids = new Set(told.map(({ id }) => id));
    for (const [id, close] of this.#shown) if (!ids.has(id)) close();
    if (this.#preferences.notifications) for (const one of told) this.#notify(one);
  }

  // --- sound -----------------------------------------------------------------------------------------------------

  #ring(on) {
    if (on === Boolean(this.#stopRinger)) return;
    this.#stopRinger?.();
    this.#stopRinger = null;
    if (!on || this.#scope.navigator.userActivation?.hasBeenActive === false) return;
    const ended = new AbortController();
    const silence = new Promise((resolve) => ended.signal.addEventListener("abort", resolve));
    this.#stopRinger = () => ended.abort();
    this.#alone(RINGER_LOCK, { signal: ended.signal }, async () => {
      await this.#tone.start(this.device);
      await silence;
      this.#tone.stop();
    });
  }

  /** Run `work` while no other tab does: after waiting for it, or not at all with `ifAvailable`. */
  async #alone(name, options, work) {
    try {
      if (this.#locks) await this.#locks.request(name, options, (lock) => lock && work());
      else await work();
    } catch (error) {
      if (error.name !== "AbortError") throw error;
    }
  }

  /** Ring once, so that the user hears what he chose. */
  async test() {
    await this.#tone.start(this.device, 1);
  }

  /** The audio output of this machine; empty for the usual one. */
  get device() {
    try {
      return this.#scope.localStorage.getItem(DEVICE_KEY) ?? "";
    } catch {
      return ""; // storage is forbidden in this browser
    }
  }

  set device(id) {
    try {
      this.#scope.localStorage.setItem(DEVICE_KEY, id);
    } catch {
      // as above: the usual device it is
    }
  }

  /** Audio outputs to choose from: `{id, label}`; none where the browser does not say or cannot switch. */
  async devices() {
    const media = this.#scope.navigator.mediaDevices;
    if (!media?.enumerateDevices || !this.#scope.AudioContext?.prototype.setSinkId) return [];
    const found = await media.enumerateDevices();
    return found
      .filter(({ kind, deviceId, label }) => kind === "audiooutput" && deviceId && label)
      .map(({ deviceId, label }) => ({ id: deviceId === "default" ? "" : deviceId, label }));
  }

  // --- notifications ---------------------------------------------------------------------------------------------

  /** "granted", "denied", "default" (was not asked yet) or "unsupported". */
  get permission() {
    return this.#scope.Notification?.permission ?? "unsupported";
  }

  /** Ask the user for permission; browsers want a click before that. */
  async askPermission() {
    await this.#scope.Notification?.requestPermission();
    this.update(this.#ringing);
    return this.permission;
  }

  /** A visible tab holds a shared lock, by which hidden ones know that the pop is seen somewhere. */
  #show() {
    const { document } = this.#scope;
    if (this.#locks && !document.hidden) {
      const hidden = new Promise((resolve) => {
        const look = () => document.hidden && resolve(document.removeEventListener("visibilitychange", look));
        document.addEventListener("visibilitychange", look);
      });
      this.#inView = this.#locks.request(VISIBLE_LOCK, { mode: "shared" }, () => hidden).catch(() => {});
    }
    this.update(this.#ringing);
  }

  async #isSeen() {
    if (!this.#scope.document.hidden) return true;
    await this.#inView; // our own lock is let go a moment after the page was left
    const { held } = (await this.#locks?.query()) ?? { held: [] };
    return held.some(({ name }) => name === VISIBLE_LOCK);
  }

  async #notify({ id, title, body }) {
    if (this.permission !== "granted" || this.#shown.has(id) || !this.#scope.document.hidden) return;
    let notification = null;
    const closed = new Promise((resolve) => {
      this.#shown.set(id, () => {
        this.#shown.delete(id);
        notification?.close();
        resolve();
      });
    });
    if (await this.#isSeen()) {
      this.#shown.get(id)?.();
      return;
    }
    await this.#alone(`voipcti notification ${id}`, { ifAvailable: true }, async () => {
      // Some browsers on phones have the class, but let only service workers use it.
      try {
        if (this.#shown.has(id)) notification = this.#make(id, title, body);
      } catch {
        return;
      }
      await closed;
    });
  }

  #make(id, title, body) {
    // Silent: the ring tone is a choice of its own.
    const options = { body, tag: `voipcti-${id}`, requireInteraction: true, silent: true };
    const notification = new this.#scope.Notification(title, options);
    notification.onclick = () => {
      this.#scope.focus();
      this.#onOpen(id);
      notification.close();
    };
    return notification;
  }
}

/** The form behind the panel's gear: each choice is kept at once. */
export class PreferencesForm {
  #t;
  #h;
  #notices;
  #connector;

  /** @param {{t: Function, h: Function, notices: Notices, connector: object}} tools */
  constructor({ t, h, notices, connector }) {
    this.#t = t;
    this.#h = h;
    this.#notices = notices;
    this.#connector = connector;
    this.problem = h("p", { class: "problem", role: "alert" });
    this.boxes = {
      doNotDisturb: this.#box("do_not_disturb"),
      ringTone: this.#box("ring_tone"),
      notifications: this.#box("notifications"),
      openRecord: this.#box("open_on_answer"),
    };
    this.popOn = h(
      "select",
      {},
      h("option", { value: "ring" }, t("pop_on_ring")),
      h("option", { value: "answer" }, t("pop_on_answer")),
    );
    this.device = h("select", { change: () => (notices.device = this.device.value) });
    this.deviceRow = h("label", { class: "field" }, t("sound_device"), this.device);
    const button = (key, click) => h("button", { type: "button", class: "action", click }, t(key));
    this.test = button("test_sound", () => notices.test());
    this.allow = button("allow_notifications", () => this.#allow());
    this.blocked = h("p", { class: "hint" }, t("notifications_blocked"));
    this.element = h(
      "div",
      { class: "preferences", role: "group", "aria-label": t("preferences"), hidden: true },
      this.boxes.doNotDisturb.row,
      h("label", { class: "field" }, t("pop_on"), this.popOn),
      this.boxes.openRecord.row,
      this.boxes.notifications.row,
      this.allow,
      this.blocked,
      this.boxes.ringTone.row,
      this.deviceRow,
      this.test,
      this.problem,
    );
    for (const [name, { input }] of Object.entries(this.boxes))
      input.addEventListener("change", () => this.#choose({ [name]: input.checked }));
    this.popOn.addEventListener("change", () => this.#choose({ popOn: this.popOn.value }));
    this.show();
  }

  #box(key) {
    const input = this.#h("input", { type: "checkbox" });
    return { input, row: this.#h("label", { class: "choice" }, input, this.#h("span", {}, this.#t(key))) };
  }

  /** Show what is chosen now. */
  show() {
    const { preferences, online } = this.#connector;
    for (const [name, { input }] of Object.entries(this.boxes)) {
      input.checked = Boolean(preferences[name]);
      input.disabled = !online;
    }
    this.popOn.value = preferences.popOn ?? "ring";
    this.popOn.disabled = !online;
    const { permission } = this.#notices;
    this.allow.hidden = !preferences.notifications || permission !== "default";
    this.blocked.hidden = !preferences.notifications || permission === "granted" || permission === "default";
    this.test.hidden = !preferences.ringTone;
    this.deviceRow.hidden = !preferences.ringTone || this.device.options.length < 2;
  }

  async open() {
    const chosen = this.#notices.device;
    const devices = await this.#notices.devices();
    this.device.replaceChildren(...devices.map(({ id, label }) => this.#h("option", { value: id }, label)));
    if (devices.some(({ id }) => id === chosen)) this.device.value = chosen;
    this.show();
  }

  async #choose(choice) {
    this.problem.textContent = "";
    // In the same click, since browsers ask for permission only then.
    if (choice.notifications && this.#notices.permission === "default") this.#allow();
    try {
      await this.#connector.setPreferences(choice);
    } catch (error) {
      this.problem.textContent = error.message;
    }
    this.show();
  }

  async #allow() {
    await this.#notices.askPermission();
    this.show();
  }
}
