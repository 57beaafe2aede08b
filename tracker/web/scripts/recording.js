// While a directive is typed: which day and which agencies the words mean, and agencies to choose from.
const record = document.querySelector("form[data-record]");
if (record) {
  const plain = (text) => text.toLowerCase().normalize("NFD").replace(/[\u0300-\u036f]/g, "").replace(/đ/g, "d");
  const valueOf = (name) => record.elements[name]?.value.trim() ?? "";
  const asDay = (iso) => iso ? iso.split("-").reverse().join("/") : "";
  const issued = () => asDay(record.dataset.issued) || valueOf("ngay-ban-hanh");
  const received = () => asDay(record.dataset.received) || valueOf("ngay-den");
  const asked = new Map();

  const ask = async (place, wanted, tell) => {
    asked.get(place)?.abort();
    const asking = new AbortController();
    asked.set(place, asking);
    const query = new URLSearchParams({ ngay: issued(), den: received(), ...wanted });
    try {
      const answer = await fetch(`/van-ban/goi-y?${query}`, { signal: asking.signal });
      if (answer.ok) tell(await answer.json());
    } catch (error) {
      if (error.name !== "AbortError") tell({});
    }
  };

  const hint = (line) => {
    const field = document.getElementById(line.dataset.of);
    const kind = line.dataset.hint;
    if (!field.value.trim()) { line.textContent = ""; return; }
    ask(line.id, { [kind]: field.value }, (told) => {
      line.textContent = told[kind]?.text ?? "";
      line.classList.toggle("unsure", told[kind] !== undefined && !told[kind].ok);
      document.querySelector(`[data-note="${line.dataset.of}"]`)?.remove();
    });
  };

  const same = () => ask("so", { so: valueOf("so-ky-hieu") }, (told) => {
    const note = record.querySelector("[data-same]");
    if (!note || !told.so) return;
    note.hidden = !told.so.href;
    if (told.so.href) note.querySelector("a").href = told.so.href;
    const issuer = record.elements["co-quan-ban-hanh"];
    if (!issuer.value && told.so.issuer) issuer.value = told.so.issuer;
  });

  // Which of the six ways a task is clear in, as far as filled fields can tell.
  const needs = { person: ["chu-tri"], work: ["ten noi-dung"], duty: ["chu-tri"], time: ["han ngay"], result: ["san-pham"] };
  const six = (block) => {
    for (const item of block.querySelectorAll("[data-six]")) {
      const fields = needs[item.dataset.six];
      const filled = !fields || fields.every((any) => any.split(" ").some((name) => valueOf(`${block.id}-${name}`)));
      item.classList.toggle("missing", !filled);
    }
  };

  const waiting = new Map();
  const soon = (key, work) => {
    clearTimeout(waiting.get(key));
    waiting.set(key, setTimeout(work, 300));
  };
  record.addEventListener("input", (event) => {
    const field = event.target;
    const line = document.getElementById(`${field.id}-nghia`);
    if (line?.dataset.hint) soon(line.id, () => hint(line));
    const block = field.closest(".recblock");
    if (block) six(block);
    if (field.name === "so-ky-hieu" || field.name === "ngay-ban-hanh") soon("so", same);
    if (field.name === "ngay-ban-hanh" || field.name === "ngay-den") {
      for (const due of record.querySelectorAll('[data-hint="han"]')) soon(due.id, () => hint(due));
    }
  });
  for (const block of record.querySelectorAll(".recblock")) six(block);

  // Agencies to choose from: the part after the last semicolon is what is being looked for.
  const known = [...document.querySelectorAll("#ds-co-quan option")]
    .map((option) => ({ name: option.value, key: ` ${plain(`${option.value} ${option.label}`)}` }));
  for (const field of record.querySelectorAll("[data-agencies]")) {
    field.removeAttribute("list");
    const combo = document.createElement("div");
    combo.className = "combo";
    const isHere = document.activeElement === field;
    field.replaceWith(combo);
    const list = document.createElement("ul");
    list.className = "choices";
    list.id = `${field.id}-chon`;
    list.role = "listbox";
    list.ariaLabel = record.querySelector(`label[for="${field.id}"]`).textContent;
    list.hidden = true;
    combo.append(field, list);
    if (isHere) field.focus();
    for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": list.id })) field.setAttribute(name, value);
    let chosen = -1;

    const close = () => {
      list.hidden = true;
      field.setAttribute("aria-expanded", "false");
      field.removeAttribute("aria-activedescendant");
    };
    const mark = (at) => {
      chosen = at;
      [...list.children].forEach((item, place) => item.setAttribute("aria-selected", String(place === at)));
      const item = list.children[at];
      if (item) { field.setAttribute("aria-activedescendant", item.id); item.scrollIntoView({ block: "nearest" }); }
      else field.removeAttribute("aria-activedescendant");
    };
    const take = (name) => {
      const before = field.value.slice(0, field.value.lastIndexOf(";") + 1);
      field.value = `${before ? `${before} ` : ""}${name}; `;
      close();
      field.dispatchEvent(new Event("input", { bubbles: true }));
    };
    const offer = () => {
      const words = plain(field.value.slice(field.value.lastIndexOf(";") + 1).trim());
      if (!words) { close(); return; }
      const found = known.filter((one) => words.split(/\s+/).every((word) => one.key.includes(` ${word}`))).slice(0, 8);
      list.replaceChildren(...found.map((one, place) => {
        const item = document.createElement("li");
        item.id = `${list.id}-${place}`;
        item.role = "option";
        item.lang = "vi";
        item.textContent = one.name;
        item.addEventListener("mousedown", (event) => { event.preventDefault(); take(one.name); });
        return item;
      }));
      list.hidden = !found.length;
      field.setAttribute("aria-expanded", String(found.length > 0));
      mark(-1);
    };
    field.addEventListener("input", (event) => { if (event.isTrusted) offer(); });
    field.addEventListener("blur", close);
    field.addEventListener("keydown", (event) => {
      if (list.hidden) return;
      const last = list.children.length - 1;
      if (event.key === "ArrowDown") mark(chosen < last ? chosen + 1 : 0);
      else if (event.key === "ArrowUp") mark(chosen > 0 ? chosen - 1 : last);
      else if (event.key === "Enter") take(list.children[Math.max(chosen, 0)].textContent);
      else if (event.key === "Escape") close();
      else return;
      event.preventDefault();
      event.stopPropagation();
    });
  }
}
