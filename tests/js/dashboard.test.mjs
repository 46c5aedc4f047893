// The dashboard's script: what it reads from a table, and what it tells Chart.js.

import assert from "node:assert/strict";
import { test } from "node:test";

import { configuration, readTable } from "../../django_voipcti/static/django_voipcti/dashboard/dashboard.js";

const cell = (textContent, value) => ({ textContent, dataset: { value } });

function aFigure(drawn, heads, ...rows) {
  const table = { tHead: { rows: [{ cells: heads.map((text) => cell(text)) }] }, tBodies: [{ rows: rows.map((cells) => ({ cells })) }] };
  return { dataset: { voipctiDrawn: String(drawn) }, querySelector: (name) => (name === "table" ? table : null) };
}

const FIGURE = aFigure(
  2,
  ["Day", "Answered", "Missed", "Note"],
  [cell(" Monday "), cell("1,204", "1204"), cell("3", "3"), cell("x", "")],
  [cell("Tuesday"), cell("0", "0"), cell("7", "7"), cell("y", "")],
);

test("the drawn columns are read with their values, and as people read them", () => {
  assert.deepEqual(readTable(FIGURE), {
    unit: "",
    labels: ["Monday", "Tuesday"],
    columns: [
      { label: "Answered", values: [1204, 0], texts: ["1,204", "0"] },
      { label: "Missed", values: [3, 7], texts: ["3", "7"] },
    ],
  });
});

test("a stack piles all but the last column up, and says its figures as the table does", () => {
  const told = configuration("stack", readTable(FIGURE), (name) => `colour of ${name}`);
  assert.deepEqual(told.data.datasets.map((set) => set.stack), ["all", "other"]);
  assert.equal(told.options.scales.y.stacked, true);
  assert.equal(told.data.datasets[1].backgroundColor, "colour of --voipcti-c2");
  const label = told.options.plugins.tooltip.callbacks.label;
  assert.equal(label({ dataset: { label: "Answered" }, datasetIndex: 0, dataIndex: 0 }), "Answered: 1,204");
});

test("rows lie, and name every one", () => {
  const told = configuration("rows", readTable(FIGURE), String);
  assert.equal(told.options.indexAxis, "y");
  assert.equal(told.options.scales.y.ticks.autoSkip, false);
  assert.equal(told.options.scales.x.stacked, false);
});
