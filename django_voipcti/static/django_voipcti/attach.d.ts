/** Types of attach.js. */

import type { Match } from "./connector.js";

export declare const FEWEST_CHARACTERS: number;

export declare class RecordSearch {
  constructor(options: {
    ask: (text: string) => Promise<Match[]>;
    show: (found: { records?: Match[]; error?: Error }) => void;
    clock?: { setTimeout(fn: () => void, ms: number): unknown; clearTimeout(id: any): void };
  });
  type(typed: string): void;
  stop(): void;
}

export declare function nextOption(key: string, current: number, count: number): number;

export declare class AttachBox {
  constructor(options: {
    id: string;
    tools: object;
    suggest: (text: string) => Promise<Match[]>;
    onClose: () => void;
  });
  readonly element: HTMLFormElement;
  open(purpose: {
    label: string;
    confirm: string;
    effect: (record: Match) => string;
    take: (record: Match) => Promise<void>;
  }): void;
  close(): void;
}
