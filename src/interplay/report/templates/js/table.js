// The table of combinations: sorted, searched, copied; its rows follow the sliders.

function table(run, subject) {
  const { main, data } = run;
  const section = main.querySelector(".combinations");
  const body = section?.querySelector("tbody");
  if (!body) return;
  const listed = body.rows.length;
  const search = section.querySelector("input[type=search]");
  const singles = section.querySelector("input[type=checkbox]");
  const status = section.querySelector(".status");
  const more = section.querySelector("button.more");
  const heads = [...section.querySelectorAll("th[data-sort]")];
  const keys = {
    words: (term) => term.words,
    value: (term) => term.value,
    order: (term) => term.order,
    share: (term) => term.share,
  };
  const fold = (text) => text.normalize("NFKD").toLowerCase();
  let sorted = null; // key and direction
  let whole = false; // every row, or the first ones
  const alone = run.terms.filter((term) => term.order === 1 && /[1-9]/.test(term.signed));

  // one axis for all rows of the table, with zero on it
  const ends = [0];
  for (const term of run.together) ends.push(term.value - (term.half ?? 0), term.value + (term.half ?? 0));
  const room = 0.04 * (Math.max(...ends) - Math.min(...ends)) || 1;
  const [low, high] = [Math.min(...ends) - room, Math.max(...ends) + room];
  const at = (value) => `${Math.min(Math.max((100 * (value - low)) / (high - low), 0), 100).toFixed(2)}%`;

  function found() {
    const wanted = fold(search.value).split(/\s+/).filter(Boolean);
    const place = new Map(run.terms.map((term, k) => [term, k]));
    let terms = singles.checked ? [...run.shown, ...alone].sort((a, b) => place.get(a) - place.get(b)) : run.shown;
    terms = terms.filter((term) => {
      const words = wanted.length ? fold(term.words) : "";
      return wanted.every((word) => words.includes(word));
    });
    if (sorted) {
      const key = keys[sorted.key];
      const sign = sorted.up ? 1 : -1;
      terms = [...terms].sort((a, b) => {
        const [x, y] = [key(a), key(b)];
        return sign * (typeof x === "string" ? x.localeCompare(y) : x - y);
      });
    }
    return terms;
  }

  function whisker(term) {
    const made = element("span", undefined, "whisker");
    made.setAttribute("aria-hidden", "true");
    made.style.setProperty("--value", at(term.value));
    if (term.half) {
      made.style.setProperty("--low", at(term.value - term.half));
      made.style.setProperty("--high", at(term.value + term.half));
    }
    return made;
  }

  function row(term, rank) {
    const made = element("tr", undefined, term.raises ? "up" : "down");
    made.dataset.f = term.f.join(" ");
    const name = element("th");
    name.scope = "row";
    name.append(element("bdi", term.words, "name"));
    const interval = element("td", undefined, "wide");
    interval.append(whisker(term), element("span", term.interval || data.noInterval, "ends"));
    made.append(
      element("td", String(rank), "rank"), name, element("td", term.signed, "number value"), interval,
      element("td", String(term.order), "number order"), element("td", percent(term.share), "number"),
    );
    made.addEventListener("pointerenter", () => {
      subject.lightTerm(term);
      made.classList.add("lit");
    });
    made.addEventListener("pointerleave", () => {
      made.classList.remove("lit");
      subject.rest();
    });
    return made;
  }

  const rank = new Map(run.together.map((term, k) => [term, k + 1]));

  function tell() {
    const terms = found();
    const cut = whole ? terms : terms.slice(0, Math.max(listed, 10));
    body.replaceChildren(...cut.map((term) => row(term, rank.get(term) ?? "")));
    status.textContent = terms.length < run.together.length || singles.checked
      ? `${terms.length} found` : "";
    more.hidden = cut.length === terms.length;
    more.textContent = `Show all ${terms.length}`;
  }

  for (const head of heads) {
    const button = element("button", head.textContent);
    button.type = "button";
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const key = head.dataset.sort;
      const first = key === "words"; // of numbers the largest come first
      const up = sorted?.key === key ? !sorted.up : first;
      sorted = sorted?.key === key && sorted.up !== first ? null : { key, up };
      for (const other of heads) other.removeAttribute("aria-sort");
      if (sorted) head.setAttribute("aria-sort", up ? "ascending" : "descending");
      tell();
    });
  }
  search.addEventListener("input", tell);
  singles.addEventListener("change", tell);
  more.addEventListener("click", () => {
    whole = true;
    tell();
  });
  run.watch(tell);

  function csv() {
    const cell = (text) => `"${text.replaceAll('"', '""')}"`;
    const lines = [["features", "names", "order", "value", "low", "high", "share"].join(",")];
    for (const term of found()) {
      const ends = term.half ? [term.value - term.half, term.value + term.half] : ["", ""];
      const names = JSON.stringify(term.f.map((i) => subject.name(i)));
      lines.push([term.f.join(" "), cell(names), term.order, term.value, ...ends, term.share].join(","));
    }
    return `${lines.join("\r\n")}\r\n`;
  }
  section.querySelector("button.copy").addEventListener("click", async () => {
    const text = csv();
    try {
      await navigator.clipboard.writeText(text);
    } catch { // a page that may not write to the clipboard: the old way
      const area = element("textarea", text);
      section.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
    status.textContent = `${text.split("\r\n").length - 2} rows copied`;
  });
  for (const part of section.querySelectorAll("[data-live]")) part.hidden = false;
}
