// Runs the worker, and ends it: after a time limit, after a failure, and when its memory has grown.

const LARGE = 1024 * 1024; // the library's memory never shrinks, so a worker that has read this much is given up

export class Engine {
  #worker = null;
  #cancel = null;

  /**
   * Check text or bytes. The result is one of { report }, { report, late } or { late } after the seconds,
   * { failed: reason }, and { replaced } if the next document came first.
   */
  check(source, seconds) {
    this.#cancel?.();
    return new Promise((resolve) => {
      const worker = (this.#worker ??= new Worker(new URL("worker.js", import.meta.url), { type: "module" }));
      const found = {};
      let timer;
      const end = (result, keep = false) => {
        clearTimeout(timer);
        this.#cancel = worker.onmessage = worker.onerror = null;
        if (!keep) {
          worker.terminate();
          this.#worker = null;
        }
        resolve({ ...found, ...result });
      };
      this.#cancel = () => end({ replaced: true });
      worker.onerror = () => end({ failed: "could not load its files" });
      worker.onmessage = ({ data: { started, report, done, failed } }) => {
        if (started) timer = setTimeout(() => end({ late: true }), seconds * 1000); // loading isn't counted
        else if (report) found.report = report;
        else if (done) end({}, found.report.size < LARGE);
        else end({ failed });
      };
      worker.postMessage(source);
    });
  }
}
