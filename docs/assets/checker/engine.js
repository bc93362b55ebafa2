// Runs the worker and ends it: after a time limit, after a failure of the library, and when it has grown large.

const LARGE = 1024 * 1024; // the library's memory never shrinks, so a worker that read so much is given up
const LOADING = 120_000; // milliseconds for fetching the library, which a slow connection may need

export class Engine {
  #worker = null;
  #ready = null;
  #number = 0;
  #cancel = () => {};

  /** Fetch the library, if that has not happened yet. */
  load() {
    if (!this.#worker) {
      const worker = new Worker(new URL("worker.js", import.meta.url), { type: "module" });
      this.#worker = worker;
      this.#ready = new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error("it did not load in time")), LOADING);
        worker.addEventListener("error", () => reject(new Error("its files could not be loaded")));
        worker.addEventListener("message", ({ data }) => {
          clearTimeout(timer);
          if (data.ready) resolve();
          else if (data.failed) reject(new Error(data.failed));
        });
      });
      this.#ready.catch(() => this.stop());
    }
    return this.#ready;
  }

  /**
   * Check text or bytes. Returns one of { verdict }, { late: true } after the seconds, { failed: reason },
   * and { replaced: true } where a later document came before the answer.
   */
  async check(source, seconds) {
    this.#cancel();
    const number = (this.#number += 1);
    try {
      await this.load();
    } catch (error) {
      return { failed: error.message };
    }
    if (number !== this.#number) return { replaced: true };
    const worker = this.#worker;
    const result = await new Promise((resolve) => {
      const timer = setTimeout(() => resolve({ late: true }), seconds * 1000);
      const settle = (outcome) => { clearTimeout(timer); resolve(outcome); };
      this.#cancel = () => { this.stop(); settle({ replaced: true }); };
      worker.onmessage = ({ data }) => data.number === number && settle(data);
      worker.onerror = () => settle({ failed: "the library broke off" });
      worker.postMessage({ number, source });
    });
    if (result.replaced) return result;
    this.#cancel = () => {};
    if (!result.verdict || result.verdict.size > LARGE) this.stop();
    return result;
  }

  stop() {
    this.#worker?.terminate();
    this.#worker = this.#ready = null;
  }
}
