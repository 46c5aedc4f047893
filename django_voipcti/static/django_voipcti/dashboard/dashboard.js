// Draws each picture of the dashboard from the table behind it, in the colours of the page. Chart.js does the drawing.

const COLOURS = ["--voipcti-c1", "--voipcti-c2", "--voipcti-c3", "--voipcti-c4", "--voipcti-c5"];
const MOST_LETTERS = 26;

/** The columns of a figure's table that are drawn: labels of the rows, and each column with its head and values. */
export function readTable(figure) {
  const table = figure.querySelector("table");
  const heads = [...table.tHead.rows[0].cells].slice(1);
  const rows = [...table.tBodies[0].rows];
  const drawn = Number(figure.dataset.voipctiDrawn);
  return {
    unit: figure.dataset.voipctiUnit ?? "",
    labels: rows.map((row) => row.cells[0].textContent.trim()),
    columns: heads.slice(0, drawn).map((head, place) => ({
      label: head.textContent.trim(),
      values: rows.map((row) => Number(row.cells[place + 1].dataset.value)),
      texts: rows.map((row) => row.cells[place + 1].textContent.trim()),
    })),
  };
}

/** A name as it fits beside a picture; the table has it whole. */
const shortened = (name) => (name.length > MOST_LETTERS ? `${name.slice(0, MOST_LETTERS - 1)}…` : name);

/** What Chart.js is told. `colour` gives the value of a custom property of the page. */
export function configuration(kind, read, colour) {
  const [text, grid] = [colour("--voipcti-quiet"), colour("--voipcti-hair")];
  const lying = kind === "rows";
  const title = { display: Boolean(read.unit), text: read.unit, color: text };
  const scale = (extra) => ({ ticks: { color: text, precision: 0, ...extra }, grid: { color: grid }, title });
  const short = (value, place) => shortened(read.labels[place]);
  const names = { ticks: { color: text, autoSkip: !lying, callback: short }, grid: { display: false } };
  return {
    type: "bar",
    data: {
      labels: read.labels,
      datasets: read.columns.map((column, place) => ({
        label: column.label,
        data: column.values,
        backgroundColor: colour(COLOURS[place % COLOURS.length]),
        maxBarThickness: 26,
        // Calls to outside stand beside the others, not on them.
        stack: kind === "stack" && place === read.columns.length - 1 ? "other" : "all",
      })),
    },
    options: {
      animation: false,
      maintainAspectRatio: false,
      responsive: true,
      indexAxis: lying ? "y" : "x",
      scales: {
        x: { ...(lying ? scale({}) : names), stacked: kind === "stack" },
        y: { ...(lying ? names : { ...scale({}), beginAtZero: true }), stacked: kind === "stack" },
      },
      plugins: {
        legend: { display: read.columns.length > 1, position: "bottom", labels: { color: text, boxWidth: 12 } },
        tooltip: {
          callbacks: {
            label: (item) => `${item.dataset.label}: ${read.columns[item.datasetIndex].texts[item.dataIndex]}`,
          },
        },
      },
    },
  };
}

/** A function that gives the colour of a custom property as a canvas understands it. */
function coloursOf(figure) {
  const probe = document.createElement("span");
  probe.hidden = true;
  figure.append(probe);
  return (name) => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
}

function draw(figure, Chart) {
  const read = readTable(figure);
  const colour = coloursOf(figure);
  const box = document.createElement("div");
  box.className = `voipcti-picture ${figure.dataset.voipctiChart}`;
  const canvas = document.createElement("canvas");
  // Everything that it shows stands in the table.
  canvas.setAttribute("aria-hidden", "true");
  box.append(canvas);
  figure.querySelector("figcaption").after(box);
  if (figure.dataset.voipctiChart === "rows") box.classList.add(`size-${Math.min(Math.ceil(read.labels.length / 5), 6)}`);
  const told = configuration(figure.dataset.voipctiChart, read, colour);
  figure.lastElementChild.remove();
  return new Chart(canvas, told);
}

/** Draw every figure of the page, and again when the page turns dark or light. */
export function start(root, Chart) {
  const figures = [...root.querySelectorAll("[data-voipcti-chart]")].filter((figure) => figure.querySelector("table"));
  let charts = [];
  const all = () => {
    for (const chart of charts) {
      const box = chart.canvas.parentElement;
      chart.destroy();
      box.remove();
    }
    charts = figures.map((figure) => draw(figure, Chart));
  };
  all();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", all);
  new MutationObserver(all).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
}

if (globalThis.document) start(document, globalThis.Chart);
