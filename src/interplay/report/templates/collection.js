(() => {
  const index = document.querySelector("#index");
  const bar = document.querySelector("nav.pages");
  const stage = document.querySelector("#stage");
  const { ids, titles, rows } = JSON.parse(document.querySelector("#links").textContent);
  const style = document.querySelector("#report-style").textContent;
  const sources = new Map([...document.querySelectorAll("template[data-page]")].map((t) => [Number(t.dataset.page), t]));
  const order = [...sources.keys()];
  const opened = new Map();
  const title = document.title;
  let left = 0; // where the index was scrolled to
  let from = null; // the page that was open before

  const element = (tag, text, cls) => {
    const made = document.createElement(tag);
    if (text !== undefined) made.textContent = text;
    if (cls) made.className = cls;
    return made;
  };

  // ---- pages: each is inert until it is asked for, so that a thousand of them cost nothing

  function page(place) {
    if (!opened.has(place)) {
      const holder = element("div");
      holder.append(sources.get(place).content);
      stage.append(holder);
      for (const host of holder.querySelectorAll(".interplay-report")) { // one for each target
        openReport(); // finds the first that is not live yet
        host.shadowRoot.querySelector("style").textContent = style;
      }
      opened.set(place, holder);
    }
    return opened.get(place);
  }

  function link(anchor, place) {
    if (place === undefined) anchor.removeAttribute("href");
    else anchor.setAttribute("href", `#input-${place}`);
  }

  function route() {
    const match = /^#input-(\d+)$/.exec(location.hash);
    const place = match && sources.has(Number(match[1])) ? Number(match[1]) : null;
    if (place !== null && !index.hidden) left = scrollY;
    index.hidden = place !== null;
    bar.hidden = place === null;
    for (const [at, holder] of opened) holder.hidden = at !== place;
    if (place === null) {
      document.title = title;
      if (from !== null) {
        scrollTo(0, left);
        index.querySelector(`.inputs a[href="#input-${from}"]`)?.focus({ preventScroll: true });
      }
      from = null;
      return;
    }
    page(place).hidden = false;
    const at = order.indexOf(place);
    const name = bar.querySelector(".name");
    name.replaceChildren(ids[place], element("small", `${at + 1} of ${order.length}`));
    link(bar.querySelector(".before"), order[at - 1]);
    link(bar.querySelector(".after"), order[at + 1]);
    document.title = `${ids[place]} · ${title}`;
    scrollTo(0, 0);
    if (from === null || !bar.contains(document.activeElement)) name.focus({ preventScroll: true });
    from = place;
  }
  addEventListener("hashchange", route);

  // ---- the inputs behind an aggregated row

  document.querySelectorAll("table.shared td.which").forEach((cell, k) => {
    const button = element("button", cell.textContent);
    button.type = "button";
    button.setAttribute("aria-expanded", "false");
    cell.replaceChildren(button);
    button.addEventListener("click", () => {
      const row = cell.parentElement;
      const told = button.getAttribute("aria-expanded") === "true";
      button.setAttribute("aria-expanded", String(!told));
      if (told) return row.nextElementSibling.remove();
      const list = element("ul");
      for (const [place, value] of rows[k]) {
        const anchor = element("a");
        anchor.href = `#input-${place}`;
        anchor.append(element("b", value), element("span", `${ids[place]} ${titles[place]}`));
        const item = element("li");
        item.append(anchor);
        list.append(item);
      }
      const members = element("tr", undefined, "members");
      const wide = element("td");
      wide.colSpan = row.cells.length;
      wide.append(list);
      members.append(wide);
      row.after(members);
    });
  });

  // ---- the table of inputs: sort, filter

  const body = document.querySelector("table.inputs tbody");
  const heads = [...document.querySelectorAll("table.inputs th[data-sort]")];
  for (const head of heads) {
    const button = element("button", head.textContent);
    button.type = "button";
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const up = head.getAttribute("aria-sort") !== "ascending";
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const key = (row) => {
        const told = row.cells[head.cellIndex].dataset.key;
        return told === "" || Number.isNaN(Number(told)) ? -Infinity : Number(told);
      };
      body.append(...[...body.rows].sort((a, b) => (up ? 1 : -1) * (key(a) - key(b) || 0)));
    });
  }
  const filter = document.querySelector("#filter");
  const fold = (text) => text.normalize("NFKD").toLowerCase();
  filter.addEventListener("input", () => {
    const wanted = fold(filter.value).split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of body.rows) {
      const text = fold(row.textContent);
      row.hidden = !wanted.every((word) => text.includes(word));
      shown += !row.hidden;
    }
    document.querySelector("#shown").textContent = wanted.length ? `${shown} of ${body.rows.length}` : "";
  });
  filter.closest(".tools").hidden = body.rows.length < 6;
  index.classList.add("live");
  route();
})();
