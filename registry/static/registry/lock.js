// Locks the page in place after the idle time: dimmed, typing kept, opened by the password. The server has a
// lock of its own; this one hides what stands on the screen and lets a person go on where they were.
"use strict";

{
  const made = document.querySelector("template[data-lock]");
  const idle = Number(made?.dataset.seconds) * 1000;
  let dialog = null;
  let activeAt = Date.now();
  let toldAt = Date.now();
  let timer = 0;

  const ask = async (options = {}) => {
    try {
      const answer = await fetch(made.dataset.session, { redirect: "manual", cache: "no-store", ...options });
      if (answer.type === "opaqueredirect") return { is: "signed-out" };
      if (!answer.ok) return { is: "failed" };
      const said = await answer.json();
      const person = document.querySelector("[data-person]")?.dataset.person;
      return { is: said.person !== person ? "other-person" : said.locked ? "locked" : "same", ...said };
    } catch {
      return { is: "offline" };
    }
  };
  const renewToken = async (someForm) => {
    const said = await ask();
    const box = someForm.querySelector("input[name=csrfmiddlewaretoken]");
    if (said.is === "same" && box) box.value = said.token;
    return said.is;
  };

  function lock() {
    if (dialog) return;
    // Not in the page before: its password box would be found, and filled in, where nobody asked for it.
    document.body.append(made.content.cloneNode(true));
    dialog = document.body.lastElementChild;
    dialog.addEventListener("cancel", (pressed) => pressed.preventDefault());
    // A browser may close a dialog all the same on a second Escape.
    dialog.addEventListener("close", () => { if (dialog) dialog.showModal(); });
    dialog.querySelector("form").addEventListener("submit", unlock);
    const cameFrom = document.activeElement;
    dialog.showModal();
    dialog.querySelector("input[name=password], button").focus();
    dialog.cameFrom = cameFrom;
  }
  function open() {
    const locked = dialog;
    dialog = null;
    locked.close();
    locked.remove();
    locked.cameFrom?.focus();
    activeAt = toldAt = Date.now();
    watch();
    document.dispatchEvent(new CustomEvent("session:unlocked"));
  }
  function say(words) {
    const line = dialog.querySelector("[data-lock-refusal]");
    line.textContent = words;
    line.hidden = !words;
  }
  const SAYS = {
    "signed-out": made?.dataset.signedOut,
    "other-person": made?.dataset.otherPerson,
    offline: "The registry cannot be reached. Keep this page open and try again in a moment.",
    failed: "The registry does not answer. Keep this page open and try again in a moment.",
  };

  async function unlock(pressed) {
    pressed.preventDefault();
    const form = pressed.target;
    const said = await ask();
    if (said.is === "same") return open();
    if (said.is !== "locked") return say(SAYS[said.is]);
    const fields = new URLSearchParams({
      password: form.elements.password?.value ?? "",
      csrfmiddlewaretoken: said.token,
    });
    try {
      const answer = await fetch(form.action, {
        method: "POST", body: fields, redirect: "manual", headers: { Accept: "application/json" },
      });
      if (answer.ok) return open();
      say(answer.status === 401 ? (await answer.json()).words : SAYS.failed);
      form.elements.password?.select();
    } catch {
      say(SAYS.offline);
    }
  }

  async function check() {
    if (dialog) return;
    const rest = activeAt + idle - Date.now();
    if (rest > 0) return watch();
    // Somebody may be working in another window of the same browser.
    const said = await ask();
    if (said.is === "same") {
      activeAt = Date.now() - idle + Math.max(1, said.seconds_left) * 1000;
      watch();
    } else {
      lock();
      if (said.is !== "locked") say(SAYS[said.is]);
    }
  }
  function watch() {
    clearTimeout(timer);
    timer = setTimeout(check, Math.max(500, activeAt + idle - Date.now()));
  }
  function active() {
    if (dialog) return;
    // After a laptop slept the first key is no sign that its owner never left.
    if (Date.now() - activeAt >= idle) return check();
    activeAt = Date.now();
    if (activeAt - toldAt < idle / 4) return;
    // Reading is activity too, and only the page sees it.
    toldAt = activeAt;
    const token = document.querySelector("input[name=csrfmiddlewaretoken]")?.value ?? "";
    ask({ method: "POST", body: new URLSearchParams({ csrfmiddlewaretoken: token }) }).then((said) => {
      if (said.is === "locked") lock();
    });
  }

  if (made) {
    globalThis.registrySession = { ask, renewToken, lock };
    for (const kind of ["keydown", "pointerdown", "scroll", "input"]) {
      document.addEventListener(kind, active, { capture: true, passive: true });
    }
    document.addEventListener("visibilitychange", () => { if (!document.hidden) check(); });
    document.addEventListener("session:locked", lock);
    watch();
  }
}
