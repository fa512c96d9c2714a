// Has the page made, waits, and shows it in place of this one.

(async () => {
  const ids = page.dataset.ids.split(/\s+/).filter(Boolean);
  const doing = document.querySelector("#doing");
  try {
    for (;;) {
      const { state, message } = await ask("/api/open", { ids });
      if (state === "ready") return location.replace(location.href);
      if (state === "failed") throw new Error(message);
      await new Promise((resolve) => setTimeout(resolve, 150));
    }
  } catch (error) {
    doing.textContent = "This cannot be opened";
    const lead = page.querySelector(".lead");
    lead.textContent = error.message;
    lead.className = "trouble";
    lead.setAttribute("role", "alert");
  }
})();
