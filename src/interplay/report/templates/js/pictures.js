// Two pictures of the combinations that are shown: a network, and an UpSet plot.

function pictures(run, subject) {
  const { main, data } = run;
  const section = main.querySelector(".combinations");
  if (!section) return;
  const tabs = [...section.querySelectorAll("[role=tab]")];
  const panels = tabs.map((tab) => section.querySelector(`#${tab.getAttribute("aria-controls")}`));
  const draw = [() => {}, network, upset];
  let open = 0;

  const label = (i, width) => elide(subject.name(i), width);
  const title = (term) => drawn("title", {}, `${term.words}: ${term.signed}${term.interval ? ` (${term.interval})` : ""}`);

  // ---- the network: features on a circle in their own order, a line for each pair, and a small
  // star for each larger group

  const [NODES, LINKS] = [26, 40];

  function strongestAmongFew() {
    const nodes = new Set();
    const terms = [];
    for (const term of run.shown) {
      const added = term.f.filter((i) => !nodes.has(i));
      if (nodes.size + added.length > NODES) continue;
      for (const i of added) nodes.add(i);
      terms.push(term);
      if (terms.length === LINKS) break;
    }
    return { nodes: [...nodes].sort((a, b) => a - b), terms };
  }

  function network(panel) {
    const { nodes, terms } = strongestAmongFew();
    const [R, WIDTH] = [170, 660];
    // room above and below for the longest name, which may stand upright there
    const HEIGHT = 2 * (R + 24 + 7 * Math.max(0, ...nodes.map((i) => label(i, 20).length)));
    const angle = new Map(nodes.map((i, k) => [i, (2 * Math.PI * (k + 0.5)) / nodes.length - Math.PI / 2]));
    const at = (i, r = R) => [WIDTH / 2 + r * Math.cos(angle.get(i)), HEIGHT / 2 + r * Math.sin(angle.get(i))];
    const svg = drawn("svg", {
      class: "net", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img",
      "aria-label": `Network of the ${terms.length} strongest combinations of ${nodes.length} ${data.noun}s; the table lists them.`,
    });
    const lines = new Map(nodes.map((i) => [i, []]));
    for (const term of [...terms].reverse()) {
      const group = drawn("g", { class: term.raises ? "link up" : "link down", "stroke-width": (0.8 + 4.2 * term.weight).toFixed(2) });
      const places = term.f.map((i) => at(i));
      const centre = [0, 1].map((axis) => places.reduce((sum, p) => sum + p[axis], 0) / places.length);
      // towards the middle, less for neighbours, whose line would be a loop
      const apart = Math.hypot(places[0][0] - places.at(-1)[0], places[0][1] - places.at(-1)[1]) / (2 * R);
      const inner = centre.map((value, axis) => value + ([WIDTH, HEIGHT][axis] / 2 - value) * (0.12 + 0.4 * apart));
      if (term.order === 2) {
        const [[x, y], [u, v]] = places;
        group.append(drawn("path", { d: `M${x.toFixed(1)} ${y.toFixed(1)}Q${inner[0].toFixed(1)} ${inner[1].toFixed(1)} ${u.toFixed(1)} ${v.toFixed(1)}` }));
      } else {
        for (const [x, y] of places) group.append(drawn("path", { d: `M${inner[0].toFixed(1)} ${inner[1].toFixed(1)}L${x.toFixed(1)} ${y.toFixed(1)}` }));
        group.append(drawn("circle", { cx: inner[0].toFixed(1), cy: inner[1].toFixed(1), r: 3.5, class: "hub" }));
      }
      group.append(title(term));
      group.addEventListener("pointerenter", () => {
        subject.lightTerm(term);
        svg.classList.add("focus");
        group.classList.add("lit");
      });
      group.addEventListener("pointerleave", () => {
        svg.classList.remove("focus");
        group.classList.remove("lit");
        subject.rest();
      });
      for (const i of term.f) lines.get(i).push(group);
      svg.append(group);
    }
    const effects = new Map(run.terms.filter((term) => term.order === 1).map((term) => [term.f[0], term]));
    const most = Math.max(0, ...[...effects.values()].map((term) => Math.abs(term.value))) || 1;
    for (const i of nodes) {
      const effect = effects.get(i);
      const [x, y] = at(i);
      const size = 4 + 7 * Math.sqrt(Math.abs(effect?.value ?? 0) / most);
      const [u, v] = at(i, R + size + 7);
      const turn = (angle.get(i) * 180) / Math.PI;
      const left = Math.cos(angle.get(i)) < 0;
      const text = drawn("text", {
        x: u.toFixed(1), y: v.toFixed(1), "text-anchor": left ? "end" : "start", "dominant-baseline": "central",
        transform: `rotate(${(left ? turn - 180 : turn).toFixed(1)} ${u.toFixed(1)} ${v.toFixed(1)})`,
      }, label(i, 20));
      const node = drawn("g", { class: `node ${effect ? (effect.raises ? "up" : "down") : ""}` },
        drawn("circle", { cx: x.toFixed(1), cy: y.toFixed(1), r: size.toFixed(1) }), text,
        drawn("title", {}, `${subject.name(i)}: ${data.effects[i]} by itself`));
      node.addEventListener("pointerenter", () => {
        svg.classList.add("focus");
        for (const line of lines.get(i)) line.classList.add("lit");
        node.classList.add("lit");
        subject.show(i);
      });
      node.addEventListener("pointerleave", () => {
        svg.classList.remove("focus");
        for (const line of lines.get(i)) line.classList.remove("lit");
        node.classList.remove("lit");
        subject.rest();
      });
      svg.append(node);
    }
    const told = terms.length < run.shown.length ? `The ${terms.length} strongest combinations among ${nodes.length} ${data.noun}s. ` : "";
    const key = element("p", `${told}A line joins a pair, a star a larger group; the wider, the stronger; dashed lines lower. A circle is as large as what its ${data.noun} does by itself; hollow ones lower.`, "lead");
    panel.replaceChildren(key, svg);
  }

  // ---- UpSet: a column for each combination, a row for each feature in it

  const COLUMNS = 24;

  function upset(panel) {
    const terms = run.shown.slice(0, COLUMNS);
    const rows = [...new Set(terms.flatMap((term) => term.f))].sort((a, b) => a - b);
    const [LEFT, STEP, LINE, BARS, TOP] = [170, 26, 20, 150, 22];
    const width = LEFT + STEP * terms.length + 12;
    const height = TOP + BARS + 16 + LINE * rows.length + 6;
    const ends = [0];
    for (const term of terms) ends.push(term.value - (term.half ?? 0), term.value + (term.half ?? 0));
    const [low, high] = [Math.min(...ends), Math.max(...ends)];
    const y = (value) => TOP + (BARS * (high - value)) / (high - low || 1);
    const x = (k) => LEFT + STEP * (k + 0.5);
    const line = (i) => TOP + BARS + 16 + LINE * (rows.indexOf(i) + 0.5);
    const svg = drawn("svg", {
      class: "upset", viewBox: `0 0 ${width} ${height}`, width, height, role: "img",
      "aria-label": `UpSet plot of the ${terms.length} strongest combinations; the table lists them.`,
    });
    rows.forEach((i, k) => {
      if (k % 2 === 0) svg.append(drawn("rect", { class: "stripe", x: 0, y: line(i) - LINE / 2, width, height: LINE }));
      svg.append(drawn("text", { x: LEFT - 8, y: line(i), "text-anchor": "end", "dominant-baseline": "central" }, label(i, 22), drawn("title", {}, `${subject.name(i)}: ${data.effects[i]} by itself`)));
    });
    svg.append(
      drawn("line", { class: "zero", x1: LEFT, x2: width, y1: y(0), y2: y(0) }),
      drawn("text", { class: "tick", x: LEFT - 8, y: y(0), "text-anchor": "end", "dominant-baseline": "central" }, "0"),
    );
    for (const end of [low, high]) {
      if (Math.abs(y(end) - y(0)) < 14) continue;
      svg.append(drawn("text", { class: "tick", x: LEFT - 8, y: y(end), "text-anchor": "end", "dominant-baseline": "central" }, run.scale.signed(end)));
    }
    terms.forEach((term, k) => {
      const column = drawn("g", { class: term.raises ? "column up" : "column down" },
        drawn("rect", { class: "hit", x: x(k) - STEP / 2, y: 0, width: STEP, height }),
        drawn("rect", { class: "rise", x: x(k) - 8, y: Math.min(y(0), y(term.value)), width: 16, height: Math.max(1, Math.abs(y(term.value) - y(0))) }));
      if (term.half) column.append(drawn("line", { class: "error", x1: x(k), x2: x(k), y1: y(term.value - term.half), y2: y(term.value + term.half) }));
      const lines = term.f.map(line);
      column.append(drawn("line", { class: "join", x1: x(k), x2: x(k), y1: Math.min(...lines), y2: Math.max(...lines) }));
      for (const at of lines) column.append(drawn("circle", { cx: x(k), cy: at, r: 5 }));
      column.append(title(term));
      column.addEventListener("pointerenter", () => subject.lightTerm(term));
      column.addEventListener("pointerleave", subject.rest);
      svg.append(column);
    });
    const scroll = element("div", undefined, "scroll");
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", "UpSet plot");
    scroll.append(svg);
    const key = element("p", `Each column is a combination, the dots below say of which ${data.noun}s; its bar is what it adds beyond its parts${terms.some((term) => term.half) ? ", with the 90 % interval" : ""}. Bars that lower are hollow.`, "lead");
    panel.replaceChildren(key, scroll);
  }

  function show(k, focus) {
    open = k;
    tabs.forEach((tab, j) => {
      tab.setAttribute("aria-selected", String(j === k));
      tab.tabIndex = j === k ? 0 : -1;
      panels[j].hidden = j !== k;
    });
    draw[k](panels[k]);
    if (focus) tabs[k].focus();
  }
  tabs.forEach((tab, k) => {
    tab.addEventListener("click", () => show(k));
    tab.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (step) show((open + step + tabs.length) % tabs.length, true);
    });
  });
  run.watch(() => draw[open](panels[open]));
  show(0);
}
