// The ladder is drawn anew while somebody types: the same page is fetched with the fields as they stand, and what it
// says takes the place of what stood here. Without script the button "Vẽ lại" does the same.
const rungs = document.querySelector("form[data-live-form]");

if (rungs) {
  const codes = (root) => [...root.querySelectorAll("#soan input[type=hidden]")].filter((i) => /^b\d+$/.test(i.name)).map((i) => i.value).join();
  const addressNow = () => {
    const address = new URL(rungs.action);
    address.search = new URLSearchParams(new FormData(rungs));
    return address;
  };
  let waiting = 0;
  let asked = 0;

  const redraw = async () => {
    const mine = ++asked;
    const address = addressNow();
    const answer = await fetch(address, { credentials: "same-origin", headers: { Accept: "text/html" } }).catch(() => null);
    if (!answer || mine !== asked || answer.redirected || ![200, 422].includes(answer.status)) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    // In another order the fields have other names: the page itself has to come again.
    if (mine !== asked || codes(fresh) !== codes(document)) return;
    for (const old of document.querySelectorAll("[data-live]")) {
      const now = fresh.getElementById(old.id);
      if (now && now.innerHTML !== old.innerHTML) {
        const open = old.querySelector("details")?.open;
        old.innerHTML = now.innerHTML;
        if (open) old.querySelector("details").open = true;
      }
    }
    const sprite = fresh.querySelector("body > svg.vh");
    if (sprite) document.querySelector("body > svg.vh")?.replaceWith(document.adoptNode(sprite));
    if (answer.status === 200) history.replaceState(null, "", address);
  };

  for (const name of ["input", "change"]) {
    document.addEventListener(name, (event) => {
      if (event.target.form !== rungs) return;
      clearTimeout(waiting);
      waiting = setTimeout(redraw, name === "input" ? 400 : 50);
    });
  }
}
