/** Types of panel.js. */

import type { Call, Connector, Message, PageOutcome } from "./connector.js";
import type { Question } from "./dial.js";

export type Phase = "ringing" | "dialling" | "talking" | "held" | "ended";

export declare function phaseOf(call: Pick<Call, "status" | "direction">): Phase;
export declare function stateKeyOf(call: Pick<Call, "status" | "direction">): string;
export declare function actionsFor(call: Call, capabilities?: Record<string, boolean>): string[];
export declare function stageOf(call: Pick<Call, "status">): number;
export declare function formatDuration(seconds: number): string;
export declare function secondsOf(call: Call, now: number): number | null;
export declare function initialsOf(name: string): string;
export declare function hueOf(text: string): number;
export declare function safeUrl(url: string, base?: string): string | null;
export declare function fill(text: string, values?: Record<string, unknown>): string;

export declare function outcomeOf(found: {
  card?: { manner: string; phase: Phase };
  isExpanded: boolean;
  isPutAway: boolean;
  preferences: { doNotDisturb?: boolean; popOn?: string };
}): PageOutcome;

export declare class VoipctiPanel extends HTMLElement {
  connector: Connector | null;
  readonly online: boolean;
  readonly canCall: boolean;
  readonly question: Question;
  expanded: boolean;
  call(number: string, element?: Element | null): Promise<boolean>;
  mayDial(number: string, element?: Element | null): Promise<boolean>;
  dismiss(id: string): void;
}

declare global {
  interface HTMLElementTagNameMap {
    "voipcti-panel": VoipctiPanel;
  }
  interface HTMLElementEventMap {
    voipcti: CustomEvent<Message>;
    "voipcti-dial": CustomEvent<{
      number: string;
      element: Element | null;
      waitUntil(answer: Promise<boolean> | boolean): void;
    }>;
    "voipcti-open": CustomEvent<{ call: Call; url: string }>;
    "voipcti-pop": CustomEvent<{ id: string }>;
  }
}
