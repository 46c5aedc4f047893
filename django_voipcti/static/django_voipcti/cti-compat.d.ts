/** The global of VoIPstudio's original connector, as cti-compat.js makes it. */

import type { ActionRefused, CALL_STATUS, Connector as ModernConnector, ConnectorOptions, DIRECTION, EVENT, Message } from "./connector.js";

export interface CompatOptions extends ConnectorOptions {
  /** Accepted and without effect: the server knows where the provider is. */
  apiEndpoint?: string;
}

export interface CompatConnector {
  isConnected(): boolean;
  login(email: string, password: string): Promise<object>;
  login(apiKey: string): Promise<object>;
  twoFactorAuth(code: string, nonce: string): Promise<object>;
  logout(): Promise<object>;
  call(destination: string | number): Promise<{ call: string }>;
  answer(callId?: string): Promise<object>;
  terminate(callId: string): Promise<object>;
  transfer(callId: string, destination: string | number): Promise<object>;
  hold(callId: string): Promise<object>;
  resume(callId: string): Promise<object>;
  subscribe(node: string): Promise<object>;
  getSubscriptionURIs(): string[];
  apiRequest(
    method: string,
    path: string,
    data?: object | null,
    onSuccess?: (answer: { data: any }) => void,
    onFailure?: (error: ActionRefused) => void,
  ): Promise<{ data: any }>;
  readonly connector: Promise<ModernConnector>;
}

declare global {
  const Cti: Readonly<{
    EVENT: typeof EVENT;
    DIRECTION: typeof DIRECTION;
    CALL_STATUS: typeof CALL_STATUS;
    Connector: new (options?: CompatOptions & { onMessage?: (message: Message) => void }) => CompatConnector;
    log(...values: unknown[]): void;
  }>;
}
