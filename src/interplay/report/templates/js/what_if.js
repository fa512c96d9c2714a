// "What if": features are switched off in the page, and the spectrum says what it predicts then.

function whatIf(run, subject) {
  const { main, data } = run;
  const bar = main.querySelector(".what-if");
  if (!bar) return;
  const scale = scaleOf(data.whatIf.decimals);
  const { constant, draws } = data.whatIf;
  // a value that is shown is (-2)^order times its coefficient in the series
  const series = [
    { f: [], coefficient: constant, error: data.whatIf.error },
    ...data.terms.map(([f, value, half]) => ({
      f,
      coefficient: value / (-2) ** f.length,
      error: (half ?? 0) / 2 ** f.length / data.whatIf.z,
    })),
  ];
  const t = series.length;
  const steps = draws && Int8Array.from(atob(draws.data), (c) => c.charCodeAt(0));
  const off = new Set();
  const toggle = bar.querySelector("button[aria-pressed]");
  const said = bar.querySelector(".answer");

  function predict() {
    let total = 0;
    const strayed = new Float64Array(draws ? draws.count : 0);
    series.forEach(({ f, coefficient, error }, column) => {
      let kept = 0;
      for (const i of f) kept += !off.has(i);
      const sign = kept % 2 ? -1 : 1;
      total += sign * coefficient;
      const unit = draws ? sign * error * draws.scale : 0;
      for (let k = 0; k < strayed.length; k += 1) strayed[k] += unit * steps[k * t + column];
    });
    const square = strayed.reduce((sum, x) => sum + x * x, 0);
    const mean = strayed.reduce((sum, x) => sum + x, 0) / (strayed.length || 1);
    const spread = strayed.length > 1
      ? Math.sqrt(Math.max(0, square - strayed.length * mean * mean) / (strayed.length - 1))
      : null;
    return { total, spread };
  }

  const all = predict().total;

  function tell() {
    const { total, spread } = predict();
    // what the coefficients may be off by, and what the series gets wrong on random masks
    const half = spread === null ? null : data.whatIf.z * Math.hypot(spread, data.whatIf.residual);
    const value = said.querySelector(".predicted");
    value.textContent = scale.plain(total);
    value.dataset.value = total; // the whole number, for whoever reads it by a script
    const interval = said.querySelector(".spread");
    if (half !== null) {
      const [low, high] = [scale.plain(total - half), scale.plain(total + half)];
      interval.textContent = low === high ? "" : `90 % ${low} to ${high}`;
      interval.dataset.spread = spread;
    }
    const n = data.effects.length;
    const change = total - all;
    said.querySelector(".change").textContent = off.size
      ? `${/[1-9]/.test(scale.signed(change)) ? scale.signed(change) : "no change"} against all in place`
      : `every ${data.noun} in place${data.whatIf.full === null ? "" : `; measured: ${scale.plain(data.whatIf.full)}`}`;
    let names = "";
    if (off.size === n) {
      names = `all ${n} ${data.noun}s off${data.whatIf.empty === null ? "" : `; measured: ${scale.plain(data.whatIf.empty)}`}`;
    } else if (off.size) {
      const some = [...off].sort((a, b) => a - b).slice(0, 6).map((i) => elide(subject.name(i), 30));
      names = `${off.size} off: ${some.join(", ")}${off.size > 6 ? ", …" : ""}`;
    }
    said.querySelector(".names").textContent = names;
  }

  function set(i, isOff) {
    if (isOff) off.add(i);
    else off.delete(i);
    subject.units[i].classList.toggle("off", isOff);
    // said to a screen reader with the name, as a state of the option
    if (isOff) subject.units[i].setAttribute("aria-checked", "false");
    else if (subject.switching) subject.units[i].setAttribute("aria-checked", "true");
  }

  function every(rule) {
    data.effects.forEach((_, i) => set(i, rule(i)));
    tell();
  }

  toggle.addEventListener("click", () => {
    subject.pin(null);
    subject.switching = !subject.switching;
    toggle.setAttribute("aria-pressed", String(subject.switching));
    bar.classList.toggle("on", subject.switching);
    main.querySelector(".subject").classList.toggle("switching", subject.switching);
    for (const part of bar.querySelectorAll(".room")) part.hidden = !subject.switching;
    if (!subject.switching) off.clear();
    data.effects.forEach((_, i) => {
      subject.units[i].classList.toggle("off", off.has(i));
      if (subject.switching) subject.units[i].setAttribute("aria-checked", "true");
      else subject.units[i].removeAttribute("aria-checked");
    });
    tell();
  });
  subject.onSwitch = (i) => {
    set(i, !off.has(i));
    tell();
  };
  const acts = { on: () => every(() => false), off: () => every(() => true), turn: () => every((i) => !off.has(i)) };
  for (const button of bar.querySelectorAll("button[data-act]")) {
    button.addEventListener("click", acts[button.dataset.act]);
  }
  bar.hidden = false;
}
