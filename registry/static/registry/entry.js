// Warns before typed work is left or sent in vain; Ctrl + Enter saves. Every page works without it.
"use strict";

// An answer may come while the next field is typed: the words it adds above must not push that field from
// under the eyes, or under the foot that sticks.
globalThis.registryInPlace = (change) => {
  const held = document.activeElement?.closest("form") ? document.activeElement : null;
  const before = held?.getBoundingClientRect();
  change();
  if (!held || before.bottom < 0 || before.top > innerHeight) return;
  scrollBy(0, held.getBoundingClientRect().top - before.top);
};

// A form sent after the session ended would come back empty from the sign-in page: ask before sending.
async function obstacleTo(form) {
  // Who signed in again has a new token; the one of this page would be refused.
  const found = await globalThis.registrySession.renewToken(form);
  if (found === "locked") document.dispatchEvent(new CustomEvent("session:locked"));
  return found === "same" || found === "failed" ? "" : found;
}

for (const form of document.querySelectorAll("form[data-warn-before-leaving]")) {
  let isTouched = false;
  let isAsking = false;
  let isSending = false;
  form.addEventListener("input", () => { isTouched = true; });
  form.addEventListener("submit", async (pressed) => {
    if (isSending) return;
    pressed.preventDefault();
    if (isAsking) return;
    isAsking = true;
    const button = pressed.submitter;
    const found = await obstacleTo(form);
    isAsking = false;
    for (const notice of form.querySelectorAll("[data-obstacle]")) {
      notice.hidden = notice.dataset.obstacle !== found;
      if (!notice.hidden) notice.scrollIntoView({ block: "nearest" });
    }
    if (found) return;
    isTouched = false;
    isSending = true;
    form.dispatchEvent(new CustomEvent("registry:sent"));
    form.requestSubmit(button);
    isSending = false;
  });
  window.addEventListener("beforeunload", (leaving) => {
    // What is kept as a draft is not lost by leaving.
    if (isTouched && form.dataset.draftState !== "saved") leaving.preventDefault();
  });

  for (const hint of form.querySelectorAll("[data-needs-script]")) hint.hidden = false;

  form.addEventListener("keydown", (pressed) => {
    const save = form.querySelector("button[value=save]");
    if (pressed.key !== "Enter" || !pressed.ctrlKey || !save) return;
    pressed.preventDefault();
    save.click();
  });
}
