/** Types of transfer.js. */

import type { Call, Colleague } from "./connector.js";

export interface Pair {
  held: Call;
  consultation: Call;
}

export type PairAction = "complete_transfer" | "return_to_call";

export declare function pairOf(call: Pick<Call, "id">, calls: Call[]): Pair | null;
export declare function pairActions(call: Pick<Call, "id">, pair: Pair): PairAction[];
export declare function foundColleagues(colleagues: Colleague[], typed: string): Colleague[];
export declare function destinationOf(colleagues: Colleague[], typed: string): string;

export declare class TransferBox {
  constructor(options: {
    tools: object;
    button: HTMLButtonElement;
    capabilities: () => Record<string, boolean> | undefined;
    colleagues: () => Promise<Colleague[]>;
    transfer: (number: string) => Promise<unknown>;
    consult: (number: string) => Promise<unknown>;
    onClosed: () => void;
  });
  readonly element: HTMLElement;
  toggle(): void;
  close(): void;
  hide(): void;
}
