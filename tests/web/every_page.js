// What a page owes to everybody who reads it, asked of the page itself. Each answer is a list of faults in
// words, empty when there is none. Run by test_every_page_browser.py, also where the page may run no script.
"use strict";

globalThis.everyPage = (() => {
  const all = (selector) => [...document.querySelectorAll(selector)];
  const isShown = (each) => each.checkVisibility({ visibilityProperty: true }) && each.getClientRects().length > 0;
  const isHiddenFromEye = (each) =>
    Boolean(each.closest(".visually-hidden, .skip-link")) || getComputedStyle(each).clipPath === "inset(50%)";
  const named = (each) => {
    const words = (each.getAttribute("aria-label") ?? each.textContent).trim().replace(/\s+/g, " ").slice(0, 40);
    const mark = each.getAttribute("name") ?? each.id ?? "";
    return `${each.localName}${mark && `[${mark}]`}${each.className.baseVal === undefined && each.className ? `.${each.className.trim().replace(/\s+/g, ".")}` : ""} “${words}”`;
  };
  const label = (field) =>
    field.labels?.length || field.getAttribute("aria-label") || field.getAttribute("aria-labelledby");
  const FIELDS = "input:not([type=hidden]), select, textarea";
  // What only a script has to say: how typing is kept, and why a form was not sent.
  const OF_SCRIPT = "[data-obstacle], [data-needs-script], [data-draft-status], [data-lock-refusal]";

  const open = () => all("details").forEach((each) => { each.open = true; });

  // Its language, one main heading, the way past the navigation, labels, links inside the page.
  const frame = () => {
    const faults = [];
    if (document.documentElement.lang !== "en") faults.push("the page does not say its language");
    const headings = all("h1").filter(isShown);
    if (headings.length !== 1 || !headings[0].textContent.trim()) faults.push(`${headings.length} main headings`);
    for (const each of all(FIELDS).filter(isShown)) {
      if (!label(each) && each.tabIndex >= 0) faults.push(`no label: ${named(each)}`);
    }
    for (const each of all("[tabindex]")) {
      if (each.tabIndex > 0) faults.push(`out of order by tabindex: ${named(each)}`);
    }
    for (const each of all("a[href*='#']")) {
      const to = new URL(each.href.baseVal ?? each.href, location.href);
      if (to.origin + to.pathname + to.search !== location.origin + location.pathname + location.search) continue;
      if (!document.getElementById(decodeURIComponent(to.hash.slice(1)))) faults.push(`leads nowhere: ${named(each)} to ${to.hash}`);
    }
    const ids = all("[id]").map((each) => each.id);
    for (const id of new Set(ids.filter((id, place) => ids.indexOf(id) !== place))) faults.push(`twice the id ${id}`);
    return faults;
  };

  // Nothing scrolls sideways but regions that the keyboard reaches and that have a name; nothing is cut off.
  const width = () => {
    const faults = [];
    const wide = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth > wide) {
      faults.push(`the page is ${document.documentElement.scrollWidth} of ${wide} wide`);
    }
    const scrolls = (each) => ["auto", "scroll"].includes(getComputedStyle(each).overflowX);
    for (const each of all("body *").filter(isShown)) {
      if (isHiddenFromEye(each) || each.matches("textarea, option")) continue;
      const box = each.getBoundingClientRect();
      if (scrolls(each)) {
        const isReached = each.tabIndex >= 0 && label(each) && ["region", "group"].includes(each.getAttribute("role"));
        if (each.scrollWidth > each.clientWidth + 1 && !isReached) faults.push(`scrolls without a name: ${named(each)}`);
        continue;
      }
      let around = each.parentElement;
      while (around && !scrolls(around)) around = around.parentElement;
      if (!around && (box.right > wide + 1 || box.left < -1)) faults.push(`beyond the edge: ${named(each)}`);
      if (["hidden", "clip"].includes(getComputedStyle(each).overflowX) && each.scrollWidth > each.clientWidth + 1
        && !each.matches("input, select, svg, svg *")) faults.push(`cut off: ${named(each)}`);
    }
    return faults.slice(0, 8);
  };

  // What stays while the page scrolls: at most a third of the height, or half of a table's width.
  const sticking = () => {
    let high = 0;
    const faults = [];
    for (const each of all("body *").filter(isShown)) {
      const style = getComputedStyle(each);
      if (!["sticky", "fixed"].includes(style.position)) continue;
      const box = each.getBoundingClientRect();
      if (style.top !== "auto" || style.bottom !== "auto") high += box.height;
      else if (box.width > each.closest(".table-scroll").clientWidth / 2) faults.push(`covers its table: ${named(each)}`);
    }
    if (high > innerHeight / 3) faults.push(`${high} of ${innerHeight} pixels stay while the page scrolls`);
    return faults;
  };

  // Every form can be sent, and nothing waits for a script to show it.
  const forms = () => {
    const faults = [];
    for (const form of all("form")) {
      const buttons = [...form.elements].filter((each) =>
        each.matches("button:not([type=button]):not([type=reset]), input[type=submit]") && isShown(each) && !isHiddenFromEye(each));
      if (!form.getAttribute("method")) faults.push(`no method: ${named(form)}`);
      if (!buttons.length) faults.push(`no button: ${named(form)}`);
      if (form.method === "post" && !form.elements.csrfmiddlewaretoken) faults.push(`no token: ${named(form)}`);
      if (new URL(form.action, location.href).origin !== location.origin) faults.push(`leads away: ${named(form)}`);
    }
    for (const each of all("button")) {
      if (!each.form && isShown(each)) faults.push(`a button without a form: ${named(each)}`);
    }
    for (const each of all("[hidden]")) {
      if (!each.closest(OF_SCRIPT) && !each.matches("option") && (each.matches(FIELDS) ? each.autocomplete !== "username" : each.textContent.trim())) faults.push(`hidden: ${named(each)}`);
    }
    for (const each of all("a")) {
      if (/^(#|javascript:|)$/.test(each.getAttribute("href") ?? each.getAttribute("xlink:href") ?? "")) faults.push(`leads nowhere: ${named(each)}`);
    }
    return faults;
  };

  // What can be filled in, pressed or followed, to compare a page with itself without script.
  const offered = () => all(`${FIELDS}, button, a[href], summary`)
    .filter((each) => isShown(each) && !each.closest(OF_SCRIPT) && !each.closest("dialog"))
    .map((each) => named(each));

  // Where Tab stops, in the order of the page; of radio buttons the chosen one or the first.
  let stops = [];
  const begin = () => {
    stops = all(`a[href], button, ${FIELDS}, summary, [tabindex]`).filter((each) =>
      isShown(each) && !each.disabled && each.tabIndex >= 0
      && (each.localName !== "summary" || each.parentElement.querySelector("summary") === each)
      && (each.type !== "radio" || radioOf(each) === each));
    document.querySelector(".skip-link")?.focus();
    return stops.length;
  };
  const radioOf = (radio) => {
    const group = all("input[type=radio]").filter((each) => each.name === radio.name && each.form === radio.form && !each.disabled && isShown(each));
    return group.find((each) => each.checked) ?? group[0];
  };
  // The focus as it is now, after so many steps: on the right stop, in sight, with a ring.
  const at = (step) => {
    const here = document.activeElement;
    const due = stops[step];
    if (here !== due) return [`Tab stops at ${named(here)} and not at ${named(due)}`, true];
    if (!step && !here.matches(".skip-link")) return [`first comes ${named(here)}`, false];
    const style = getComputedStyle(here);
    if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) return [`no ring in forced colours: ${named(here)}`, false];
    const box = here.getBoundingClientRect();
    const [left, right] = [Math.max(box.left, 0), Math.min(box.right, innerWidth)];
    const [top, bottom] = [Math.max(box.top, 0), Math.min(box.bottom, innerHeight)];
    if (right - left < 2 || bottom - top < 2) return [`the focus is out of sight: ${named(here)}`, false];
    const isMine = (found) => found && (here.contains(found) || found.contains(here) && !found.matches("main, .main, body, html, form") || [...(here.labels ?? [])].some((each) => each.contains(found)));
    const middle = (left + right) / 2;
    const seen = [top + 3, (top + bottom) / 2, bottom - 3].some((y) => [left + 3, middle, right - 3].some((x) => isMine(document.elementFromPoint(x, y))));
    return [seen ? "" : `the focus is covered: ${named(here)}`, false];
  };
  // After the last stop the focus leaves the page or begins anew.
  const left = () => stops.indexOf(document.activeElement) > 0 ? [`no way out: ${named(document.activeElement)}`] : [];
  // In the usual colours, too, every stop shows that it has the focus.
  const rings = () => stops.filter((each) => {
    each.focus({ preventScroll: true });
    const style = getComputedStyle(each);
    return style.boxShadow === "none" && (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2);
  }).map((each) => `no ring: ${named(each)}`);

  // What has a ground of its own, in the usual colours …
  const grounds = new Set();
  const noteGrounds = () => {
    for (const each of all("main *, .nav *, .chip, .ribbon").filter(isShown)) {
      const own = getComputedStyle(each).backgroundColor;
      if (/, 0\)$/.test(own) || !each.textContent.trim() || each.matches("svg *")) continue;
      let around = each.parentElement;
      while (around && /, 0\)$/.test(getComputedStyle(around).backgroundColor)) around = around.parentElement;
      if (around && getComputedStyle(around).backgroundColor !== own) grounds.add(each);
    }
  };
  // … and loses it in forced colours, must keep an edge. Cells have lines; a row that stands out has words.
  const WORDED = { values__used: ".values__mark", grid__wrong: ".wrong, .doubted" };
  const bare = () => {
    const faults = [];
    const isEdged = (each) => {
      const style = getComputedStyle(each);
      return ["Top", "Right", "Bottom", "Left"].some((side) => style[`border${side}Style`] !== "none" && parseFloat(style[`border${side}Width`]) >= 1);
    };
    for (const each of grounds) {
      if (each.matches("td, th, mark, option, tr, thead") || isHiddenFromEye(each)) continue;
      if (!isEdged(each)) faults.push(`only its colour sets it apart: ${named(each)}`);
    }
    for (const [name, words] of Object.entries(WORDED)) {
      for (const row of all(`.${name}`)) {
        const body = row.closest("tbody") ?? row;
        if (!(name === "grid__wrong" ? body : row).querySelector(words)?.textContent.trim()) faults.push(`a row stands out without a word: ${named(row)}`);
      }
    }
    for (const here of all("nav:not(.crumbs) [aria-current]")) {
      const other = [...here.closest("nav").querySelectorAll("a:not([aria-current])")].find(isShown);
      const edge = (each) => { const style = getComputedStyle(each); return [style.borderBottomColor, style.borderLeftColor, style.borderBottomWidth, style.fontWeight].join(); };
      if (other && edge(here) === edge(other)) faults.push(`where one is looks like elsewhere: ${named(here)}`);
    }
    for (const each of all(".severity, .state, .asked, .notice, .flag").filter(isShown)) {
      if (!/[a-z]/i.test(each.textContent)) faults.push(`a state without a word: ${named(each)}`);
    }
    return [...new Set(faults)].slice(0, 8);
  };

  // Send the form that leads to an address, as empty as it can be made, past what the browser would check.
  const send = (path) => {
    const form = all("form").find((each) => each.method === "post" && new URL(each.action, location.href).pathname === path);
    for (const field of form.querySelectorAll(FIELDS)) {
      if (field.matches("[type=checkbox]")) field.checked = false;
      else if (field.matches("select")) field.value = "";
      else if (!field.matches("[type=radio]")) field.value = "";
    }
    const steps = [...form.querySelectorAll("button[name=step]")].map((each) => each.value);
    const step = ["save", "refuse", "check"].find((each) => steps.includes(each));
    if (step) form.insertAdjacentHTML("beforeend", `<input type="hidden" name="step" value="${step}">`);
    HTMLFormElement.prototype.submit.call(form);
  };
  // What was refused is said first, in the title, and beside each field.
  const refused = () => {
    const faults = [];
    const summary = document.querySelector(".error-summary");
    if (!document.title.startsWith("Error: ")) faults.push(`the title is ${document.title}`);
    if (!summary) return [...faults, "nothing says what was refused"];
    if (document.activeElement !== summary) faults.push(`the focus is at ${named(document.activeElement)}`);
    if (!summary.querySelector("li, p")?.textContent.trim()) faults.push("the summary says nothing");
    const marked = all("[aria-invalid=true]").filter(isShown);
    for (const each of marked) {
      const told = (each.getAttribute("aria-describedby") ?? each.closest("fieldset")?.getAttribute("aria-describedby") ?? "").split(" ");
      if (!told.some((id) => document.getElementById(id)?.textContent.trim())) faults.push(`no words beside ${named(each)}`);
    }
    for (const each of summary.querySelectorAll("a")) {
      const to = document.getElementById(each.hash.slice(1));
      if (!to || !isShown(to)) faults.push(`leads nowhere: ${named(each)}`);
    }
    return faults;
  };

  return { send, refused, open, frame, width, sticking, forms, offered, begin, at, left, rings, noteGrounds, bare };
})();
