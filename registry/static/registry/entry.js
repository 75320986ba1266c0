// Warns before typed work is left, and moves down a grid on Enter. Every page works without it.
"use strict";

for (const form of document.querySelectorAll("form[data-warn-before-leaving]")) {
  let isTouched = false;
  form.addEventListener("input", () => { isTouched = true; });
  form.addEventListener("submit", () => { isTouched = false; });
  window.addEventListener("beforeunload", (leaving) => {
    if (isTouched) leaving.preventDefault();
  });

  form.addEventListener("keydown", (pressed) => {
    if (pressed.key !== "Enter") return;
    const save = form.querySelector("button[value=save]");
    if (pressed.ctrlKey && save) {
      pressed.preventDefault();
      save.click();
      return;
    }
    const cell = pressed.target.closest(".grid td");
    if (!cell || pressed.target.tagName !== "INPUT" || pressed.target.type === "checkbox") return;
    pressed.preventDefault();
    const names = [...form.querySelectorAll(".grid input:not([type=hidden], [type=checkbox])")].filter(
      (box) => box.name.endsWith(pressed.target.name.replace(/^lab-[^-]+/, "")),
    );
    names[names.indexOf(pressed.target) + 1]?.focus();
  });
}
