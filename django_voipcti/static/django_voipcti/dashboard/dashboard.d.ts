/** Draws each picture of the dashboard from the table behind it. */

export interface Column {
  label: string;
  values: number[];
  /** The values as people read them. */
  texts: string[];
}

export interface ReadTable {
  /** What the axis counts, where that is not calls. */
  unit: string;
  labels: string[];
  columns: Column[];
}

export function readTable(figure: HTMLElement): ReadTable;

/** What Chart.js is told. `colour` gives the value of a custom property of the page. */
export function configuration(
  kind: "bars" | "stack" | "rows",
  read: ReadTable,
  colour: (name: string) => string,
): Record<string, unknown>;

export function start(root: ParentNode, Chart: new (canvas: HTMLCanvasElement, told: object) => { destroy(): void }): void;
