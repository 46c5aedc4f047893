/** Types of shared.js. */

import type { Connector, ConnectorOptions } from "./connector.js";

export declare class Share {
  static isPossible(scope?: { navigator?: Navigator; BroadcastChannel?: unknown }): boolean;
  constructor(options: {
    name: string;
    WebSocket?: ConnectorOptions["WebSocket"];
    locks?: Pick<LockManager, "request">;
    BroadcastChannel?: new (name: string) => Pick<BroadcastChannel, "postMessage" | "onmessage">;
    id?: string;
  });
  readonly Socket: NonNullable<ConnectorOptions["WebSocket"]>;
  readonly leads: boolean;
  attach(connector: Connector): void;
}
