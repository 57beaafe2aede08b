// One box in the head of the table ticks every row of the page; without script the rows are ticked one by one.
for (const sheet of document.querySelectorAll(".picks")) {
  const head = sheet.querySelector("thead .pick");
  const boxes = [...sheet.querySelectorAll("tbody .pick input")];
  const bar = sheet.querySelector(".bulk");
  if (!head || !boxes.length || !bar) continue;
  const all = document.createElement("input");
  all.type = "checkbox";
  all.setAttribute("aria-label", bar.dataset.all);
  head.replaceChildren(all);
  const told = bar.querySelector(".picked");
  let last = null;
  const tell = () => {
    const count = boxes.filter((box) => box.checked).length;
    all.checked = count === boxes.length;
    all.indeterminate = count > 0 && count < boxes.length;
    told.textContent = `${count} ${told.dataset.words}`;
  };
  all.addEventListener("change", () => {
    for (const box of boxes) box.checked = all.checked;
    tell();
  });
  // With the shift key everything between two boxes follows the second.
  sheet.addEventListener("click", (event) => {
    const at = boxes.indexOf(event.target);
    if (at < 0) return;
    if (event.shiftKey && last !== null) {
      for (const box of boxes.slice(Math.min(at, last), Math.max(at, last))) box.checked = event.target.checked;
    }
    last = at;
    tell();
  });
  tell();
}
