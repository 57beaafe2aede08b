// Two minutes before the session ends a banner says so, with one button that keeps it; after that nothing typed is
// lost either: the server keeps a form that comes too late.
const banner = document.querySelector("#phien-sap-het");
const restSeconds = Number(document.body.dataset.rest || 0);

if (banner && restSeconds) {
  const WARN = 120;
  let endsAt = Date.now() + restSeconds * 1000;
  const look = () => { banner.hidden = endsAt - Date.now() > WARN * 1000; };
  setInterval(look, 1000);
  const button = banner.querySelector("button");
  const isOver = () => { banner.querySelector("span").textContent = banner.dataset.over; button.hidden = true; };
  button.addEventListener("click", async () => {
    const answer = await fetch("/phien", { credentials: "same-origin", redirect: "manual" });
    const seconds = answer.ok ? Number(await answer.text()) : 0;
    endsAt = Date.now() + seconds * 1000;
    // By its age it ends all the same.
    if (seconds <= WARN) isOver();
    look();
  });
}
