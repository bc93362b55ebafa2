// What the theme's script leaves out, and when that script comes. Without any script the pages read as well.

// The theme fetches the search, a third of all bytes, on every page: here it waits until the search is opened.
const delaySearch = () => {
  const opened = new Promise((open) => {
    document.querySelector("[data-md-component=search]").addEventListener("focusin", open, { once: true });
    document.querySelector("#__search").addEventListener("change", open, { once: true });
    if (new URLSearchParams(location.search).has("q")) open();
  });

  const { open, send } = XMLHttpRequest.prototype;
  XMLHttpRequest.prototype.open = function (method, url, ...rest) {
    this.isSearchIndex = String(url).endsWith("/search/search_index.json");
    open.call(this, method, url, ...rest);
  };
  XMLHttpRequest.prototype.send = function (body) {
    if (this.isSearchIndex) opened.then(() => send.call(this, body));
    else send.call(this, body);
  };

  const BrowserWorker = window.Worker;
  class SearchWorker extends EventTarget {
    constructor(url) {
      super();
      this.started = opened.then(() => {
        const worker = new BrowserWorker(url);
        worker.addEventListener("message", ({ data }) => this.dispatchEvent(new MessageEvent("message", { data })));
        return worker;
      });
    }
    // A query with markup or punctuation of its own, as copied from an answer or a traceback, is searched by its words.
    postMessage(message) {
      if (typeof message.data === "string") {
        const words = message.data.replace(/<[^>]*>|["'<>()[\]=:]|\.(?!\d)/g, (part) => ` ${part.replace(/\W/g, " ")} `);
        message = { ...message, data: words.trim() };
      }
      this.started.then((worker) => worker.postMessage(message));
    }
  }
  window.Worker = function (url, options) {
    return String(url).includes("/workers/search.") ? new SearchWorker(url) : new BrowserWorker(url, options);
  };
};
if (document.forms.namedItem("search")) delaySearch(); // Zensical has no such form, and a search of its own

// Copy buttons, made at once and named by what they copy: the theme measures the page again for each that it makes.
const article = document.querySelector("article");
article.querySelectorAll(".highlight pre > code").forEach((code, index) => {
  code.id = `code-${index}`;
  const button = document.createElement("button");
  button.className = "md-code__button";
  button.dataset.clipboardTarget = `#${code.id}`;
  button.dataset.mdType = "copy";
  const title = code.closest(".highlight").querySelector(".filename")?.textContent ?? "this block";
  button.title = `Copy ${title} to the clipboard`;
  const place = document.createElement("div");
  place.className = "md-code__nav";
  place.append(button);
  code.before(place);
});

// What scrolls sideways is reached by the keyboard. The theme takes this off code where nothing hovers.
const update = (element) => {
  const scrolls = element.scrollWidth > element.clientWidth;
  if (scrolls && element.tabIndex !== 0) element.tabIndex = 0;
  if (!scrolls && element.hasAttribute("tabindex")) element.removeAttribute("tabindex");
};
const resized = new ResizeObserver((entries) => entries.forEach(({ target }) => update(target)));
const changed = new MutationObserver((records) => records.forEach(({ target }) => update(target)));
const observeAll = () => {
  for (const element of article.querySelectorAll("pre > code, .md-typeset__scrollwrap, figure")) {
    resized.observe(element);
    changed.observe(element, { attributeFilter: ["tabindex"] });
  }
};
new MutationObserver(observeAll).observe(article, { childList: true, subtree: true });
observeAll();

// The two buttons in the header of the narrow layout are labels of hidden checkboxes: here they become buttons.
const drawer = document.querySelector("#__drawer");
for (const [id, name] of [["__drawer", "Menu"], ["__search", "Search"]]) {
  const label = document.querySelector(`.md-header__inner > label[for=${id}]`);
  if (!label) continue;
  const button = document.createElement("button");
  button.className = label.className;
  button.setAttribute("for", id); // by which the theme finds it
  button.setAttribute("aria-label", name);
  button.append(...label.childNodes);
  button.addEventListener("click", () => document.getElementById(id).click());
  label.replaceWith(button);
}

// The parts of its menu open by labels too. The theme lets Enter click a focused label.
const narrow = matchMedia("(max-width: 76.234375em)");
const reachLabels = () => {
  for (const label of document.querySelectorAll(".md-nav__item--section > label, label.md-nav__title, label[for=__toc]")) {
    if (narrow.matches) label.tabIndex = 0;
    else label.removeAttribute("tabindex");
  }
};
narrow.addEventListener("change", reachLabels);
reachLabels();

// While the menu is open, the page is out of reach, and the keyboard is in the part of the menu that is seen.
const menu = document.querySelector(".md-sidebar--primary");
const enter = (part) => {
  const stops = [...part.querySelectorAll("a[href], label[tabindex]")];
  const seen = (stop) => stop.checkVisibility({ visibilityProperty: true });
  requestAnimationFrame(() => requestAnimationFrame(() => stops.find(seen)?.focus()));
};
drawer.addEventListener("change", () => {
  const open = drawer.checked && narrow.matches;
  for (const part of document.querySelectorAll(".md-skip, .md-header, .md-content, .md-top, .md-footer")) part.inert = open;
  if (open) enter(menu);
  else document.querySelector(".md-header__button[for=__drawer]").focus();
});
menu.addEventListener("change", ({ target: { checked, parentElement } }) => {
  if (!narrow.matches) return;
  if (checked) enter(parentElement.querySelector(":scope > .md-nav"));
  else parentElement.querySelector(":scope > label").focus();
});
document.addEventListener("keydown", (event) => {
  if (event.key === " " && document.activeElement.matches("label")) {
    event.preventDefault();
    document.activeElement.click();
  }
  if (event.key === "Escape" && drawer.checked) drawer.click();
});

// Firefox keeps the state of a checkbox over a reload, and HTML has no attribute for this.
for (const toggle of document.querySelectorAll(".md-toggle")) toggle.autocomplete = "off";

// The theme's script comes after the first paint, so that it competes with nothing that is there to be read.
const late = document.querySelector("#after-first-paint");
const loadTheme = () => {
  late.content.querySelector("script").addEventListener("load", () => {
    document.dispatchEvent(new Event("DOMContentLoaded")); // the theme waits for it, and the browser's own is past
  });
  late.replaceWith(late.content);
};
// The second frame begins when the first is painted; a page in the background is not painted at all.
if (document.hidden) loadTheme();
else requestAnimationFrame(() => requestAnimationFrame(loadTheme));
