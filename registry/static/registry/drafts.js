// Keeps what is typed in an entry form on the server, every few seconds, and says so. Nothing is kept in the
// browser: its storage is cleared without asking, and the next person at this machine could read it.
"use strict";

const PAUSE = 2000; // after the latest key
const LONGEST = 6000; // while typing goes on
const AGAIN = 8000; // after a failure

for (const form of document.querySelectorAll("form[data-draft]")) {
  const line = form.querySelector("[data-draft-status]");
  const own = (name) => form.querySelector(`input[name=draft-${name}]`);
  let kept = "";
  let typedSince = 0;
  let timer = 0;
  let isSending = false;
  let isOver = false;

  // As the form would be sent; empty fields say nothing that a missing one does not.
  const typed = () => {
    const found = new URLSearchParams();
    for (const [name, value] of new FormData(form)) {
      if (typeof value === "string" && value && name !== "step") found.append(name, value);
    }
    return found;
  };
  const fingerprint = (fields) => {
    const copy = new URLSearchParams(fields);
    for (const name of ["csrfmiddlewaretoken", "draft-seen"]) copy.delete(name);
    return copy.toString();
  };
  const say = (words, state) => {
    form.dataset.draftState = state;
    if (line && line.textContent !== words) line.textContent = words;
    line?.classList.toggle("draft-status--wrong", state === "failed");
    keepInSight();
  };
  // More words make the foot taller; it must not stand over the field being typed.
  const keepInSight = () => {
    const foot = line?.closest(".sheet-foot");
    const box = document.activeElement;
    if (!foot || !form.contains(box) || foot.contains(box)) return;
    const field = box.getBoundingClientRect();
    const edge = foot.getBoundingClientRect().top;
    if (field.top < innerHeight && field.bottom > edge) scrollBy(0, Math.min(field.bottom - edge + 8, field.top));
  };
  const later = (pause) => {
    clearTimeout(timer);
    timer = setTimeout(save, pause);
  };

  async function save() {
    clearTimeout(timer);
    if (isOver || isSending) return;
    const fields = typed();
    const print = fingerprint(fields);
    if (print === kept) {
      say(line?.dataset.latest ?? "", "saved");
      return;
    }
    isSending = true;
    typedSince = 0;
    say("Saving …", "saving");
    try {
      const body = fields.toString();
      const answer = await fetch(form.dataset.draft, {
        method: "POST",
        body: fields,
        redirect: "manual",
        // A page that is being left may still send this much; browsers refuse more.
        keepalive: body.length < 60000,
        headers: { Accept: "application/json" },
      });
      await heard(answer, print);
    } catch {
      say("Not saved – offline, keep this page open", "failed");
      later(AGAIN);
    } finally {
      isSending = false;
    }
    if (form.dataset.draftState === "saved" && fingerprint(typed()) !== kept) later(PAUSE);
  }

  async function heard(answer, print) {
    if (answer.ok) {
      const said = await answer.json();
      kept = print;
      own("seen").value = said.seen;
      if (line) line.dataset.latest = said.words;
      say(said.words, fingerprint(typed()) === kept ? "saved" : "typing");
    } else if (answer.status === 401) {
      say("Not saved – this page is locked. What you typed is kept here", "failed");
      document.dispatchEvent(new CustomEvent("session:locked"));
      later(AGAIN);
    } else if (answer.type === "opaqueredirect") {
      say("Not saved – you were signed out, keep this page open", "failed");
      later(AGAIN);
    } else if (answer.status === 403) {
      // Who signed in again has a new token.
      const found = await globalThis.registrySession?.renewToken(form);
      say(found === "other-person"
        ? "Not saved – somebody else has signed in, keep this page open"
        : "Not saved – keep this page open", "failed");
      later(found === "same" ? 0 : AGAIN);
    } else if (answer.status === 410) {
      isOver = true; // saved or discarded in the meantime: nothing is left to keep
      say("", "saved");
    } else if ([400, 404, 409, 413].includes(answer.status)) {
      const said = await answer.json().catch(() => ({ words: "Not saved as draft." }));
      say(said.words, "failed");
    } else {
      say("Not saved – the registry does not answer, keep this page open", "failed");
      later(AGAIN);
    }
  }

  const onTyping = () => {
    if (isOver) return;
    typedSince ||= Date.now();
    if (form.dataset.draftState !== "failed") form.dataset.draftState = "typing";
    later(Math.max(0, Math.min(PAUSE, typedSince + LONGEST - Date.now())));
  };
  const saveNow = () => {
    if (["typing", "failed"].includes(form.dataset.draftState)) save();
  };
  kept = fingerprint(typed());
  form.dataset.draftState = "saved";
  if (line) line.dataset.latest = line.textContent;
  // The answer to a sent form holds what no draft has yet: the latest keys, rows taken over from a report.
  if (own("key").hasAttribute("data-unkept")) {
    kept = "";
    form.dataset.draftState = "typing";
    // Once kept it need not be sent again: back and reload ask the server for the form as it then is.
    save().then(() => {
      if (form.dataset.draftState === "saved") history.replaceState(null, "", location.href);
    });
  }
  form.addEventListener("input", onTyping);
  form.addEventListener("change", onTyping);
  form.addEventListener("draft:typed", onTyping); // a script has filled fields in
  form.addEventListener("focusout", (left) => {
    if (!form.contains(left.relatedTarget)) saveNow();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") saveNow();
  });
  window.addEventListener("pagehide", saveNow);
  window.addEventListener("online", saveNow);
  document.addEventListener("session:unlocked", saveNow);
  // Sent at last (entry.js asks first and then lets it through): what comes after would be too late.
  form.addEventListener("registry:sent", () => {
    isOver = true;
    clearTimeout(timer);
  });
}
