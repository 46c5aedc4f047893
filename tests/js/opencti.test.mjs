/** The methods of Open CTI, on a panel and a page as far as they use them. */

import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";

import { SCREENPOP_TYPE, openCti } from "../../django_voipcti/static/django_voipcti/opencti.js";
import { call } from "./fakes.mjs";

const ADA = { model: "crm.contact", objectId: "17", label: "Ada", url: "/contacts/17/" };
const BEN = { model: "crm.contact", objectId: "18", label: "Ben", url: "/contacts/18/" };

class FakePanel extends EventTarget {
  expanded = false;
  styles = {};
  style = { setProperty: (name, value) => (this.styles[name] = value) };
  connector = {
    lines: [{ id: "1" }],
    calls: [],
    saved: [],
    suggest: async (text) => (text === "nobody" ? [] : text === "ada" ? [ADA] : [ADA, BEN]),
    saveNote: async (...all) => {
      this.connector.saved.push(all);
      return { note: { id: "5" } };
    },
  };

  /** A click on a number; returns whether the panel itself goes on to dial. */
  click(number, dataset = null) {
    const element = { closest: () => dataset && { dataset } };
    return this.dispatchEvent(new CustomEvent("voipcti-dial", { detail: { number, element }, cancelable: true }));
  }
}

class FakeWindow extends EventTarget {
  gone = [];
  location = {
    href: "https://crm.example/contacts/",
    origin: "https://crm.example",
    assign: (url) => this.gone.push(url),
    reload: () => this.gone.push("reload"),
  };
}

let panel, window, cti;
const shown = { voipctiRecord: "crm.contact:17", voipctiRecordName: "Ada" };

beforeEach(() => {
  panel = new FakePanel();
  window = new FakeWindow();
  cti = openCti(panel, { window, document: { querySelector: () => ({ dataset: shown }) } });
});

describe("click to dial", () => {
  it("goes to the panel while no adapter listens", () => assert.ok(panel.click("+442079460018")));

  it("goes to the adapter that listens, with the record that the number stands at", async () => {
    const heard = [];
    await cti.onClickToDial({ listener: (payload) => heard.push(payload) });
    assert.ok(!panel.click("+442079460018", shown));
    assert.deepEqual(heard, [
      { number: "+442079460018", recordId: "crm.contact:17", recordName: "Ada", objectType: "crm.contact" },
    ]);
  });

  it("goes nowhere while it is disabled", async () => {
    const heard = [];
    await cti.onClickToDial({ listener: (payload) => heard.push(payload) });
    await cti.disableClickToDial();
    assert.ok(!panel.click("1"));
    await cti.enableClickToDial();
    panel.click("2");
    assert.deepEqual(heard.map(({ number }) => number), ["2"]);
  });

  it("is not about what is typed into the panel", async () => {
    await cti.disableClickToDial();
    assert.ok(panel.dispatchEvent(new CustomEvent("voipcti-dial", { detail: { number: "1", element: null }, cancelable: true })));
  });
});

describe("screen pop", () => {
  it("opens an address of this site", async () => {
    const answer = await cti.screenPop({ type: SCREENPOP_TYPE.URL, params: { url: "/contacts/17/" } });
    assert.deepEqual(answer, { success: true, returnValue: { url: "https://crm.example/contacts/17/" }, errors: null });
    assert.deepEqual(window.gone, ["https://crm.example/contacts/17/"]);
  });

  for (const url of ["https://evil.example/", "javascript:alert(1)"]) {
    it(`does not open ${url}`, async () => {
      const { success, errors } = await cti.screenPop({ type: SCREENPOP_TYPE.URL, params: { url } });
      assert.deepEqual([success, errors[0].code, window.gone], [false, "invalid_argument", []]);
    });
  }

  it("can be taken over by the page", async () => {
    panel.addEventListener("voipcti-open", (event) => event.preventDefault());
    assert.ok((await cti.screenPop({ type: SCREENPOP_TYPE.URL, params: { url: "/x/" } })).success);
    assert.deepEqual(window.gone, []);
  });

  it("opens a record or a form that a call brings", async () => {
    panel.connector.calls = [call({ matches: [ADA], create: [{ model: "crm.contact", url: "/contacts/new/" }] })];
    await cti.screenPop({ type: SCREENPOP_TYPE.SOBJECT, params: { recordId: "crm.contact:17" } });
    await cti.screenPop({ type: SCREENPOP_TYPE.NEW_RECORD_MODAL, params: { entityName: "crm.contact" } });
    assert.deepEqual(window.gone, ["https://crm.example/contacts/17/", "https://crm.example/contacts/new/"]);
    const other = await cti.screenPop({ type: SCREENPOP_TYPE.SOBJECT, params: { recordId: "crm.contact:99" } });
    assert.ok(!other.success);
  });

  it("by search opens the one that is found, and none of several", async () => {
    const one = await cti.searchAndScreenPop({ searchParams: "ada" });
    assert.equal(one.returnValue["crm.contact:17"].Name, "Ada");
    const two = await cti.screenPop({ type: SCREENPOP_TYPE.SEARCH, params: { searchString: "a" } });
    assert.deepEqual(Object.keys(two.returnValue), ["crm.contact:17", "crm.contact:18"]);
    await cti.searchAndScreenPop({ searchParams: "ada", deferred: true });
    assert.deepEqual((await cti.searchAndScreenPop({ searchParams: "nobody" })).returnValue, {});
    assert.deepEqual(window.gone, ["https://crm.example/contacts/17/"]);
  });

  it("by number finds the records of the call", async () => {
    panel.connector.calls = [call({ matches: [BEN] })];
    const found = await cti.searchAndScreenPop({ searchParams: "020 7946 0018", deferred: true });
    assert.deepEqual(Object.keys(found.returnValue), ["crm.contact:18"]);
  });
});

it("a log becomes the note on the call", async () => {
  const heard = [];
  const value = { callId: "7", Subject: "Order", Description: "Two boilers" };
  await cti.saveLog({ value, callback: (answer) => heard.push(answer) });
  assert.deepEqual(panel.connector.saved, [["7", { text: "Order\nTwo boilers" }]]);
  assert.deepEqual(heard, [{ success: true, returnValue: { recordId: "5" }, errors: null }]);
});

it("the panel is shown, hidden and made wider", async () => {
  await cti.setSoftphonePanelVisibility({ visible: true });
  assert.deepEqual((await cti.isSoftphonePanelVisible()).returnValue, { visible: true });
  await cti.setSoftphonePanelWidth({ widthPX: 400 });
  assert.equal(panel.styles["--voipcti-width"], "400px");
});

it("the page tells what it shows, also when it moves on", async () => {
  const view = { url: "https://crm.example/contacts/", recordId: "crm.contact:17", recordName: "Ada", objectType: "crm.contact" };
  assert.deepEqual((await cti.getAppViewInfo()).returnValue, view);
  const heard = [];
  await cti.onNavigationChange({ listener: (payload) => heard.push(payload) });
  window.dispatchEvent(new Event("popstate"));
  assert.deepEqual(heard, [view]);
});

it("refusals of the server, of a panel that has not started, and of what is not there are answers", async () => {
  panel.connector.saveNote = async () => Promise.reject(Object.assign(new Error("No."), { code: "unknown_call" }));
  const refused = await cti.saveLog({ value: { callId: "7" } });
  assert.deepEqual(refused.errors, [{ code: "unknown_call", description: "No." }]);
  assert.equal((await cti.runApex()).errors[0].code, "not_supported");
  panel.connector = null;
  assert.equal((await cti.getCallCenterSettings()).errors[0].code, "not_connected");
});
