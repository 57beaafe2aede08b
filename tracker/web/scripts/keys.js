// Keys of single letters, for who wants them: never the only way, never while typing, off by one switch in /toi.
const keysAreOn = document.body.dataset.keys === "1";
const placesOfG = { h: "home", v: "directives", k: "sessions" };
let waitsAfterG = 0;

const isTyping = (target) => target.closest("input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]");
const rows = () => [...document.querySelectorAll("tr.item, [data-row]")].filter((row) => row.offsetParent !== null);
const linkOf = (row) => row.querySelector("a[href]");
const boxOf = (row) => row.querySelector("input[type=checkbox]");
const currentRow = () => document.activeElement.closest("tr.item, [data-row]");

function step(by) {
  const all = rows();
  if (!all.length) return;
  const at = all.indexOf(currentRow());
  const next = all[Math.min(Math.max(at + by, 0), all.length - 1)];
  (linkOf(next) || boxOf(next))?.focus();
  next.scrollIntoView({ block: "nearest" });
}

// A control that carries data-key="a" is pressed by that key.
const press = (key) => document.querySelector(`[data-key="${key}"]`)?.click();

function onKey(event) {
  if (event.key === "Escape" && event.target.matches("input[type=search], .find input")) {
    event.target.blur();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isTyping(event.target)) return;
  if (event.key === "Escape") {
    for (const open of document.querySelectorAll("details[open]")) open.open = false;
    return;
  }
  if (!keysAreOn) return;
  const key = event.key;
  if (Date.now() < waitsAfterG) {
    waitsAfterG = 0;
    const place = document.body.dataset[placesOfG[key]];
    if (place) location.assign(place);
    return;
  }
  if (key === "/") document.querySelector("#tim")?.focus();
  else if (key === "j") step(1);
  else if (key === "k") step(-1);
  else if (key === "x") { const row = currentRow(); if (row) boxOf(row)?.click(); }
  else if (key === "g") { waitsAfterG = Date.now() + 1500; return; }
  else if (key === "?") location.assign("/phim-tat");
  else if (/^[a-z]$/.test(key)) press(key);
  else return;
  if (key !== "x") event.preventDefault();
}

document.addEventListener("keydown", onKey);
