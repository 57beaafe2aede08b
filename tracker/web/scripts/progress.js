// A job's page looks again by itself while the job goes on; without a script a link does.
const watch = async () => {
  const shown = document.querySelector("[data-progress='1']");
  if (!shown) return;
  try {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (answer.ok) {
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      const now = fresh.querySelector("[data-progress]");
      if (now) {
        const title = shown.querySelector("h2");
        const isFocused = shown.contains(document.activeElement);
        if (now.dataset.progress === "1" && title) {
          // The same nodes stay, so that focus and a screen reader stay with them.
          const told = now.querySelector("h2").textContent;
          if (title.textContent !== told) title.textContent = told;
          shown.querySelector("progress").value = now.querySelector("progress").value;
          shown.querySelector(".row.wide > span").textContent = now.querySelector(".row.wide > span").textContent;
          shown.querySelector("p").textContent = now.querySelector("p").textContent;
        } else {
          shown.replaceWith(now);
          document.title = fresh.title;
          if (isFocused) now.querySelector("a")?.focus();
          return;
        }
      }
    }
  } catch { /* The next look may find it. */ }
  setTimeout(watch, 1500);
};
setTimeout(watch, 1000);
