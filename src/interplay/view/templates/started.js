// Runs that were started here: the form, and how far they are.

const started = document.querySelector("#started");
const items = new Map(); // number -> what is shown of the run
const ENDED = ["done", "stopped", "failed"];
const WORDS = {
  waiting: "waiting", loading: "loading the model", fitting: "fitting",
  done: "done", stopped: "stopped", failed: "failed",
};

function made(tag, name) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  return element;
}

function item(run) {
  const whole = made("li");
  const title = made("bdi", "title");
  title.textContent = run.question ? `${run.question} — ${run.title}` : run.title;
  const phase = made("span", "phase");
  const progress = made("progress");
  progress.setAttribute("aria-label", `Progress: ${run.title}`);
  const told = made("p", "told");
  const stop = made("button");
  stop.type = "button";
  stop.textContent = "Stop";
  stop.addEventListener("click", async () => {
    stop.disabled = true;
    try {
      await ask("/api/stop", { number: run.number });
    } catch (error) {
      say(told, error.message);
    }
  });
  const link = made("a");
  link.textContent = "Open";
  whole.append(title, phase, progress, stop, link, told);
  return { whole, phase, progress, stop, link, told, was: null };
}

function follow(runs) {
  started.hidden = !runs.length;
  const numbers = new Set(runs.map((run) => run.number));
  for (const [number, shown] of items) {
    if (numbers.has(number)) continue;
    shown.whole.remove();
    items.delete(number);
  }
  let ended = false;
  for (const run of [...runs].reverse()) { // the newest ends up on top
    if (!items.has(run.number)) {
      items.set(run.number, item(run));
      started.querySelector("ol").prepend(items.get(run.number).whole);
    }
    const shown = items.get(run.number);
    const over = ENDED.includes(run.phase);
    shown.whole.className = run.phase;
    const counted = run.total === null ? "" : `${run.done.toLocaleString("en")} of ${run.total.toLocaleString("en")} evaluations`;
    shown.phase.textContent = run.phase === "evaluating" ? counted
      : over && run.seconds !== null ? `${WORDS[run.phase]}, ${run.seconds} s` : WORDS[run.phase];
    if (run.stopping && run.phase !== "fitting") shown.phase.textContent += "; finishing the batch";
    shown.progress.hidden = over;
    if (run.phase === "evaluating" || run.phase === "fitting") {
      shown.progress.max = run.total || 1;
      shown.progress.value = run.done;
    } else shown.progress.removeAttribute("value");
    shown.stop.hidden = over;
    shown.stop.disabled = run.stopping;
    shown.link.hidden = !run.entry;
    if (run.entry) shown.link.href = `/open?${new URLSearchParams({ id: run.entry })}`;
    say(shown.told, [run.message, ...run.warnings].filter(Boolean).join(" "));
    if (shown.was !== run.phase) {
      if (shown.was !== null || !over) started.querySelector("[role=status]").textContent = `Run ${run.number}: ${WORDS[run.phase] ?? run.phase}`;
      ended ||= over && shown.was !== null;
      shown.was = run.phase;
    }
  }
  if (ended) again();
}

const source = new EventSource("/events");
const lost = document.querySelector("#lost");
source.addEventListener("message", (event) => follow(JSON.parse(event.data)));
source.addEventListener("open", () => say(lost, ""));
source.addEventListener("error", () => say(lost, "The server does not answer: was it closed? Start interplay view again."));

const form = document.querySelector("#explain");
if (form) {
  const text = form.elements.text;
  form.addEventListener("change", (event) => {
    if (event.target.name !== "model") return;
    const model = form.elements.model.value;
    for (const part of form.querySelectorAll("[data-for]")) part.hidden = part.dataset.for !== model;
    const examples = [text.dataset.sentiment, text.dataset.facts];
    if (!text.value.trim() || examples.includes(text.value)) text.value = text.dataset[model];
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button[type=submit]");
    const trouble = form.querySelector(".trouble");
    button.disabled = true;
    say(trouble, "");
    try {
      await ask("/api/explain", {
        model: form.elements.model.value,
        text: text.value,
        question: form.elements.model.value === "facts" ? form.elements.question.value : "",
        budget: form.elements.budget.value,
      });
    } catch (error) {
      say(trouble, error.message);
    } finally {
      button.disabled = false;
    }
  });
}
