// What the theme leaves out for readers who use a keyboard or a screen reader. Every page reads as well without it.

// The name of the search dialog, and the voice of "Copied to clipboard": a screen reader announces a status.
document.querySelector(".md-search[role=dialog]")?.setAttribute("aria-label", "Search");
document.querySelector(".md-dialog")?.setAttribute("role", "status");
// Firefox keeps an open menu open over a reload, and HTML has no attribute against this for a checkbox.
for (const toggle of document.querySelectorAll(".md-toggle")) toggle.autocomplete = "off";

// The keyboard reaches what scrolls sideways. The theme takes this off code where nothing hovers, and then reports it.
const reach = (element, scrolls) => {
  if (scrolls) element.tabIndex = 0;
  else element.removeAttribute("tabindex");
};
const resized = new ResizeObserver((entries) => {
  for (const { target } of entries) reach(target, target.scrollWidth > target.clientWidth);
});
for (const wide of document.querySelectorAll("article :is(pre > code, figure)")) resized.observe(wide);
window.component$?.subscribe(({ ref, scrollable }) => {
  if (scrollable !== undefined) {
    reach(ref, scrollable);
    const nav = ref.parentElement.querySelector(".md-code__nav"); // landmarks of one kind need names
    if (nav) nav.ariaLabel = ref.parentElement.id.replace("__code_", "Code block ");
  } else if (ref.matches("table")) {
    resized.observe(ref.closest(".md-typeset__scrollwrap"));
  }
});

// In the header of the narrow layout, labels of hidden checkboxes open menu and search: a button in each can have focus.
const drawer = document.querySelector("#__drawer");
for (const [id, name] of [["__drawer", "Menu"], ["__search", "Search"]]) {
  const label = document.querySelector(`.md-header__inner > label[for=${id}]`);
  if (!label) continue;
  const button = document.createElement("button");
  button.ariaLabel = name;
  button.append(...label.childNodes);
  button.addEventListener("click", () => document.getElementById(id).click());
  label.append(button);
}

// While the menu is open, the focus is in it, and Escape closes it.
drawer?.addEventListener("change", () => {
  const menu = document.querySelector(".md-sidebar--primary");
  for (const part of document.querySelectorAll(".md-skip, .md-header, .md-content, .md-top, .md-footer")) {
    part.inert = drawer.checked;
  }
  const stops = [...menu.querySelectorAll("a[href], .md-toggle")];
  if (drawer.checked) stops.find((stop) => stop.checkVisibility({ visibilityProperty: true }))?.focus();
  else document.querySelector("[for=__drawer] > button").focus();
});
document.addEventListener("keydown", ({ key }) => {
  if (key === "Escape" && drawer?.checked) drawer.click();
});

// A page that was opened as a file can load neither the search nor a module: it says so, and what to do.
const note = document.querySelector("#opened-as-file");
if (note && location.protocol === "file:") {
  note.hidden = false;
  document.querySelector(".md-search-result__meta").textContent = note.textContent;
}

// The link to the Markdown of a page copies it. Where this fails, it opens the Markdown.
document.querySelector(".copy-markdown")?.addEventListener("click", async (event) => {
  event.preventDefault();
  const link = event.target;
  const copy = async () => navigator.clipboard.writeText(await (await fetch(link.href)).text());
  copy().then(() => (link.textContent = "Copied"), () => location.assign(link.href));
});
