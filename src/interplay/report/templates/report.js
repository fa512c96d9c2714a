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
  const { terms, effects, noun } = JSON.parse(root.querySelector(".links").textContent);
  const subject = root.querySelector(".subject");
  const order = [...subject.querySelectorAll("[data-i]")]; // as they stand, which is how keys move
  const units = [];
  for (const unit of order) units[unit.dataset.i] = unit;
  const aside = root.querySelector(".panel");
  const panel = aside.firstElementChild;
  const hint = panel.firstElementChild;
  const rows = [...root.querySelectorAll("tr[data-f]")];
  const byUnit = units.map(() => []);
  for (const term of terms) for (const i of term.f) byUnit[i].push(term);
  const LISTED = 6; // of one unit's partners: what fits beside a short text
  let pinned = null;
  let active = 0;

  const name = (i) => units[i].dataset.name || (units[i].querySelector("bdi") || units[i]).textContent;
  const thumb = (i) => units[i].querySelector(".thumb");
  const element = (tag, text, cls) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (cls) made.className = cls;
    return made;
  };

  function clear() {
    subject.classList.remove("focus");
    for (const unit of units) {
      unit.classList.remove("here", "partner", "with-up", "with-down");
      delete unit.dataset.v;
    }
    for (const row of rows) row.classList.remove("lit");
    root.querySelector(".arcs")?.remove();
    for (const line of subject.querySelectorAll(".edge")) line.remove();
  }

  // the outline of a region of a picture, drawn above its neighbours, which would cover half of it
  function edge(unit) {
    if (unit.localName !== "path") return;
    const line = document.createElementNS(unit.namespaceURI, "path");
    line.setAttribute("d", unit.getAttribute("d"));
    const kinds = ["here", "partner", "with-up", "with-down"].filter((kind) => unit.classList.contains(kind));
    line.setAttribute("class", ["edge", ...kinds].join(" "));
    unit.parentElement.append(line);
  }

  function mark(i, term) {
    const unit = units[i];
    if (unit.classList.contains("partner") || unit.classList.contains("here")) return; // strongest first
    unit.classList.add("partner", term.raises ? "with-up" : "with-down");
    unit.dataset.v = term.value;
    edge(unit);
  }

  function arcs(i, found) {
    const grid = subject.matches(".grid");
    if (!grid && !subject.matches(".text")) return;
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("class", "arcs");
    svg.setAttribute("aria-hidden", "true");
    const frame = subject.parentElement.getBoundingClientRect();
    const top = (unit) => {
      const box = unit.getClientRects()[0];
      return [box.left + box.width / 2 - frame.left, box.top - frame.top];
    };
    // a curve downwards leaves a cell at its lower edge
    const half = (k, bend) => (bend > 0 ? units[k].getBoundingClientRect().height : 0);
    const [x, y] = top(units[i]);
    const drawn = new Set();
    for (const term of found) for (const j of term.f) {
      if (j === i || drawn.has(j)) continue;
      drawn.add(j);
      const [u, v] = top(units[j]);
      const lift = Math.min(y, v) - Math.min(70, 14 + Math.hypot(u - x, v - y) / 5);
      const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
      // across layers the curve hangs between the rows, within one it stands above it
      const bend = (v - y) / 2;
      path.setAttribute("d", grid && Math.abs(bend) > 4
        ? `M${x} ${y + half(i, bend)}C${x} ${y + bend} ${u} ${v - bend} ${u} ${v + half(j, -bend)}`
        : `M${x} ${y}C${x} ${lift} ${u} ${lift} ${u} ${v}`);
      path.setAttribute("stroke-width", 1.2 + 3 * term.weight);
      if (!term.raises) path.setAttribute("class", "down");
      svg.append(path);
    }
    subject.parentElement.append(svg);
  }

  function describe(i, found) {
    const list = element("ul");
    for (const term of found.slice(0, LISTED)) {
      const item = element("li", undefined, term.raises ? "up" : "down");
      const words = element("span", term.words);
      if (term.interval) words.append(" ", element("small", `(${term.interval})`));
      for (const j of term.f) if (j !== i && thumb(j)) words.prepend(thumb(j).cloneNode());
      item.append(element("b", term.value), words);
      list.append(item);
    }
    const alone = element("p", `${effects[i]} by itself`);
    const together = element("p", found.length ? "and together:" : `It acts together with no other ${noun}.`);
    panel.replaceChildren(element("h3", name(i)), alone, together, list);
    if (thumb(i)) panel.firstElementChild.prepend(thumb(i).cloneNode());
    const more = found.length - LISTED;
    if (more > 0) panel.append(element("p", `and ${more} weaker`));
  }

  function show(i) {
    clear();
    const found = byUnit[i];
    units[i].classList.add("here");
    if (found.length) subject.classList.add("focus");
    for (const term of found) for (const j of term.f) if (j !== i) mark(j, term);
    edge(units[i]);
    for (const row of rows) if (row.dataset.f.split(" ").includes(String(i))) row.classList.add("lit");
    arcs(i, found.slice(0, LISTED));
    describe(i, found);
    aside.classList.add("told");
  }

  function rest() {
    if (pinned !== null) return show(pinned);
    clear();
    panel.replaceChildren(hint);
    aside.classList.remove("told");
  }

  function pin(i) {
    if (pinned !== null) units[pinned].setAttribute("aria-selected", "false");
    pinned = i === pinned ? null : i;
    if (pinned !== null) units[pinned].setAttribute("aria-selected", "true");
    if (i === null) rest();
  }

  function go(i) {
    order[active].tabIndex = -1;
    active = Math.min(Math.max(i, 0), order.length - 1);
    order[active].tabIndex = 0;
    order[active].focus();
  }

  // the nearest one in the row above or below
  function across(step) {
    const from = order[active].getBoundingClientRect();
    let best = null;
    let least = Infinity;
    order.forEach((unit, i) => {
      const { left, top } = unit.getBoundingClientRect();
      const down = (top - from.top) * step;
      const far = 1000 * down + Math.abs(left - from.left);
      if (down > from.height / 2 && far < least) [best, least] = [i, far];
    });
    go(best ?? active);
  }

  const unitOf = (event) => event.target.closest("[data-i]");
  subject.addEventListener("pointerover", (event) => {
    const unit = unitOf(event);
    if (unit && pinned === null) show(Number(unit.dataset.i));
  });
  subject.addEventListener("pointerleave", rest);
  subject.addEventListener("focusin", (event) => show(Number(unitOf(event).dataset.i)));
  subject.addEventListener("focusout", rest);
  subject.addEventListener("click", (event) => {
    const unit = unitOf(event);
    if (!unit) return pin(null);
    go(order.indexOf(unit));
    pin(Number(unit.dataset.i));
  });
  subject.addEventListener("keydown", (event) => {
    const backwards = getComputedStyle(subject).direction === "rtl";
    const steps = {
      ArrowRight: backwards ? -1 : 1, ArrowLeft: backwards ? 1 : -1, ArrowDown: 1, ArrowUp: -1,
      Home: -Infinity, End: Infinity,
    };
    if (subject.matches(".grid, .tiles") && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      across(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key in steps) go(active + steps[event.key]);
    else if (event.key === "Enter" || event.key === " ") pin(Number(order[active].dataset.i));
    else return;
    event.preventDefault();
  });
  root.addEventListener("keydown", (event) => {
    if (event.key === "Escape") pin(null);
  });
  for (const row of rows) {
    const f = row.dataset.f.split(" ").map(Number);
    const term = { f, value: row.querySelector(".value").textContent, raises: row.classList.contains("up") };
    row.addEventListener("pointerenter", () => {
      clear();
      subject.classList.add("focus");
      for (const i of f) mark(i, term);
      row.classList.add("lit");
    });
    row.addEventListener("pointerleave", rest);
  }
  root.querySelector("main").classList.add("live");
  aside.hidden = false;
})();
