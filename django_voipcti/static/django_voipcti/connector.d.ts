/** Types of connector.js. The fields are explained in docs/reference/messages. */

export type Direction = "INBOUND" | "OUTBOUND";
export type CallStatus =
  "REQUESTED" | "INITIAL" | "ACCEPTED" | "RINGING" | "CONNECTED" | "ON_HOLD" | "HANGUP" | "CANCEL";

/** What a page did with a call that may pop. */
export type PageOutcome =
  "shown" | "folded" | "silent" | "do_not_disturb" | "on_answer" | "put_away" | "nothing";

export interface Contact {
  label: string;
  company: string;
  url: string;
  confidence: string;
  model: string;
  /** Empty if the user may not view the record. */
  objectId: string;
}

export interface Match extends Contact {
  reason: string;
}

export interface Pop {
  action: "pop" | "open_record" | "open_form" | "silent" | "log_only";
  reason: string;
  url: string;
}

export interface CreateLink {
  model: string;
  label: string;
  url: string;
}

export interface About {
  country: string;
  countryName: string;
  region: string;
  lineType: string;
  localTime: string;
  timeZone: string;
}

export interface DirectoryEntry {
  label: string;
  company: string;
  url: string;
  source: string;
}

export interface PastCall {
  id: string;
  direction: Direction;
  startedAt: string | null;
  endReason: string;
  endReasonText: string;
  seconds: number;
  line: string;
}

export interface Call {
  id: string;
  cid: string;
  cause: string;
  direction: Direction;
  destination: string;
  destinationName: string;
  source: string;
  sourceName: string;
  status: CallStatus;
  line: string;
  number: string;
  e164: string;
  name: string;
  internal: boolean;
  context: string;
  consultationOf: string;
  contact: Contact | null;
  matches: Match[];
  learned: boolean;
  pop: Pop;
  create: CreateLink[];
  about: About | null;
  directory: DirectoryEntry[];
  lastCalls: PastCall[];
  startedAt: string | null;
  answeredAt: string | null;
  endedAt: string | null;
  heldSeconds: number;
  endReason: string;
  endReasonText: string;
}

export interface Line {
  id: string;
  node: string;
  label: string;
  extension: string;
  provider: string;
  status: string;
  statusLabel: string;
  message: string;
  capabilities: Record<string, boolean>;
}

export interface Preferences {
  popOn: "ring" | "answer";
  ringTone: boolean;
  notifications: boolean;
  openRecord: boolean;
  doNotDisturb: boolean;
}

export interface Message {
  name: keyof typeof EVENT;
  id?: number;
  occurredAt?: string;
  call?: Call;
  message?: string;
  line?: Line;
  nonce?: string;
  uri?: string;
  node?: string;
  code?: string;
  ref?: string;
  callId?: string;
}

export interface Colleague {
  account: string;
  name: string;
  extension: string;
}

export interface Clock {
  now(): number;
  setTimeout(fn: () => void, ms: number): unknown;
  clearTimeout(id: any): void;
}

export interface Surroundings {
  online(): boolean;
  watch(wake: () => void, sleep: () => void): () => void;
}

export interface ConnectorOptions {
  url?: string;
  onMessage?: (message: Message) => void;
  connect?: boolean;
  messages?: Record<string, string>;
  WebSocket?: new (url: string) => Pick<WebSocket, "send" | "close">;
  clock?: Clock;
  random?: () => number;
  surroundings?: Surroundings;
  timing?: Record<string, number>;
}

export interface ConnectionChange {
  state: "connecting" | "open" | "reconnecting" | "offline" | "closed";
  retryAt?: number;
}

export declare const EVENT: Readonly<
  Record<Exclude<CallStatus, "REQUESTED">, string> & {
    LOGGED_IN: "LOGGED_IN";
    LOGGED_OUT: "LOGGED_OUT";
    READY: "READY";
    TWO_FACTOR_AUTH: "TWO_FACTOR_AUTH";
    SUBSCRIBED: "SUBSCRIBED";
    INFO: "INFO";
    ERROR: "ERROR";
  }
>;
export declare const DIRECTION: Readonly<{ [name in Direction]: name }>;
export declare const CALL_STATUS: Readonly<{ [name in CallStatus]: name }>;
export declare const CONNECTION: Readonly<{
  CONNECTING: "connecting";
  OPEN: "open";
  RECONNECTING: "reconnecting";
  OFFLINE: "offline";
  CLOSED: "closed";
}>;
export declare const CLOSE_NOT_AUTHENTICATED: 4401;

/** What the host knows about the record of a call. */
export interface CallOutcome {
  id: string;
  label: string;
  asksForDate: boolean;
}

/** What somebody writes: `outcome` is an id, `followUpOn` an ISO 8601 date; empty: none. */
export interface NoteContent {
  text: string;
  outcome: string;
  followUpOn: string;
}

export interface Note {
  id: string;
  call: string;
  author: { id: string; name: string };
  text: string;
  outcome: CallOutcome | null;
  followUpOn: string;
  savedAt: string | null;
  version: number;
  /** What the user himself has not saved. */
  draft: (NoteContent & { at: string }) | null;
}

export interface NotedCall {
  id: string;
  direction: Direction;
  name: string;
  number: string;
  startedAt: string;
}

/** A note on the conversation whose legs are `calls`. */
export interface NoteChange {
  calls: string[];
  note: Note;
}

export interface Block {
  call: string;
  objectId: string;
  key: string;
  title: string;
  state: "loading" | "ready" | "empty" | "late" | "failed";
  text: string;
  facts: { label: string; value: string; url: string }[];
}

/** What speaks against a call, with the code `needs_confirmation`. */
export interface Confirmation {
  token: string;
  number: string;
  needsReason: boolean;
  concerns: { code: string; message: string; needsReason: boolean }[];
}

export declare class ActionRefused extends Error {
  constructor(error: { name?: string; code: string; message: string; confirm?: Confirmation });
  code: string;
  confirm?: Confirmation;
}

export declare function backoff(
  random: () => number,
  limits?: { first?: number; max?: number },
): Generator<number, never>;

export declare function enableClickToCall(
  caller: {
    canCall(): boolean;
    call(number: string, element: Element): void;
    refuse?(number: string, element: Element): void;
  },
  root?: ParentNode & EventTarget,
): () => void;

export declare class Connector {
  constructor(options?: ConnectorOptions);
  isConnected(): boolean;
  readonly online: boolean;
  readonly state: ConnectionChange["state"];
  readonly calls: Call[];
  readonly lines: Line[];
  readonly user: { id: string; name: string } | null;
  readonly lastEventId: number;
  readonly preferences: Readonly<Partial<Preferences>>;
  readonly snapshot: { v: number; type: "snapshot"; last_event_id: number; lines: Line[]; calls: Call[] };
  serverNow(): number;
  on(name: "connection", listener: (change: ConnectionChange) => void): () => void;
  on(name: "preferences", listener: (preferences: Preferences) => void): () => void;
  on(name: "pop", listener: (pop: { id: string; title: string; html: string }) => void): () => void;
  on(name: "call", listener: (known: { call: Call }) => void): () => void;
  on(name: "dismissed", listener: (dismissed: { call: string }) => void): () => void;
  on(name: "note", listener: (change: NoteChange) => void): () => void;
  on(name: "block", listener: (block: Block) => void): () => void;
  on(name: "snapshot", listener: () => void): () => void;
  on(name: "message" | keyof typeof EVENT, listener: (message: Message) => void): () => void;
  call(
    number: string | number,
    options?: { line?: string; confirm?: string; reason?: string },
  ): Promise<{ call: string; command: string }>;
  answer(call?: string): Promise<{ call: string; command: string }>;
  terminate(call: string): Promise<{ call: string; command: string }>;
  transfer(call: string, number: string | number): Promise<{ call: string; command: string }>;
  consult(
    call: string,
    number: string | number,
    options?: { confirm?: string; reason?: string },
  ): Promise<{ call: string; command: string }>;
  completeTransfer(call: string): Promise<{ call: string; command: string }>;
  returnToCall(call: string): Promise<{ call: string; command: string }>;
  hold(call: string): Promise<{ call: string; command: string }>;
  resume(call: string): Promise<{ call: string; command: string }>;
  choose(call: string, model: string, objectId: string): Promise<object>;
  forget(call: string): Promise<object>;
  attach(call: string, model: string, objectId: string): Promise<{ linked: number }>;
  suggest(text: string): Promise<Match[]>;
  blocks(call: string, model: string, objectId: string): Promise<{ blocks: number }>;
  notes(call: string): Promise<{ call: NotedCall; notes: Note[]; outcomes: CallOutcome[] }>;
  drafts(): Promise<{ drafts: { call: NotedCall; note: Note }[]; key: string }>;
  draft(call: string, content: Partial<NoteContent>): Promise<{ note: Note }>;
  discardDraft(call: string): Promise<{ note: Note | null }>;
  saveNote(call: string, content: Partial<NoteContent>): Promise<{ note: Note }>;
  setOutcome(call: string, outcome: string): Promise<{ note: Note }>;
  dismiss(call: string): Promise<object>;
  shown(call: string, how: PageOutcome, details?: { hidden?: boolean; after?: number }): Promise<object>;
  setPreferences(choices: Partial<Preferences>): Promise<{ preferences: Preferences }>;
  login(email: string, password: string): Promise<{ secondFactor: boolean; nonce?: string; line?: Line }>;
  login(apiKey: string): Promise<{ secondFactor: boolean; nonce?: string; line?: Line }>;
  twoFactorAuth(code: string, nonce: string): Promise<{ secondFactor: boolean; line?: Line }>;
  logout(): Promise<{ lines: string[] }>;
  subscribe(node: string): Promise<{ uri: string; line: string; calls?: string[] }>;
  getSubscriptionURIs(): string[];
  colleagues(): Promise<Colleague[]>;
  apiRequest(
    method: string,
    path: string,
    data?: object | null,
    onSuccess?: (answer: { data: any }) => void,
    onFailure?: (error: ActionRefused) => void,
  ): Promise<{ data: any }>;
  connect(): void;
  close(): void;
}
