/** A browser with several tabs: Web Locks and BroadcastChannel as far as scripts can tell. */

/** Locks of one browser. A tab that is killed loses its locks and its place in the queue. */
export class FakeLocks {
  #queues = new Map();

  /** The locks as one tab sees them. */
  of(tab) {
    return {
      request: (name, options, callback) => this.#request(tab, name, options, callback),
      query: async () => ({
        held: [...this.#queues].filter(([, queue]) => queue.some(({ isHeld }) => isHeld)).map(([name]) => ({ name })),
      }),
    };
  }

  kill(tab) {
    for (const queue of this.#queues.values()) {
      for (const place of queue.filter((one) => one.tab === tab)) this.#remove(queue, place);
    }
  }

  #request(tab, name, { signal, ifAvailable } = {}, callback) {
    if (!this.#queues.has(name)) this.#queues.set(name, []);
    const queue = this.#queues.get(name);
    if (ifAvailable && queue.length) return Promise.resolve(callback(null));
    return new Promise((resolve, reject) => {
      const place = { tab, isHeld: false, hold: null };
      place.hold = () => callback(place).finally(() => this.#remove(queue, place)).then(resolve, reject);
      queue.push(place);
      signal?.addEventListener("abort", () => {
        if (place.isHeld) return;
        this.#remove(queue, place);
        reject(new DOMException("aborted", "AbortError"));
      });
      this.#grant(queue);
    });
  }

  #remove(queue, place) {
    if (queue.includes(place)) queue.splice(queue.indexOf(place), 1);
    this.#grant(queue);
  }

  #grant(queue) {
    queueMicrotask(() => {
      const [first] = queue;
      if (!first || first.isHeld) return;
      first.isHeld = true;
      first.hold();
    });
  }
}

/** A `BroadcastChannel` for each tab of one browser. A frozen tab neither hears nor speaks. */
export class FakeChannels {
  #open = new Set();
  frozen = new Set();

  /** The class as one tab sees it. */
  of(tab) {
    const channels = this;
    return class {
      onmessage = null;

      constructor(name) {
        this.name = name;
        this.tab = tab;
        channels.#open.add(this);
      }

      postMessage(data) {
        if (channels.frozen.has(tab)) return;
        const copy = structuredClone(data);
        for (const other of channels.#open)
          if (other !== this && other.name === this.name)
            queueMicrotask(() => channels.frozen.has(other.tab) || other.onmessage?.({ data: copy }));
      }
    };
  }
}
