// Files go ahead of the report, one after another, each with its progress; what broke off is sent again, the rest is not.
// Without this the form sends them itself.
for (const field of document.querySelectorAll("[data-upload]")) {
  const form = field.closest("form"), input = field.querySelector("input[type=file]");
  const list = field.querySelector(".uploads"), told = field.querySelector("[data-told]"), words = field.dataset;
  const jobs = [];
  let isSending = false, isWanted = false;

  const element = (name, text = "", attributes = {}) => {
    const made = document.createElement(name);
    made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const tell = () => {
    const done = jobs.filter((job) => job.state === "done").length;
    told.textContent = jobs.length ? words.progress.replace("%1", done).replace("%2", jobs.length) : "";
  };
  const drop = (job) => {
    jobs.splice(jobs.indexOf(job), 1);
    job.item.remove();
    list.hidden = !list.children.length;
    tell();
    input.focus();
  };
  const show = (job, state, text = "") => {
    job.state = state;
    job.item.replaceChildren(element("span", job.file.name), element("span", job.size, { class: "sub" }));
    if (state === "done") return;
    if (state === "waiting" || state === "sending") {
      job.bar = element("progress", "", { max: "100", value: "0", "aria-label": job.file.name });
      job.line = element("span", words.waiting, { class: "told small quiet" });
      job.item.append(job.bar, job.line);
      return;
    }
    const row = element("div", "", { class: "row" });
    job.item.append(element("span", text, { class: "err", role: "alert" }), row);
    if (state === "broken") {
      const again = element("button", words.again, { class: "btn mini", type: "button" });
      again.addEventListener("click", () => { show(job, "waiting"); next(); });
      row.append(again);
    }
    const out = element("button", words.drop, { class: "btn mini", type: "button" });
    out.addEventListener("click", () => drop(job));
    row.append(out);
  };
  const next = () => {
    if (isSending) return;
    const job = jobs.find((one) => one.state === "waiting");
    if (job) send(job); else finish();
  };
  const finish = () => {
    if (!isWanted) return;
    isWanted = false;
    if (jobs.every((job) => job.state === "done")) form.requestSubmit();
    else told.textContent = words.stuck;
  };
  const send = (job) => {
    isSending = true;
    show(job, "sending");
    let percent = 0;
    const request = new XMLHttpRequest(), body = new FormData();
    body.append("_token", form.elements._token.value);
    body.append("tep", job.file);
    request.upload.addEventListener("progress", (event) => {
      if (!event.lengthComputable) return;
      percent = Math.floor((event.loaded / event.total) * 100);
      job.bar.value = percent;
      job.line.textContent = percent < 100 ? words.sending.replace("%", percent) : words.checking;
    });
    request.addEventListener("loadend", () => {
      isSending = false;
      let answer = {};
      try { answer = JSON.parse(request.responseText); } catch { /* not from the service: as if it broke off */ }
      if (request.status === 201) {
        job.size = answer.size;
        show(job, "done");
        job.item.querySelector("span").textContent = answer.name;
        const known = [...form.querySelectorAll("[name=tep-da-co]")].find((box) => box.value === String(answer.id));
        if (known) { known.checked = true; drop(job); } else {
          const label = element("label", "", { class: "check" });
          label.append(element("input", "", { type: "checkbox", name: "tep-da-co", value: answer.id, checked: "" }), element("span", answer.name));
          job.item.replaceChildren(label, element("span", answer.size, { class: "sub" }));
        }
      } else if (answer.problem) show(job, "refused", answer.problem);
      else show(job, "broken", words.broken.replace("%", percent));
      tell();
      next();
    });
    request.open("POST", words.upload);
    request.send(body);
  };

  input.addEventListener("change", () => {
    for (const file of input.files) {
      const job = { file, state: "waiting", item: element("li", "", { class: "upload" }), size: "" };
      jobs.push(job);
      list.append(job.item);
      list.hidden = false;
      show(job, "waiting");
    }
    input.value = "";
    tell();
    next();
  });
  form.addEventListener("submit", (event) => {
    if (jobs.every((job) => job.state === "done")) return;
    event.preventDefault();
    isWanted = true;
    told.textContent = words.wait;
    next();
  }, true);
}
