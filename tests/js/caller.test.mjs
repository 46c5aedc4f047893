/** What is known of a caller: caller.js's pure functions. How it looks and behaves is tested in a real browser. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import {
  isLinked,
  isSure,
  matchToConfirm,
  offeredMatches,
  placeOf,
  situationOf,
  timeThere,
} from "../../django_voipcti/static/django_voipcti/caller.js";
import { call } from "./fakes.mjs";

const match = (objectId, fields = {}) => ({
  ...call().contact,
  label: `Ada ${objectId}`,
  url: `/contacts/${objectId}/`,
  objectId,
  reason: "The same number.",
  ...fields,
});
const [first, second] = [match("1"), match("2")];
const LONDON = {
  country: "GB",
  countryName: "United Kingdom",
  region: "London",
  lineType: "fixed line",
  localTime: "10:15",
  timeZone: "Europe/London",
};

describe("the situation", () => {
  const nobody = { contact: null, matches: [], name: "" };
  for (const [fields, situation] of [
    [{ internal: true, ...nobody }, "colleague"],
    [{ matches: [first] }, "one"],
    [{ matches: [] }, "one"],
    [{ matches: [first, second] }, "several"],
    [{ ...nobody }, "unknown"],
    [{ ...nobody, number: "", e164: "", name: "Sales desk" }, "unknown"],
    [{ ...nobody, number: "", e164: "" }, "withheld"],
  ]) {
    it(`is ${situation} for ${JSON.stringify(fields).slice(0, 70)}`, () => assert.equal(situationOf(call(fields)), situation));
  }
});

describe("a match", () => {
  it("is the linked record by its key, whatever it is called by now", () => {
    assert.ok(isLinked(first, { ...first, label: "Ada King" }));
    assert.ok(!isLinked(first, { ...first, objectId: "2" }));
    assert.ok(!isLinked(first, { ...first, model: "crm.company" }));
    assert.ok(!isLinked(first, null));
  });

  it("that may not be viewed is the linked one by what is shown of it", () => {
    const known = match("", { label: "Known contact", url: "" });
    assert.ok(isLinked(known, { ...known }));
    assert.ok(!isLinked(first, known));
  });

  it("is sure if the number is the same, or somebody said so", () => {
    const sure = ["exact", "learned", "national", "suffix"].map((confidence) => isSure({ confidence }));
    assert.deepEqual(sure, [true, true, false, false]);
    assert.ok(!isSure(null));
  });
});

describe("the matches that are offered", () => {
  const offered = (fields) => offeredMatches(call(fields)).map(({ objectId }) => objectId);

  it("are all of several while nobody has said which it is", () =>
    assert.deepEqual(offered({ contact: first, matches: [first, second] }), ["1", "2"]));

  it("are the others once somebody has", () => {
    const chosen = match("2", { confidence: "learned" });
    assert.deepEqual(offered({ contact: chosen, matches: [chosen, first] }), ["1"]);
  });

  it("are none for one, which stands in the heading, and none for a colleague", () => {
    assert.deepEqual(offered({ contact: first, matches: [first] }), []);
    assert.deepEqual(offered({ internal: true, contact: null, matches: [first, second] }), []);
  });

  it("leave one to be confirmed that is only possible and may be viewed", () => {
    const possible = match("1", { confidence: "suffix" });
    assert.equal(matchToConfirm(call({ matches: [possible] })), possible);
    for (const fields of [
      { matches: [first] },
      { matches: [] },
      { matches: [possible, second] },
      { matches: [{ ...possible, objectId: "" }] },
      { internal: true, matches: [possible] },
    ])
      assert.equal(matchToConfirm(call(fields)), null);
  });
});

describe("what a number tells", () => {
  it("is its place, as far as it is known", () => {
    assert.equal(placeOf(LONDON), "London, United Kingdom");
    assert.equal(placeOf({ ...LONDON, region: "" }), "United Kingdom");
    assert.equal(placeOf({ ...LONDON, region: "", countryName: "" }), "GB");
    assert.equal(placeOf(null), "");
  });

  it("is the time there, which goes on", () => {
    const now = Date.parse("2026-07-01T22:59:30Z");
    assert.equal(timeThere(LONDON, now, "en-GB"), "23:59");
    assert.equal(timeThere(LONDON, now + 60_000, "en-GB"), "0:00");
    assert.match(timeThere({ ...LONDON, timeZone: "Australia/Sydney" }, now, "en-US"), /^8:59\sAM$/);
  });

  it("is the server's word where the zone is unknown to the browser, and nothing where it is unknown at all", () => {
    assert.equal(timeThere({ ...LONDON, timeZone: "Nowhere/Land" }, 0, "en-GB"), "10:15");
    assert.equal(timeThere({ ...LONDON, timeZone: "", localTime: "" }, 0, "en-GB"), "");
    assert.equal(timeThere(null, 0), "");
  });
});
