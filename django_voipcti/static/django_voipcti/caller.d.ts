/** Types of caller.js. */

import type { Call, Connector, Contact, Match } from "./connector.js";

export type Situation = "colleague" | "withheld" | "unknown" | "one" | "several";

export declare function isSure(match: Pick<Contact, "confidence"> | null | undefined): boolean;
export declare function situationOf(call: Call): Situation;
export declare function isLinked(match: Match, contact: Contact | null): boolean;
export declare function matchToConfirm(call: Pick<Call, "internal" | "matches">): Match | null;
export declare function offeredMatches(call: Pick<Call, "internal" | "contact" | "matches">): Match[];
export declare function placeOf(about: Call["about"]): string;
export declare function timeThere(about: Call["about"], now: number, locale?: string): string;

export declare class CallerBox {
  constructor(
    id: string,
    surroundings: { tools: object; connector: Connector; now: () => number; AttachBox: new (options: any) => any },
  );
  readonly element: HTMLElement;
  readonly why: HTMLElement;
  show(call: Call, state: { isOver: boolean; isOwn: boolean }): void;
  showWhy(): void;
}
