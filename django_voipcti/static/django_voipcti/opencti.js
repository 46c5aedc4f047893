/**
 * The methods of Salesforce's Open CTI (Lightning), on top of the call panel, for adapters that were written for it.
 *
 * `openCti(panel)` returns them; a page that wants the old global says `globalThis.sforce = { opencti: openCti(panel) }`.
 * Each takes one object, calls its `callback` with `{success, returnValue, errors}`, and returns a promise of the same,
 * which never rejects. What each does here, and which are not there, stands in docs/reference/javascript.
 */

export const SCREENPOP_TYPE = Object.freeze({
  SOBJECT: "sobject",
  URL: "url",
  SEARCH: "search",
  NEW_RECORD_MODAL: "newRecord",
});
export const CALL_TYPE = Object.freeze({ INBOUND: "inbound", OUTBOUND: "outbound", INTERNAL: "internal" });

/** Their subjects (a layout of the administrator's, code on the server, a frame's furniture) do not exist here. */
const MISSING = [
  "getSoftphoneLayout",
  "runApex",
  "setSoftphoneItemIcon",
  "setSoftphoneItemLabel",
  "setSoftphonePanelHeight",
  "setSoftphonePanelIcon",
  "setSoftphonePanelLabel",
];

class Refused extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

/** What a page says it shows, in `data-voipcti-record="crm.contact:17"` and `data-voipcti-record-name`. */
function recordOf(element) {
  const { voipctiRecord = "", voipctiRecordName = "" } = element?.dataset ?? {};
  return { recordId: voipctiRecord, recordName: voipctiRecordName, objectType: voipctiRecord.split(":")[0] };
}

const idOf = ({ model, objectId }) => `${model}:${objectId}`;

/**
 * @param {HTMLElement} panel  the page's `<voipcti-panel>`
 * @param {{document?: Document, window?: Window}} [page]
 */
export function openCti(panel, { document = globalThis.document, window = globalThis } = {}) {
  const dialled = new Set();
  const moved = new Set();
  let canDial = true;

  const connector = () => {
    if (!panel.connector) throw new Refused("not_connected", "The panel has not started yet. Try again in a moment.");
    return panel.connector;
  };
  const appView = () => ({
    url: window.location.href,
    ...recordOf(document.querySelector("main [data-voipcti-record], body[data-voipcti-record]")),
  });

  panel.addEventListener("voipcti-dial", (event) => {
    const { number, element } = event.detail;
    if (!element) return; // typed into the panel, or asked for by a script
    if (!canDial || dialled.size) event.preventDefault();
    const record = recordOf(element.closest("[data-voipcti-record]"));
    if (canDial) for (const listener of dialled) listener({ number, ...record });
  });
  for (const name of ["popstate", "hashchange", "htmx:pushedIntoHistory"])
    window.addEventListener(name, () => moved.forEach((listener) => listener(appView())));

  /** Go to an address of this site, unless the page does something else with it: as the panel opens records. */
  const go = (address) => {
    const url = new URL(address, window.location.href);
    if (url.origin !== window.location.origin) throw new Refused("invalid_argument", "Only addresses of this site can be opened.");
    const wanted = new CustomEvent("voipcti-open", { detail: { call: null, url: url.href }, bubbles: true, cancelable: true });
    if (panel.dispatchEvent(wanted)) window.location.assign(url.href);
    return url.href;
  };

  /** Records by what is searched for: those of a call with this number, or by their names. */
  const search = async (text) => {
    const digits = String(text).replace(/\D/g, "");
    const call = digits.length > 3 && connector().calls.find(({ e164, number }) => (e164 || number).replace(/\D/g, "").endsWith(digits.slice(-9)));
    return call ? call.matches : connector().suggest(String(text));
  };

  const urlOf = ({ type, params = {} }) => {
    const { calls } = connector();
    if (type === SCREENPOP_TYPE.URL && params.url) return params.url;
    const found =
      type === SCREENPOP_TYPE.SOBJECT
        ? calls.flatMap(({ matches }) => matches).find((match) => idOf(match) === params.recordId)
        : type === SCREENPOP_TYPE.NEW_RECORD_MODAL &&
          calls.flatMap(({ create }) => create).find(({ model }) => model === params.entityName);
    if (!found?.url) throw new Refused("invalid_argument", "This can be opened only if a call that goes on brings it.");
    return found.url;
  };

  const actions = {
    enableClickToDial: () => void (canDial = true),
    disableClickToDial: () => void (canDial = false),
    onClickToDial: ({ listener }) => void dialled.add(listener),
    onNavigationChange: ({ listener }) => void moved.add(listener),
    notifyInitializationComplete: () => undefined,
    getAppViewInfo: () => appView(),
    getCallCenterSettings: () => ({ lines: connector().lines }),
    isSoftphonePanelVisible: () => ({ visible: panel.expanded }),
    setSoftphonePanelVisibility: ({ visible }) => void (panel.expanded = Boolean(visible)),
    setSoftphonePanelWidth: ({ widthPX }) => void panel.style.setProperty("--voipcti-width", `${Number(widthPX)}px`),
    refreshView: () => window.location.reload(),

    async screenPop({ type, params }) {
      if (type === SCREENPOP_TYPE.SEARCH) return actions.searchAndScreenPop({ searchParams: params.searchString });
      return { url: go(urlOf({ type, params })) };
    },

    async searchAndScreenPop({ searchParams, deferred = false }) {
      const found = await search(searchParams);
      if (!deferred && found.length === 1 && found[0].url) go(found[0].url);
      const rows = found.map((match) => [idOf(match), { Id: idOf(match), Name: match.label, RecordType: match.model, url: match.url }]);
      return Object.fromEntries(rows);
    },

    async saveLog({ value }) {
      const { callId, Subject, Description } = value;
      const text = [Subject, Description].filter(Boolean).join("\n");
      const { note } = await connector().saveNote(callId, { text });
      return { recordId: note.id };
    },
  };
  for (const name of MISSING)
    actions[name] = () => {
      throw new Refused("not_supported", `${name} has no meaning here; see the reference of opencti.js.`);
    };

  const answered = (action) =>
    async (request = {}) => {
      const answer = { success: true, returnValue: null, errors: null };
      try {
        answer.returnValue = (await action(request)) ?? null;
      } catch ({ code = "failed", message }) {
        Object.assign(answer, { success: false, errors: [{ code, description: message }] });
      }
      request.callback?.(answer);
      return answer;
    };
  const methods = Object.entries(actions).map(([name, action]) => [name, answered(action)]);
  return Object.freeze({ ...Object.fromEntries(methods), SCREENPOP_TYPE, CALL_TYPE });
}
