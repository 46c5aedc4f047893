/** Types of dial.js. */

export declare function isQuestion(error: unknown): boolean;

export declare class Question {
  constructor(tools: object);
  readonly element: HTMLElement;
  through<T>(place: (said: { confirm?: string; reason?: string }) => Promise<T>): Promise<T | null>;
}
