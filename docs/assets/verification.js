// Show the report of the tests. Every page stands as "not run" in the HTML, and only a report of these sources changes that.
(() => {
  "use strict";
  const PASSED = "passed", FAILED = "failed", NOT_RUN = "not run";
  const SIGNS = { [PASSED]: "✓", [FAILED]: "✗", [NOT_RUN]: "○" };
  const { site, version, revision } = document.querySelector("script[data-revision]").dataset;
  const home = new URL(`${site}/`, location.href);
  const root = document.getElementById("verification");
  const status = root.querySelector("[role=status]");

  const element = (name, text = "", className = "") => {
    const made = document.createElement(name);
    made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  const list = (value) => (Array.isArray(value) ? value : []);
  const verdict = (word, text = word) => element("span", `${SIGNS[word]} ${text}`, `verdict-${word.replace(" ", "-")}`);

  // What did not run cannot be green: a verdict needs checks, and each of them has to say that it passed.
  const ofThing = (thing) => {
    const verdicts = list(thing.checks).map((check) => check.verdict);
    if (thing.verdict === FAILED || verdicts.includes(FAILED)) return FAILED;
    return thing.verdict === PASSED && verdicts.length && verdicts.every((one) => one === PASSED) ? PASSED : NOT_RUN;
  };
  const count = (things) => {
    const counts = { [PASSED]: 0, [FAILED]: 0, [NOT_RUN]: 0 };
    for (const thing of things) counts[ofThing(thing)] += 1;
    return counts;
  };
  const ofCounts = (counts) => (counts[FAILED] ? FAILED : counts[NOT_RUN] || !counts[PASSED] ? NOT_RUN : PASSED);
  const inWords = (counts) =>
    Object.keys(counts).filter((word) => counts[word]).map((word) => `${counts[word]} ${word}`).join(", ");

  const fault = (report) => {
    if (report?.none) return "no report was published with this site"; // what the sources hold in its place
    if (report === null || typeof report !== "object" || !Array.isArray(report.pages)) return "what was fetched is no report";
    if (report.version !== version) return `the report is of version ${report.version}, this site is ${version}`;
    if (revision === "unknown") return "this site was built from sources without a revision, so no report belongs to it";
    if (report.revision !== revision) return `the report is of the sources ${report.revision}, this site of ${revision}`;
    if (report.complete !== true) return `the report is of a part of the tests: ${report.partial}`;
    return "";
  };

  const rows = (page) => {
    const body = element("tbody");
    for (const thing of list(page.things)) {
      const row = element("tr");
      const where = thing.file === page.page ? `${thing.line}` : `${thing.file}:${thing.line}`;
      const what = element("td");
      what.append(`${thing.kind} `, element("code", thing.text));
      const checks = element("td");
      for (const check of list(thing.checks)) {
        const other = check.verdict === PASSED ? "" : `: ${check.verdict}${check.reason ? `, ${check.reason}` : ""}`;
        checks.append(element("div", `${check.what}${other}`));
      }
      const end = element("td");
      end.append(verdict(ofThing(thing)));
      row.append(element("td", where), what, checks, end);
      body.append(row);
    }
    return body;
  };

  const details = (page, counts, title) => {
    const made = element("details", "", "verification-page");
    const summary = element("summary");
    summary.append(`${title}: `, verdict(ofCounts(counts), inWords(counts)));
    made.append(summary);
    made.addEventListener("toggle", () => {
      if (made.childElementCount > 1) return;
      const table = element("table");
      const head = element("tr");
      for (const name of ["Line", "What stands there", "What was checked", "Verdict"]) {
        const cell = element("th", name);
        cell.scope = "col";
        head.append(cell);
      }
      const top = element("thead");
      top.append(head);
      table.append(top, rows(page));
      const scroll = element("div", "", "verification-things");
      scroll.tabIndex = 0;
      scroll.setAttribute("role", "region");
      scroll.setAttribute("aria-label", `What was checked on the page ${title}`);
      scroll.append(table);
      made.append(scroll);
    });
    return made;
  };

  const show = (report) => {
    const pages = new Map(list(report.pages).map((page) => [new URL(page.url, home).pathname, page]));
    const total = { [PASSED]: 0, [FAILED]: 0, [NOT_RUN]: 0 };
    let missing = 0;
    const all = element("div");
    for (const row of root.querySelectorAll("tbody tr")) {
      const link = row.querySelector("a");
      const page = pages.get(new URL(link.href).pathname);
      const things = page ? list(page.things) : [];
      const counts = count(things);
      row.lastElementChild.replaceChildren(verdict(ofCounts(counts), things.length ? inWords(counts) : NOT_RUN));
      missing += things.length ? 0 : 1;
      for (const word of Object.keys(total)) total[word] += counts[word];
      if (things.length) all.append(details(page, counts, link.textContent));
    }
    const pagesMissing = missing ? `; ${missing} pages not run` : "";
    status.replaceChildren(
      verdict(missing ? ofCounts({ ...total, [NOT_RUN]: 1 }) : ofCounts(total), `${inWords(total)}${pagesMissing}`),
      ` in version ${report.version}, at ${report.date}, on the sources ${report.revision.slice(0, 12)}.`,
    );
    root.append(all);
  };

  fetch(new URL("verification.json", home), { cache: "no-cache" })
    .then((answer) => {
      if (!answer.ok) throw new Error("no report was published with this site");
      return answer.json();
    })
    .then((report) => {
      const reason = fault(report);
      if (reason) throw new Error(reason);
      show(report);
    })
    .catch((error) => {
      const reason = error instanceof SyntaxError || error instanceof TypeError ? "the report cannot be read" : error.message;
      status.replaceChildren(verdict(NOT_RUN, `Not run: ${reason}.`));
    });
})();
