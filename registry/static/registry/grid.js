// The laboratory grid: moves down and up its columns, and asks the server for grades and questions when a
// field is left. It knows no rule. Every button of the grid works without it.
"use strict";

for (const labs of document.querySelectorAll("[data-labs-check]")) {
  const form = labs.closest("form");
  const said = labs.querySelector("[data-labs-said]");
  let waiting = null;

  // Enter goes down the column, Shift + Enter up; what is hidden or disabled is passed over.
  labs.addEventListener("keydown", (pressed) => {
    const box = pressed.target;
    if (pressed.key !== "Enter" || pressed.ctrlKey || !box.closest("table.grid")) return;
    const column = /^lab-[^-]+-(value|unit|lower_limit|upper_limit|not_done|collected_on)$/.exec(box.name)?.[1];
    if (!column) return;
    pressed.preventDefault();
    const boxes = [...labs.querySelectorAll(`[name^="lab-"][name$="-${column}"]`)].filter(
      (each) => !each.disabled && each.getClientRects().length,
    );
    boxes[boxes.indexOf(box) + (pressed.shiftKey ? -1 : 1)]?.focus();
  });

  // A value and "not done" exclude each other; the server refuses both.
  const settle = (tick) => {
    const value = form.elements[tick.name.replace("-missing", "-value")];
    value.disabled = tick.checked && !value.value;
  };
  for (const tick of labs.querySelectorAll("[name$='-missing']")) settle(tick);

  const describe = (row) => {
    for (const box of row.querySelectorAll("tr:first-child [aria-invalid]")) {
      box.removeAttribute("aria-invalid");
      box.removeAttribute("aria-describedby");
    }
    for (const words of row.querySelectorAll("[id$='_error']")) {
      const box = document.getElementById(words.id.replace(/_error$/, ""));
      box?.setAttribute("aria-invalid", "true");
      box?.setAttribute("aria-describedby", words.id);
    }
  };

  const show = (row, told) => {
    row.querySelector(".grid__grade").innerHTML = told.grade;
    for (const [name, text] of Object.entries(told.filled)) {
      const box = form.elements[`lab-${row.dataset.analyte}-${name}`];
      if (box && box.value !== text) box.value = text;
    }
    const before = row.querySelector(".grid__words");
    // Somebody is answering there: their typing is not taken away under their hands.
    if (before?.contains(document.activeElement)) return;
    before?.remove();
    row.insertAdjacentHTML("beforeend", told.words);
    row.firstElementChild.classList.toggle("grid__wrong", told.wrong);
    describe(row);
  };

  const check = async (step, key) => {
    waiting?.abort();
    waiting = new AbortController();
    const sent = new FormData();
    for (const [name, text] of new FormData(form)) {
      if (/^(lab-|labs-|visited_on_|support-|csrf)/.test(name) && name !== "labs-report") sent.append(name, text);
    }
    sent.append("step", step);
    sent.append("visit", new URL(location.href).pathname.split("/").at(-2));
    let told;
    try {
      const answer = await fetch(labs.dataset.labsCheck, {
        method: "POST", body: sent, redirect: "manual", signal: waiting.signal,
      });
      if (!answer.ok) return;
      told = await answer.json();
    } catch {
      return; // Offline, or asked again since: the server says it when the form is sent.
    }
    globalThis.registryInPlace(() => {
      for (const row of labs.querySelectorAll("[data-analyte]")) show(row, told.rows[row.dataset.analyte]);
      said.textContent = told.rows[key]?.said ?? told.said;
    });
    const filled = form.elements["labs-filled_for"];
    if (filled) filled.value = told.filled_for;
  };

  // `change` comes when a field is left, or a unit chosen: never while somebody types.
  labs.addEventListener("change", (changed) => {
    const name = changed.target.name ?? "";
    if (name.endsWith("-missing")) {
      settle(changed.target);
      // Just ticked: the reason is the next box and is asked for when that one is left.
      const reason = form.elements[name.replace("-missing", "-not_done")];
      if (changed.target.checked && reason && !reason.value) return;
    }
    if (name === "labs-laboratory" || name === "labs-new_laboratory") {
      check("laboratory", "");
    } else if (/^lab-/.test(name) || name === "labs-collected_on") {
      check("grade", changed.target.closest("[data-analyte]")?.dataset.analyte);
    }
  });

  // The likely fix, put in place here and looked at again.
  labs.addEventListener("click", (pressed) => {
    const button = pressed.target.closest("button[data-use]");
    if (!button) return;
    pressed.preventDefault();
    const { use, value, unit } = button.dataset;
    const box = form.elements[`lab-${use}-value`];
    box.value = value;
    form.elements[`lab-${use}-unit`].value = unit;
    box.focus();
    box.dispatchEvent(new Event("input", { bubbles: true }));
    box.dispatchEvent(new Event("change", { bubbles: true }));
  });

  // A draft comes back as it was typed, unjudged: its grades and questions are asked for at once.
  if (form.querySelector(".draft-shown") && !labs.querySelector(".grid__words, .grid__grade > *")) {
    const typed = [...labs.querySelectorAll("[name^='lab-'][name$='-value']")].some((box) => box.value);
    if (typed) check("grade", "");
  }

  // With script the choice itself fills the rows in.
  for (const button of labs.querySelectorAll("[data-fill-in]")) button.hidden = true;
}
