/** The search for a record: when it asks, and whose answer it hears. The list and its keys are tested in a real browser. */

import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { FEWEST_CHARACTERS, RecordSearch, nextOption } from "../../django_voipcti/static/django_voipcti/attach.js";
import { FakeClock, settled } from "./fakes.mjs";

/** A search whose questions wait until the test answers them. */
function searching() {
  const clock = new FakeClock();
  const asked = [];
  const shown = [];
  const ask = (text) => new Promise((resolve, reject) => asked.push({ text, resolve, reject }));
  const search = new RecordSearch({ ask, show: (found) => shown.push(found), clock });
  return { clock, asked, shown, search, texts: () => asked.map(({ text }) => text) };
}

describe("a search as you type", () => {
  it("asks once when the typing pauses", async () => {
    const { clock, search, texts } = searching();
    for (const text of ["ad", "ada", "ada ", "ada l"]) {
      search.type(text);
      await clock.advance(100);
    }
    assert.deepEqual(texts(), []);
    await clock.advance(300);
    assert.deepEqual(texts(), ["ada l"]);
  });

  it("does not ask again for the same text, however it is spaced", async () => {
    const { clock, search, texts } = searching();
    search.type("ada l");
    await clock.advance(300);
    search.type("  ada  l ");
    await clock.advance(300);
    assert.deepEqual(texts(), ["ada l"]);
  });

  it(`shows nothing below ${FEWEST_CHARACTERS} characters, and asks nothing`, async () => {
    const { clock, search, texts, shown } = searching();
    for (const text of ["a", " ", "", "a "]) search.type(text);
    await clock.advance(300);
    assert.deepEqual(texts(), []);
    assert.ok(shown.length && shown.every(({ records, error }) => !records && !error));
  });

  it("drops an answer that comes after the text has changed", async () => {
    const { clock, asked, shown, search } = searching();
    search.type("ada");
    await clock.advance(300);
    search.type("alan");
    await clock.advance(300);
    asked[1].resolve([{ label: "Alan" }]);
    await settled();
    asked[0].resolve([{ label: "Ada" }]);
    await settled();
    assert.deepEqual(shown, [{ records: [{ label: "Alan" }] }]);
  });

  it("drops an answer, and a failure, while the next question waits for its pause", async () => {
    const { clock, asked, shown, search } = searching();
    search.type("ada");
    await clock.advance(300);
    search.type("adam");
    asked[0].reject(new Error("Too late."));
    await settled();
    assert.deepEqual(shown, []);
  });

  it("says why it failed, and asks again for the same text", async () => {
    const { clock, asked, shown, search, texts } = searching();
    search.type("ada");
    await clock.advance(300);
    asked[0].reject(new Error("There is no connection."));
    await settled();
    assert.equal(shown[0].error.message, "There is no connection.");
    search.type("ada");
    await clock.advance(300);
    assert.deepEqual(texts(), ["ada", "ada"]);
  });

  it("hears nothing after it was stopped, and leaves no timer", async () => {
    const { clock, asked, shown, search, texts } = searching();
    search.type("ada");
    await clock.advance(300);
    search.stop();
    asked[0].resolve([{ label: "Ada" }]);
    search.type("alan");
    search.stop();
    await clock.advance(300);
    assert.deepEqual([shown, texts(), clock.waiting], [[], ["ada"], 0]);
  });
});

describe("arrow keys", () => {
  it("walk round the list from either end", () => {
    assert.deepEqual([nextOption("ArrowDown", -1, 3), nextOption("ArrowDown", 2, 3)], [0, 0]);
    assert.deepEqual([nextOption("ArrowUp", -1, 3), nextOption("ArrowUp", 0, 3), nextOption("ArrowUp", 2, 3)], [2, 2, 1]);
  });

  it("lead nowhere in an empty list", () => assert.equal(nextOption("ArrowDown", -1, 0), -1));
});
