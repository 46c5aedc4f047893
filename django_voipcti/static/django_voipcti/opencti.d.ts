/** Types of opencti.js. */

export interface Answer<Value = unknown> {
  success: boolean;
  returnValue: Value | null;
  errors: { code: string; description: string }[] | null;
}

export interface RecordInfo {
  /** `app.model:key`, as the page says it; empty if it says nothing. */
  recordId: string;
  recordName: string;
  objectType: string;
}

export interface FoundRecord {
  Id: string;
  Name: string;
  RecordType: string;
  url: string;
}

type Method<Request, Value = null> = (
  request?: Request & { callback?: (answer: Answer<Value>) => void },
) => Promise<Answer<Value>>;

export declare const SCREENPOP_TYPE: Readonly<Record<"SOBJECT" | "URL" | "SEARCH" | "NEW_RECORD_MODAL", string>>;
export declare const CALL_TYPE: Readonly<Record<"INBOUND" | "OUTBOUND" | "INTERNAL", string>>;

export interface OpenCti {
  enableClickToDial: Method<object>;
  disableClickToDial: Method<object>;
  onClickToDial: Method<{ listener: (payload: RecordInfo & { number: string }) => void }>;
  onNavigationChange: Method<{ listener: (view: RecordInfo & { url: string }) => void }>;
  notifyInitializationComplete: Method<object>;
  getAppViewInfo: Method<object, RecordInfo & { url: string }>;
  getCallCenterSettings: Method<object, { lines: object[] }>;
  isSoftphonePanelVisible: Method<object, { visible: boolean }>;
  setSoftphonePanelVisibility: Method<{ visible: boolean }>;
  setSoftphonePanelWidth: Method<{ widthPX: number }>;
  refreshView: Method<object>;
  screenPop: Method<
    { type: string; params: { url?: string; recordId?: string; entityName?: string; searchString?: string } },
    object
  >;
  searchAndScreenPop: Method<
    { searchParams: string; callType?: string; deferred?: boolean },
    Record<string, FoundRecord>
  >;
  saveLog: Method<{ value: { callId: string; Subject?: string; Description?: string } }, { recordId: string }>;
  /** Refused as `not_supported`. */
  [missing: string]: unknown;
}

export declare function openCti(panel: HTMLElement, page?: { document?: Document; window?: Window }): OpenCti;
