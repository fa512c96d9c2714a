// What one target's part of the page knows: its terms, and which of them are shown.

function runOf(main, data) {
  const scale = scaleOf(data.decimals);
  const terms = data.terms.map(([f, value, half, share, words]) => ({
    f, value, half, share, words,
    order: f.length,
    raises: value > 0,
    signed: scale.signed(value),
    interval: half ? scale.between(value - half, value + half) : "",
  }));
  // what rounds to nothing is not shown as a combination
  const together = terms.filter((term) => term.order > 1 && /[1-9]/.test(term.signed));
  const largest = Math.max(0, ...together.map((term) => Math.abs(term.value))) || 1;
  for (const term of together) term.weight = Math.abs(term.value) / largest;
  const run = { main, data, scale, terms, together, largest, shown: together, watchers: [] };
  run.watch = (watcher) => run.watchers.push(watcher);
  run.limit = (order, count) => {
    run.shown = together.filter((term) => term.order <= order).slice(0, count);
    run.byUnit = data.effects.map(() => []);
    for (const term of run.shown) for (const i of term.f) run.byUnit[i].push(term);
    for (const watcher of run.watchers) watcher();
  };
  run.limit(Infinity, Infinity);
  return run;
}

// The sliders: up to which order, and how many of the strongest.
function sliders(run) {
  const { main, together } = run;
  const [order, count] = ["order", "count"].map((name) => main.querySelector(`input[name=${name}]`));
  if (!order) return;
  const tell = () => {
    const most = Number(order.value);
    const possible = together.filter((term) => term.order <= most).length;
    // the slider moves by even steps in the root: the strongest few are what one looks at
    const share = (Number(count.value) / Number(count.max)) ** 2;
    const some = Math.max(1, Math.round(share * together.length));
    run.limit(most, some);
    order.nextElementSibling.textContent = order.value;
    count.nextElementSibling.textContent = `${run.shown.length} of ${together.length}`;
    count.setAttribute("aria-valuetext", `${Math.min(some, possible)} of ${together.length}`);
  };
  order.addEventListener("input", tell);
  count.addEventListener("input", tell);
  tell();
}
