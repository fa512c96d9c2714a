// A notebook inserts the page as a fragment, and fragments do not open declarative shadow roots.
(() => {
  for (const host of document.querySelectorAll(".interplay-comparison")) {
    const template = host.querySelector("template");
    if (host.shadowRoot || !template) continue;
    host.attachShadow({ mode: "open" }).append(template.content);
    template.remove();
  }
})();
