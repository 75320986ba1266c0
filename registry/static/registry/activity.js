// Adds up the items of a score while they are chosen. A hint only: the server works the total out again.
"use strict";

for (const score of document.querySelectorAll("[data-score]")) {
  const sum = score.querySelector("[data-sum]");
  if (!sum) continue;
  const clinical = () => [...score.querySelectorAll("[data-points]:not([data-serological])")];
  const worth = (item) => {
    if (item.type === "checkbox") return item.checked ? Number(item.dataset.points) : 0;
    return item.value === "lupus" ? Number(item.dataset.points) : 0;
  };
  const add = (items) => items.reduce((total, item) => total + worth(item), 0);
  score.addEventListener("input", () => {
    const steps = [...score.querySelectorAll("[data-step]")];
    if (steps.length) {
      const filled = steps.filter((step) => step.value !== "");
      const total = filled.reduce((reached, step) => reached + Number(step.value), 0);
      sum.textContent = filled.length ? `${total}${filled.length < steps.length ? `, ${steps.length - filled.length} still empty` : ""}` : "not yet";
      return;
    }
    const total = add([...score.querySelectorAll("[data-points]")]);
    const isSledai = score.querySelector("[data-serological]");
    sum.textContent = isSledai ? `${total}, clinical SLEDAI ${add(clinical())}` : `${total}`;
  });
}
