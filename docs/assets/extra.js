// What the theme's script leaves out. It runs before that script; without any script the pages read as well.

// The theme fetches the search, a third of all bytes, on every page: here it waits until the search is opened.
const searchOpened = new Promise((opened) => {
  document.querySelector("[data-md-component=search]").addEventListener("focusin", opened, { once: true });
  document.querySelector("#__search").addEventListener("change", opened, { once: true });
  if (new URLSearchParams(location.search).has("q")) opened();
});

const { open, send } = XMLHttpRequest.prototype;
XMLHttpRequest.prototype.open = function (method, url, ...rest) {
  this.isSearchIndex = String(url).endsWith("/search/search_index.json");
  open.call(this, method, url, ...rest);
};
XMLHttpRequest.prototype.send = function (body) {
  if (this.isSearchIndex) searchOpened.then(() => send.call(this, body));
  else send.call(this, body);
};

const ThemeWorker = window.Worker;
window.Worker = class extends EventTarget {
  constructor(url) {
    super();
    this.started = searchOpened.then(() => {
      const worker = new ThemeWorker(url);
      worker.addEventListener("message", ({ data }) => this.dispatchEvent(new MessageEvent("message", { data })));
      return worker;
    });
  }
  postMessage(message) {
    this.started.then((worker) => worker.postMessage(message));
  }
};

document.addEventListener("DOMContentLoaded", () => {
  window.Worker = ThemeWorker; // the theme has started its own, any other page gets the real thing

  // Firefox keeps the state of a checkbox over a reload, and HTML has no attribute for this.
  for (const toggle of document.querySelectorAll(".md-toggle")) toggle.autocomplete = "off";

  // What scrolls sideways is reached by the keyboard. The theme takes this off code where nothing hovers.
  const scrollable = "pre > code, .md-typeset__scrollwrap, figure";
  const update = (element) => {
    const scrolls = element.scrollWidth > element.clientWidth;
    if (scrolls && element.tabIndex !== 0) element.tabIndex = 0;
    if (!scrolls && element.hasAttribute("tabindex")) element.removeAttribute("tabindex");
  };
  const resized = new ResizeObserver((entries) => entries.forEach(({ target }) => update(target)));
  const changed = new MutationObserver((records) => records.forEach(({ target }) => update(target)));

  // A copy button sits in a `nav` of its own, which is no place to navigate to.
  const nameCopyButtons = () => {
    document.querySelectorAll(".md-code__nav:not([role])").forEach((nav) => {
      const title = nav.closest(".highlight").querySelector(".filename")?.textContent ?? "this block";
      nav.setAttribute("role", "none");
      nav.querySelector("button").setAttribute("aria-label", `Copy ${title} to the clipboard`);
    });
  };
  const article = document.querySelector("article");
  const observeAll = () => {
    for (const element of article.querySelectorAll(scrollable)) {
      resized.observe(element);
      changed.observe(element, { attributeFilter: ["tabindex"] });
    }
    nameCopyButtons();
  };
  new MutationObserver(observeAll).observe(article, { childList: true, subtree: true });
  observeAll();

  // The buttons of the narrow layout are labels of hidden checkboxes; the theme lets Enter click a focused label.
  const narrow = matchMedia("(max-width: 76.234375em)");
  const reachLabels = () => {
    for (const label of document.querySelectorAll(".md-nav__item--section > label, .md-nav__title, .md-header__button")) {
      if (label.tagName === "LABEL" && !label.closest(".md-header__option")) {
        if (narrow.matches) label.tabIndex = 0;
        else label.removeAttribute("tabindex");
      }
    }
  };
  narrow.addEventListener("change", reachLabels);
  reachLabels();
});
