// The features as they are drawn: pointing at one lights what it acts together with.

function subjectOf(run) {
  const { main, data } = run;
  const stage = main.querySelector(".subject");
  const order = [...stage.querySelectorAll("[data-i]")]; // as they stand, which is how keys move
  const units = [];
  for (const unit of order) units[unit.dataset.i] = unit;
  const aside = main.querySelector(".panel");
  const panel = aside.firstElementChild;
  const hint = panel.firstElementChild;
  const LISTED = 6; // of one unit's partners: what fits beside a short text
  let marked = []; // units and rows that carry a sign, to be taken off again
  let pinned = null;
  let active = 0;

  const name = (i) => data.names[i];
  const thumb = (i) => units[i].querySelector(".thumb");

  function clear() {
    stage.classList.remove("focus");
    for (const unit of marked) {
      unit.classList.remove("here", "partner", "with-up", "with-down", "lit");
      delete unit.dataset.v;
    }
    marked = [];
    main.querySelector(".arcs")?.remove();
    for (const line of stage.querySelectorAll(".edge")) line.remove();
  }

  // the outline of a region of a picture, drawn above its neighbours, which would cover half of it
  function edge(unit) {
    if (unit.localName !== "path") return;
    const kinds = ["here", "partner", "with-up", "with-down"].filter((kind) => unit.classList.contains(kind));
    unit.parentElement.append(drawn("path", { d: unit.getAttribute("d"), class: ["edge", ...kinds].join(" ") }));
  }

  function mark(i, term) {
    const unit = units[i];
    if (unit.classList.contains("partner") || unit.classList.contains("here")) return; // strongest first
    unit.classList.add("partner", term.raises ? "with-up" : "with-down");
    unit.dataset.v = term.signed;
    marked.push(unit);
    edge(unit);
  }

  // links from one unit to its partners, on a layer above the text, the grid or the picture
  function arcs(i, found) {
    const grid = stage.matches(".grid");
    const picture = stage.matches(".picture");
    if (!grid && !picture && !stage.matches(".text")) return;
    const svg = drawn("svg", { class: "arcs", "aria-hidden": "true" });
    const frame = stage.parentElement.getBoundingClientRect();
    const place = (unit) => {
      const box = picture ? unit.getBoundingClientRect() : unit.getClientRects()[0];
      const middle = picture && unit.localName === "path" ? box.height / 2 : 0;
      return [box.left + box.width / 2 - frame.left, box.top + middle - frame.top];
    };
    // a curve downwards leaves a cell at its lower edge
    const half = (k, bend) => (bend > 0 ? units[k].getBoundingClientRect().height : 0);
    const [x, y] = place(units[i]);
    const reached = new Set();
    for (const term of found) for (const j of term.f) {
      if (j === i || reached.has(j)) continue;
      reached.add(j);
      const [u, v] = place(units[j]);
      // not so high that it crosses what stands above
      const lift = Math.max(Math.min(y, v) - Math.min(70, 14 + Math.hypot(u - x, v - y) / 5), -8);
      const bend = (v - y) / 2;
      let d = `M${x} ${y}C${x} ${lift} ${u} ${lift} ${u} ${v}`;
      // across layers the curve hangs between the rows, within one it stands above it
      if (grid && Math.abs(bend) > 4) d = `M${x} ${y + half(i, bend)}C${x} ${y + bend} ${u} ${v - bend} ${u} ${v + half(j, -bend)}`;
      if (picture) d = `M${x} ${y}Q${(x + u) / 2 + (v - y) / 6} ${(y + v) / 2 - (u - x) / 6} ${u} ${v}`;
      const width = (picture ? 2.2 : 1.2) + 3 * term.weight;
      if (picture) svg.append(drawn("path", { d, class: "halo", "stroke-width": width + 2 }));
      svg.append(drawn("path", { d, class: term.raises ? "up" : "down", "stroke-width": width }));
    }
    stage.parentElement.append(svg);
  }

  function describe(i, found) {
    const list = element("ul");
    for (const term of found.slice(0, LISTED)) {
      const item = element("li", undefined, term.raises ? "up" : "down");
      const words = element("span", term.words);
      if (term.interval) words.append(" ", element("small", `(${term.interval})`));
      for (const j of term.f) if (j !== i && thumb(j)) words.prepend(thumb(j).cloneNode());
      item.append(element("b", term.signed), words);
      list.append(item);
    }
    const alone = element("p", `${data.effects[i]} by itself`);
    const together = element("p", found.length ? "and together:" : `It acts together with no other ${data.noun}.`);
    panel.replaceChildren(element("h3", name(i)), alone, together, list);
    if (thumb(i)) panel.firstElementChild.prepend(thumb(i).cloneNode());
    const more = found.length - LISTED;
    if (more > 0) panel.append(element("p", `and ${more} weaker`));
    aside.classList.add("told");
    // what is longer than its place is scrolled with the keys, once the tab key comes to it
    if (panel.scrollHeight > panel.clientHeight) panel.tabIndex = 0;
    else panel.removeAttribute("tabindex");
  }

  function show(i) {
    const found = run.byUnit[i];
    if (subject.switching) return describe(i, found); // what is lit would be mistaken for what is off
    clear();
    units[i].classList.add("here");
    marked.push(units[i]);
    if (found.length) stage.classList.add("focus");
    for (const term of found) for (const j of term.f) if (j !== i) mark(j, term);
    edge(units[i]);
    for (const row of main.querySelectorAll(`tr[data-f~="${i}"]`)) {
      row.classList.add("lit");
      marked.push(row);
    }
    arcs(i, found.slice(0, LISTED));
    describe(i, found);
  }

  function rest() {
    if (pinned !== null) return show(pinned);
    clear();
    panel.replaceChildren(hint);
    panel.removeAttribute("tabindex");
    aside.classList.remove("told");
  }

  function lightTerm(term) {
    clear();
    stage.classList.add("focus");
    for (const i of term.f) mark(i, term);
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
    order[active].focus({ preventScroll: subject.switching });
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

  const subject = { units, name, rest, lightTerm, pin, show, switching: false, onSwitch: null };
  const act = (i) => (subject.switching ? subject.onSwitch(i) : pin(i));
  const unitOf = (event) => event.target.closest("[data-i]");
  stage.addEventListener("pointerover", (event) => {
    const unit = unitOf(event);
    if (unit && pinned === null) show(Number(unit.dataset.i));
  });
  stage.addEventListener("pointerleave", rest);
  stage.addEventListener("focusin", (event) => show(Number(unitOf(event).dataset.i)));
  stage.addEventListener("focusout", rest);
  stage.addEventListener("click", (event) => {
    const unit = unitOf(event);
    if (!unit) return pin(null);
    act(Number(unit.dataset.i));
    go(order.indexOf(unit));
  });
  stage.addEventListener("keydown", (event) => {
    const backwards = getComputedStyle(stage).direction === "rtl";
    const steps = {
      ArrowRight: backwards ? -1 : 1, ArrowLeft: backwards ? 1 : -1, ArrowDown: 1, ArrowUp: -1,
      Home: -Infinity, End: Infinity,
    };
    if (stage.matches(".grid, .tiles") && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      across(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key in steps) go(active + steps[event.key]);
    else if (event.key === "Enter" || event.key === " ") act(Number(order[active].dataset.i));
    else return;
    event.preventDefault();
  });
  main.addEventListener("keydown", (event) => {
    if (event.key === "Escape") pin(null);
  });
  // rows that the page brought along, of pairs of examples
  for (const row of main.querySelectorAll("table.partners tr[data-f]")) {
    const term = {
      f: row.dataset.f.split(" ").map(Number),
      signed: row.querySelector(".value").textContent,
      raises: row.classList.contains("up"),
    };
    row.addEventListener("pointerenter", () => {
      lightTerm(term);
      row.classList.add("lit");
      marked.push(row);
    });
    row.addEventListener("pointerleave", rest);
  }
  run.watch(() => {
    if (pinned !== null) show(pinned);
  });
  main.classList.add("live");
  aside.hidden = false;
  return subject;
}
