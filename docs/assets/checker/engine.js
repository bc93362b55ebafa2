// Runs the worker, and ends it: after its verdict, a failure or a time limit, or for the next document.

let running = null;

/** Check text, bytes or a file. A check that a later one replaces never ends, or ends late. */
export function check(source, seconds) {
  running?.terminate();
  const worker = (running = new Worker(new URL("worker.js", import.meta.url), { type: "module" }));
  return new Promise((resolve) => {
    let report = null, timer;
    const end = (verdict) => {
      clearTimeout(timer);
      worker.terminate();
      resolve(verdict);
    };
    const fail = (reason) => end({ kind: "bad", verdict: `No verdict: ${reason}`, tables: [], unusual: [] });
    const late = () => (report ? end(report) : fail(`the check took more than ${seconds} seconds`));
    worker.onerror = () => fail("could not load the files of the checker");
    worker.onmessage = ({ data }) => {
      if (data.started) timer = setTimeout(late, seconds * 1000); // loading isn't counted
      else if (data.failed) fail(`the checker failed: ${data.failed}`);
      else if (data.done) end(report);
      else report = data.report;
    };
    worker.postMessage(source);
  });
}
