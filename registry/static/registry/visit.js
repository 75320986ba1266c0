// Says under the date of the visit which study day it is and whether the window takes it. The server's words.
"use strict";

{
  const line = document.querySelector("[data-day-line]");
  const boxes = ["day", "month", "year"].map((part) => document.querySelector(`input[name=visited_on_${part}]`));
  let asked = "";

  async function ask() {
    const address = new URL(line.dataset.address, location.href);
    for (const box of boxes) address.searchParams.set(box.name, box.value.trim());
    if (address.href === asked) return;
    asked = address.href;
    try {
      const answer = await fetch(address, { redirect: "manual", headers: { Accept: "application/json" } });
      if (!answer.ok || asked !== address.href) return;
      const said = await answer.json();
      globalThis.registryInPlace(() => {
        line.textContent = said.words;
        line.classList.toggle("day-line--wrong", said.wrong);
      });
    } catch {
      asked = ""; // offline: the server says it when the form is sent
    }
  }
  if (line && boxes.every(Boolean)) {
    for (const box of boxes) box.addEventListener("change", ask);
  }
}
