/** Types of notices.js. */

import type { Connector, Preferences } from "./connector.js";

export interface Ringing {
  id: string;
  title: string;
  body: string;
}

export declare class RingTone {
  constructor(AudioContext?: unknown);
  start(device?: string, rings?: number): Promise<void>;
  stop(): void;
}

export declare class Notices {
  constructor(options: { onOpen: (id: string) => void; tone?: RingTone; scope?: object });
  readonly isLoud: boolean;
  readonly permission: "granted" | "denied" | "default" | "unsupported";
  device: string;
  prefer(preferences: Partial<Preferences>): void;
  update(ringing: Ringing[]): void;
  test(): Promise<void>;
  devices(): Promise<{ id: string; label: string }[]>;
  askPermission(): Promise<string>;
}

export declare class PreferencesForm {
  constructor(tools: { t: Function; h: Function; notices: Notices; connector: Connector });
  readonly element: HTMLElement;
  show(): void;
  open(): Promise<void>;
}
