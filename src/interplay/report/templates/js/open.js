// Finds the report that belongs to this script, opens it, and brings each target's part to life.

(() => {
  // Some notebooks run a script elsewhere than where it stands; the others are live already.
  const before = document.currentScript?.previousElementSibling;
  const host = before?.matches(".interplay-report") ? before : document.querySelector(".interplay-report:not([data-live])");
  if (!host) return;
  host.dataset.live = "";
  // A notebook inserts the report as a fragment, and fragments do not open declarative shadow roots.
  const template = host.querySelector("template");
  if (!host.shadowRoot && template) {
    host.attachShadow({ mode: "open" }).append(template.content);
    template.remove();
  }
  const root = host.shadowRoot;
  const parts = [...root.querySelectorAll("main")];
  const data = JSON.parse(root.querySelector(".data").textContent);
  const opened = new Set();

  function open(k) { // each when it is first seen: a page may have many
    if (opened.has(k)) return;
    opened.add(k);
    const run = runOf(parts[k], data[k]);
    const subject = subjectOf(run);
    whatIf(run, subject);
    table(run, subject);
    pictures(run, subject);
    sliders(run);
  }

  const links = [...root.querySelectorAll("nav.targets a")];
  function show(k) {
    parts.forEach((part, j) => { part.hidden = j !== k; });
    links.forEach((link, j) => (j === k ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current")));
    open(k);
  }
  links.forEach((link, k) => link.addEventListener("click", (event) => {
    event.preventDefault();
    show(k);
  }));
  show(0);
})();
