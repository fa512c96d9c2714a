// The list: searched, sorted, compared; what is deleted is asked about first.

const listing = document.querySelector("#listing");
const bar = document.querySelector("#compare");
const chosen = new Set(); // ids in the order in which they were chosen: the first is the reference
const order = { key: "updated", up: false };
const fold = (text) => text.normalize("NFKD").toLowerCase();
const rows = () => [...listing.querySelectorAll("tbody tr")];
let folded = new WeakMap();

function searched(row) {
  if (!folded.has(row)) folded.set(row, fold(row.dataset.search));
  return folded.get(row);
}

function filter() {
  const search = listing.querySelector("#search");
  if (!search) return;
  const words = fold(search.value).split(/\s+/).filter(Boolean);
  const kind = listing.querySelector("#kind").value;
  let shown = 0;
  const all = rows();
  for (const row of all) {
    const right = !kind || (kind === "function") === (row.dataset.kind === "function");
    const found = right && words.every((word) => searched(row).includes(word));
    row.hidden = !found;
    shown += found;
  }
  const whole = `${all.length} run${all.length === 1 ? "" : "s"}`;
  listing.querySelector("#found").textContent = shown === all.length ? whole : `${shown} of ${whole}`;
  listing.querySelector("#nothing").hidden = shown > 0;
}

function sort() {
  const body = listing.querySelector("tbody");
  if (!body) return;
  const numeric = order.key === "evaluations" || order.key === "seconds";
  const key = (row) => (numeric ? Number(row.dataset[order.key]) : row.dataset[order.key]);
  const compare = (a, b) => (numeric ? a - b : order.key === "title" ? a.localeCompare(b) : a < b ? -1 : a > b ? 1 : 0);
  body.append(...rows().map((row) => [key(row), row])
    .sort((a, b) => (order.up ? 1 : -1) * compare(a[0], b[0])).map(([, row]) => row));
  for (const head of listing.querySelectorAll("th[data-sort]")) {
    if (head.dataset.sort !== order.key) head.removeAttribute("aria-sort");
    else head.setAttribute("aria-sort", order.up ? "ascending" : "descending");
  }
  listing.querySelector("#sort").value = order.key;
}

function choose() {
  const most = Number(page.dataset.most);
  for (const row of rows()) {
    const box = row.querySelector("input[type=checkbox]");
    if (!box) continue;
    box.checked = chosen.has(row.dataset.id);
    box.disabled = !box.checked && chosen.size >= most;
  }
  bar.hidden = chosen.size === 0;
  bar.querySelector("button[type=submit]").disabled = chosen.size < 2;
  say(bar.querySelector("[role=status]"), chosen.size === 1
    ? "1 run chosen: the others are compared with it"
    : `${chosen.size} runs chosen: compared with the first`);
}

function live() {
  const present = new Set(rows().map((row) => row.dataset.id));
  for (const id of [...chosen]) if (!present.has(id)) chosen.delete(id);
  for (const head of listing.querySelectorAll("th[data-sort]")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      order.up = order.key === head.dataset.sort ? !order.up : head.dataset.sort === "title";
      order.key = head.dataset.sort;
      sort();
    });
  }
  sort();
  filter();
  choose();
}

async function again() { // reads the list anew, and keeps what was searched for
  const answer = await fetch("/listing");
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const before = [listing.querySelector("#search")?.value ?? "", listing.querySelector("#kind")?.value ?? ""];
  const at = document.activeElement?.id;
  listing.replaceChildren(...fresh.body.childNodes);
  if (listing.querySelector("#search")) {
    listing.querySelector("#search").value = before[0];
    listing.querySelector("#kind").value = before[1];
  }
  live();
  if (at && listing.contains(document.getElementById(at))) document.getElementById(at).focus();
}

listing.addEventListener("input", (event) => {
  if (event.target.id === "search") filter();
});
listing.addEventListener("change", (event) => {
  const { target } = event;
  if (target.id === "kind") filter();
  if (target.id === "sort") {
    order.key = target.value;
    order.up = order.key === "title";
    sort();
  }
  if (target.type === "checkbox") {
    const { id } = target.closest("tr").dataset;
    if (target.checked) chosen.add(id);
    else chosen.delete(id);
    choose();
  }
});
listing.addEventListener("click", (event) => {
  if (event.target.closest("#nothing button")) {
    listing.querySelector("#search").value = listing.querySelector("#kind").value = "";
    filter();
    listing.querySelector("#search").focus();
  }
  const button = event.target.closest("button.delete");
  if (button) confirmed(button.closest("tr"));
});
bar.addEventListener("submit", (event) => {
  event.preventDefault();
  location.assign(`/open?${new URLSearchParams([...chosen].map((id) => ["id", id]))}`);
});
bar.addEventListener("reset", (event) => {
  event.preventDefault();
  chosen.clear();
  choose();
});

const dialog = document.querySelector("#confirm");
let doomed = null;

function confirmed(row) {
  doomed = row;
  dialog.querySelector(".what bdi").textContent = row.dataset.title;
  dialog.querySelector(".goes").textContent = row.dataset.goes;
  say(dialog.querySelector(".trouble"), "");
  dialog.showModal();
}

dialog?.querySelector(".yes").addEventListener("click", async (event) => {
  const button = event.currentTarget;
  button.disabled = true;
  try {
    await ask("/api/delete", { id: doomed.dataset.id, version: doomed.dataset.version });
    dialog.close();
    await again();
    (listing.querySelector("#search") ?? document.querySelector("summary"))?.focus();
  } catch (error) {
    say(dialog.querySelector(".trouble"), error.message);
  } finally {
    button.disabled = false;
  }
});

live();
