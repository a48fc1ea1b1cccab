"use strict";
// The page is whole without this: here are folding, keys, clicks, search, and any two passes side by side.
(() => {
  const passes = document.getElementById("passes");
  const steps = [...passes.querySelectorAll("[data-at]")];
  const given = passes.querySelector("[data-given]");
  if (!given) return;
  passes.classList.add("folding");

  const make = (tag, text, facts = {}) => Object.assign(document.createElement(tag), { textContent: text }, facts);
  // A line that has changed says what it keeps of the one before it, in short: data-n characters are left out.
  const line = (row, old = "") => {
    let text = "", at = 0;
    for (const part of row.childNodes) {
      const left = +(part.dataset?.n ?? 0), kept = left ? old.slice(at, at + left) : part.textContent;
      if (part.tagName !== "DEL") text += kept;
      if (part.tagName !== "INS") at += kept.length;
    }
    return { text, place: row.dataset.l };
  };

  function after(before, step) {
    const lines = [];
    let at = 0;
    for (const hunk of step.querySelectorAll(".hunk")) {
      while (at < +hunk.dataset.start) lines.push(before[at++]);
      for (const row of hunk.children) {
        if (row.className === "removed") at++;
        else if (row.className === "added") lines.push(line(row));
        else if (row.className === "changed") lines.push(line(row, before[at++].text));
        else lines.push(before[at++]);
      }
    }
    return lines.concat(before.slice(at));
  }
  let versions;
  const texts = () => (versions ??= steps.reduce((all, step) => [...all, after(all.at(-1), step)], [[...given.children].map((row) => line(row))]));

  function compare(from, to) {
    const [old, now] = [texts()[from], texts()[to]];
    const [inOld, inNow] = [new Set(old), new Set(now)];
    const rows = [];
    for (let i = 0, j = 0; i < old.length || j < now.length; ) {
      if (i < old.length && j < now.length && (old[i] === now[j] || (!inNow.has(old[i]) && !inOld.has(now[j]) && old[i].text === now[j].text))) {
        rows.push(["", now[j++]]), i++;
      } else if (i < old.length && !inNow.has(old[i])) rows.push(["removed", old[i++]]);
      else rows.push(["added", now[j++]]);
    }
    const near = (at) => rows.slice(Math.max(0, at - 2), at + 3).some(([kind]) => kind);
    return rows.filter((_, at) => near(at));
  }

  const names = ["what was given", ...steps.map((step) => `${step.dataset.at} ${step.dataset.pass}`)];
  const choose = (label, at) => {
    const select = make("select", "", { ariaLabel: label });
    select.append(...names.map((name, value) => make("option", name, { value, selected: value === at })));
    return select;
  };
  const [from, to] = [choose("from", 0), choose("to", steps.length)];
  const search = make("input", "", { type: "search", placeholder: "search lines", ariaLabel: "search lines" });
  const button = make("button", "compare", { type: "button" });
  document.getElementById("pass-tools").append(from, make("span", "with"), to, button, search);
  button.onclick = () => {
    const rows = compare(+from.value, +to.value).map(([kind, one]) => {
      const row = make("p", one.text, { className: kind });
      if (one.place) row.dataset.l = one.place;
      return row;
    });
    const diff = make("div", rows.length ? "" : "no line differs", { className: "diff" });
    diff.append(...rows);
    document.getElementById("compared").replaceChildren(diff);
  };
  search.oninput = () => {
    const wanted = search.value.toLowerCase();
    for (const pass of passes.querySelectorAll("details.pass")) {
      const rows = [...pass.querySelectorAll(".diff p")];
      rows.forEach((row) => (row.hidden = wanted && !row.textContent.toLowerCase().includes(wanted)));
      pass.hidden = rows.every((row) => row.hidden);
      pass.open = Boolean(wanted) && !pass.hidden;
    }
  };
  passes.addEventListener("click", (event) => {
    const row = event.target.closest(".diff p");
    if (!row) return;
    row.classList.toggle("open");
    const source = passes.querySelector(`.source p[data-n="${row.dataset.l}"]`);
    passes.querySelectorAll(".here, .place").forEach((one) => (one.className === "place" ? one.remove() : one.classList.remove("here")));
    if (!source) return;
    source.classList.add("here");
    row.after(make("samp", `${source.parentNode.dataset.file}:${row.dataset.l}  ${source.textContent.trim()}`, { className: "place" }));
  });
  passes.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const here = event.target.closest("summary")?.parentNode;
    if (!step || !here) return;
    event.preventDefault();
    const all = [...passes.querySelectorAll("details.pass:not([hidden])")];
    const next = all[all.indexOf(here) + step];
    if (next) (here.open = false), (next.open = true), next.firstElementChild.focus();
  });
})();
