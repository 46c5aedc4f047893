/** Types of context.js. */

import type { Block, Call, Connector } from "./connector.js";

export declare function subjectOf(call: Pick<Call, "contact" | "internal">): string;
export declare function isWorthShowing(block: Pick<Block, "state">): boolean;

export declare class ContextBox {
  constructor(surroundings: { tools: object; connector: Pick<Connector, "blocks"> });
  readonly element: HTMLElement;
  show(call: Call, state: { isOver: boolean; isOwn: boolean }): void;
  take(block: Block): void;
}
