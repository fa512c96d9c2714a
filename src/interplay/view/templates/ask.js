// Requests to the server of this page: JSON, with the token that only this page has.

const page = document.querySelector("main");

async function ask(path, what) {
  let answer;
  try {
    answer = await fetch(path, {
      method: "POST",
      headers: { "content-type": "application/json", "x-interplay-token": page.dataset.token },
      body: JSON.stringify(what),
    });
  } catch {
    throw new Error("The server does not answer: was it closed? Start interplay view again.");
  }
  const told = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(told.error ?? `The server refused this (${answer.status}).`);
  return told;
}

function say(where, text) {
  where.textContent = text;
  where.hidden = !text;
}
