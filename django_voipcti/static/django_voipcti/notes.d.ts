/** Types of notes.js. */

import type { CallOutcome, Connector, Note, NoteContent, NotedCall } from "./connector.js";

export declare function contentOf(note: Pick<Note, "text" | "outcome" | "followUpOn" | "savedAt" | "draft"> | null): NoteContent;
export declare function isSame(one: NoteContent, other: NoteContent): boolean;
export declare function merged(draft: Note["draft"], unsent: NoteContent & { at: number }): NoteContent;

export declare class Vault {
  constructor(options: { name: string; storage?: Storage | null; crypto?: Crypto });
  readonly isOpen: boolean;
  open(key: string): Promise<void>;
  put(call: string, content: object | null): Promise<void>;
  remove(call: string): Promise<void>;
  all(): Promise<Map<string, NoteContent & { at: number }>>;
}

export interface NoteEntry {
  readonly about: NotedCall | null;
  readonly content: NoteContent;
  readonly mine: Note | null;
  readonly others: Map<string, Note>;
  readonly outcomes: CallOutcome[];
  readonly isUnsent: boolean;
  readonly isDraft: boolean;
  readonly problem: Error | null;
}

export declare class NoteKeeper {
  constructor(options: {
    connector: Connector;
    vault: Vault;
    onChange: (call: string) => void;
    clock?: {
      now(): number;
      setTimeout(fn: () => void, ms: number): unknown;
      clearTimeout(id: unknown): void;
    };
  });
  readonly isSafe: boolean;
  readonly drafts: [string, NoteEntry][];
  of(call: string): NoteEntry;
  release(call: string): void;
  load(call: string): Promise<void>;
  type(call: string, content: NoteContent): void;
  flush(): void;
  save(call: string): Promise<void>;
  discard(call: string): Promise<void>;
}

export declare class NoteBox {
  constructor(id: string, surroundings: { tools: object; keeper: NoteKeeper });
  readonly element: HTMLElement;
  readonly field: HTMLTextAreaElement;
  show(isShown: boolean): void;
  refresh(): void;
}

export declare class DraftsBox {
  constructor(surroundings: { tools: object; keeper: NoteKeeper });
  readonly element: HTMLElement;
  show(hasCard: (call: string) => boolean): void;
}
