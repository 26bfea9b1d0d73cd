"use strict";
// The people of the page: search, filter, list or matrix, one person before and after. Texts reach the
// document through textContent only, so that nothing in them is ever more than text.
(() => {
  const byId = (id) => document.getElementById(id);
  const all = JSON.parse(byId("payload").textContent);
  const names = all.names === "" && !all.cohortOf.length ? [] : all.names.split("\n");
  const list = byId("list"), canvas = byId("all"), search = byId("search"), choice = byId("value");
  const dialog = byId("person"), found = byId("found");
  if (!list) return;
  const STANDING = 0, GAINS = 1, LOSES = 2, DROPS = 3, WANTS = 4, HELD = 5, ENDS = 6, PEOPLE = 7;
  const MINUS = "\u2212";
  const PARTS = [[LOSES, "-", "loses"], [GAINS, "+", "gains"], [DROPS, "~", "drops"], [WANTS, "!", "wants"]];
  const HEIGHT_MOST = 8e6; // browsers draw no element above some millions of pixels
  const COLUMNS = 24, NAMED = 6;
  const narrow = matchMedia("(max-width: 44rem)");

  const make = (tag, text, className) => {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (className) element.className = className;
    return element;
  };
  const number = (count) => count.toLocaleString("en");
  const count = (amount) => `${number(amount)} ${amount === 1 ? "person" : "people"}`;
  const holds = (set, value) => all.sets[set].includes(value);
  const keepsOf = (person) => (all.keepsOf.length ? all.keepsOf[person] : 0);
  const label = (value) => `${all.entitlements[all.values[value][0]]}: ${all.values[value][1]}`;
  const isPrivileged = (value) => (all.values[value][2] & 1) !== 0;
  const isNew = (value) => (all.values[value][2] & 2) !== 0;

  let folded = null; // names as they are searched, made when they are needed first
  let shown = Int32Array.from(names.keys());
  let at = 0; // the place of the chosen person in `shown`
  let filter = () => true, filterName = "everyone", cohort = null, asMatrix = false, firstColumn = 0, columns = [];

  const FILTERS = [
    ["everyone", "Everyone", () => true],
    ["loses", "Loses something", (each) => each[LOSES] > 0],
    ["held", "Held back or failed", (each) => each[HELD] !== ""],
    ["privileged", "Privileged", (each) => [GAINS, WANTS].some((part) => all.sets[each[part]].some(isPrivileged))],
    ["gains", "Gains something", (each) => each[GAINS] > 0],
    ["drops", "No longer given", (each) => each[DROPS] > 0],
    ["new", "New to the app", (each) => each[STANDING] === "new to the app" || each[STANDING] === "new in the plan"],
    ["ends", "Time-boxed", (each) => each[ENDS] !== ""],
  ];

  // What is shown

  const select = () => {
    const wanted = choice.value === "" ? -1 : Number(choice.value);
    const passes = all.cohorts.map((each, place) => (cohort === null || cohort === place) && filter(each));
    const concerns = all.cohorts.map((each) => wanted < 0 || PARTS.some(([part]) => holds(each[part], wanted)));
    const text = search.value.trim().toLowerCase();
    if (text && folded === null) folded = all.names.toLowerCase().split("\n");
    const chosen = new Int32Array(names.length);
    let length = 0;
    for (let person = 0; person < names.length; person++) {
      const own = all.cohortOf[person];
      if (!passes[own]) continue;
      if (!concerns[own] && !holds(keepsOf(person), wanted)) continue;
      if (text && !folded[person].includes(text) && !alsoNamed(person, text)) continue;
      chosen[length++] = person;
    }
    shown = chosen.subarray(0, length);
    at = 0;
    firstColumn = 0;
    chooseColumns();
    fit();
    list.scrollTop = 0;
    draw();
    found.textContent = length === names.length ? count(length) : `${number(length)} of ${count(names.length)}`;
  };
  const alsoNamed = (person, text) => (all.also[person] || []).some((each) => each.toLowerCase().includes(text));

  const rowHeight = () => (asMatrix ? 34 : narrow.matches ? 60 : 42);
  const headHeight = () => (asMatrix ? byId("heads").offsetHeight : 0);

  // Where rows stand: beyond HEIGHT_MOST the scroll bar moves faster than the rows.
  const scroll = () => {
    const height = rowHeight(), total = shown.length * height, view = list.clientHeight - headHeight();
    const canvasHeight = Math.min(total, HEIGHT_MOST);
    const ratio = canvasHeight > view ? (total - view) / (canvasHeight - view) : 1;
    return { height, total, view, canvasHeight, ratio, top: list.scrollTop * ratio };
  };

  // As high as its rows, up to what the style allows.
  const fit = () => { list.style.height = `${Math.max(1, shown.length) * rowHeight() + headHeight() + 2}px`; };
  const draw = () => {
    const { height, view, canvasHeight, top } = scroll();
    canvas.style.height = `${canvasHeight}px`;
    const first = Math.max(0, Math.floor(top / height) - 3);
    const last = Math.min(shown.length, Math.ceil((top + view) / height) + 3);
    const rows = [];
    for (let place = first; place < last; place++) rows.push(rowOf(place, list.scrollTop + place * height - top, height));
    canvas.replaceChildren(...rows);
    const active = canvas.querySelector("[aria-selected=true]");
    if (active) list.setAttribute("aria-activedescendant", active.id);
    else list.removeAttribute("aria-activedescendant");
  };

  const rowOf = (place, y, height) => {
    const person = shown[place];
    const row = make("div", undefined, asMatrix ? "row cells" : "row");
    row.id = `row-${place}`;
    row.dataset.place = place;
    row.setAttribute("role", "option");
    row.setAttribute("aria-posinset", place + 1);
    row.setAttribute("aria-setsize", shown.length);
    row.setAttribute("aria-selected", String(place === at));
    row.style.height = `${height}px`;
    row.style.transform = `translateY(${y}px)`;
    const name = make("span");
    name.append(make("bdi", names[person]));
    row.append(name);
    if (asMatrix) fillCells(row, person);
    else row.append(effectsLine(person));
    return row;
  };

  const effectsLine = (person) => {
    const own = all.cohorts[all.cohortOf[person]];
    const line = make("span", undefined, "effects-line");
    for (const [part, sign, word] of PARTS) {
      const values = all.sets[own[part]];
      if (!values.length) continue;
      line.append(signed(sign, all.words[word]));
      const rest = values.length > NAMED ? ` and ${values.length - NAMED} more` : "";
      line.append(make("b", `${grouped(values.slice(0, NAMED))}${rest}`), "  ");
    }
    const rest = [own[HELD], own[STANDING], own[ENDS]].filter(Boolean).join(", ");
    line.append(line.childElementCount && rest ? `(${rest})` : rest);
    return line;
  };
  const grouped = (values) => {
    const texts = new Map();
    for (const value of values) {
      const name = all.entitlements[all.values[value][0]];
      texts.set(name, texts.has(name) ? `${texts.get(name)}, ${all.values[value][1]}` : `${name}: ${all.values[value][1]}`);
    }
    return [...texts.values()].join("; ");
  };
  const signed = (sign, word) => {
    const element = make("span", word, "sign");
    element.dataset.sign = sign;
    return element;
  };

  // The matrix: values that concern most of those shown, a page of columns at a time

  const chooseColumns = () => {
    if (!asMatrix) return;
    const amounts = new Array(all.cohorts.length).fill(0);
    const weight = new Array(all.values.length).fill(0);
    for (const person of shown) amounts[all.cohortOf[person]]++;
    all.cohorts.forEach((each, place) => {
      for (const [part, sign] of PARTS) for (const value of all.sets[each[part]]) weight[value] += amounts[place] * (sign === "-" ? 1e6 : 1);
    });
    columns = [...weight.keys()].filter((value) => weight[value] > 0).sort((one, other) => weight[other] - weight[one]);
    drawColumns();
  };
  const drawColumns = () => {
    const bar = byId("columns"), part = columns.slice(firstColumn, firstColumn + COLUMNS);
    bar.replaceChildren();
    bar.hidden = !asMatrix;
    const old = byId("heads");
    if (old) old.remove();
    if (!asMatrix) return;
    list.style.setProperty("--columns", part.length);
    const last = Math.min(firstColumn + COLUMNS, columns.length);
    bar.append(make("span", `Values ${columns.length ? firstColumn + 1 : 0} to ${last} of ${number(columns.length)}`));
    const page = (text, step, possible) => {
      const button = make("button", text);
      button.type = "button";
      button.disabled = !possible;
      button.addEventListener("click", () => { firstColumn += step; drawColumns(); draw(); });
      bar.append(button);
    };
    if (columns.length > COLUMNS) {
      page("Values before", -COLUMNS, firstColumn > 0);
      page("Values after", COLUMNS, last < columns.length);
    }
    const heads = make("div", undefined, "heads");
    heads.id = "heads";
    heads.setAttribute("role", "presentation");
    heads.append(make("span", "Person"), ...part.map((value) => { const head = make("span", `${all.values[value][1]} (${all.entitlements[all.values[value][0]]})`); head.title = label(value); return head; }));
    list.insertBefore(heads, canvas);
  };
  const fillCells = (row, person) => {
    const own = all.cohorts[all.cohortOf[person]];
    const said = [];
    for (const value of columns.slice(firstColumn, firstColumn + COLUMNS)) {
      const part = PARTS.find(([each]) => holds(own[each], value));
      const sign = part ? part[1] : holds(keepsOf(person), value) ? "=" : "";
      const cell = make("i", sign === "-" ? MINUS : sign);
      cell.dataset.sign = cell.textContent;
      cell.setAttribute("aria-hidden", "true");
      if (sign) said.push(`${all.words[part ? part[2] : "keeps"]} ${label(value)}`);
      row.append(cell);
    }
    row.setAttribute("aria-label", `${names[person]}: ${said.join(", ") || "nothing of these"}`);
  };

  // Going through people

  const move = (place) => {
    if (!shown.length) return;
    at = Math.max(0, Math.min(shown.length - 1, place));
    const { height, view, ratio, top } = scroll();
    if (at * height < top) list.scrollTop = (at * height) / ratio;
    else if ((at + 1) * height > top + view) list.scrollTop = ((at + 1) * height - view) / ratio;
    draw();
  };
  const open = () => {
    if (!shown.length) return;
    fillPerson(shown[at]);
    if (!dialog.open) dialog.showModal();
    byId("person-name").focus();
  };

  const fillPerson = (person) => {
    const own = all.cohorts[all.cohortOf[person]], body = byId("person-body");
    byId("person-name").replaceChildren(make("bdi", names[person]));
    body.replaceChildren();
    const also = all.also[person] || [];
    if (also.length) body.append(make("p", `Also named ${also.join(", ")}`, "why"));
    const standing = [own[STANDING], own[ENDS]].filter(Boolean).join(", ");
    const those = own[PEOPLE] > 1 ? `The same happens to ${number(own[PEOPLE] - 1)} more.` : "";
    body.append(make("p", [standing && `${standing[0].toUpperCase()}${standing.slice(1)}.`, those].filter(Boolean).join(" "), "why"));
    body.append(beforeAndAfter(person, own));
    for (const [kind, reason, text, wants, unwants] of all.notes[person] || []) {
      const note = make("div", undefined, "note");
      note.append(make("strong", [kind, reason].filter(Boolean).join(": ")), make("p", text));
      if (wants) note.append(make("p", `Would have got ${grouped(all.sets[wants])}`, "why"));
      if (unwants) note.append(make("p", `Would have lost ${grouped(all.sets[unwants])}`, "why"));
      body.append(note);
    }
    byId("previous").disabled = at === 0;
    byId("following").disabled = at === shown.length - 1;
  };

  const beforeAndAfter = (person, own) => {
    const table = make("table"), head = make("tr"), rows = make("tbody");
    const sides = all.sides.filter(Boolean);
    for (const title of ["Value", ...sides]) {
      const cell = make("th", title);
      cell.scope = "col";
      head.append(cell);
    }
    const line = (value, sign, before, after) => {
      const row = make("tr"), name = make("th");
      name.scope = "row";
      const text = make("bdi", label(value), "long");
      name.append(text);
      if (isPrivileged(value)) name.append(make("span", "privileged", "tag risk"));
      if (isNew(value)) name.append(" ", make("span", "new", "tag"));
      row.append(name);
      if (sides.length > 1) row.append(make("td", before));
      const cell = make("td");
      cell.append(signed(sign, after));
      row.append(cell);
      rows.append(row);
    };
    const words = all.words, is = all.kind === "comparison" ? "given" : "held", no = all.kind === "comparison" ? "not given" : "not held";
    for (const value of all.sets[own[LOSES]]) line(value, "-", is, words.loses);
    for (const value of all.sets[own[GAINS]]) line(value, "+", no, words.gains);
    for (const value of all.sets[own[DROPS]]) line(value, "~", is, words.drops);
    for (const value of all.sets[own[WANTS]]) line(value, "!", no, words.wants);
    for (const value of all.sets[keepsOf(person)]) line(value, "=", is, words.keeps);
    if (!rows.childElementCount) return make("p", "No value is given or taken.");
    const header = make("thead");
    header.append(head);
    table.append(header, rows);
    return table;
  };

  // Wiring

  const press = (buttons, pressed) => buttons.forEach((each) => each.setAttribute("aria-pressed", String(each === pressed)));
  const chips = [];
  const setFilter = (name) => {
    [filterName, , filter] = FILTERS.find(([each]) => each === name);
    cohort = null;
    press(chips, chips.find((each) => each.dataset.filter === filterName));
    select();
  };
  const prepare = () => {
    for (const [name, title, test] of FILTERS) {
      const amount = all.cohorts.reduce((sum, each) => sum + (test(each) ? each[PEOPLE] : 0), 0);
      if (name !== "everyone" && (amount === 0 || amount === names.length)) continue;
      const button = make("button", `${title} ${number(amount)}`);
      button.type = "button";
      button.dataset.filter = name;
      button.addEventListener("click", () => setFilter(name));
      chips.push(button);
    }
    byId("chips").append(...chips);
    press(chips, chips[0]);
    choice.append(new Option("Any value", ""));
    all.entitlements.forEach((entitlement, place) => {
      const group = document.createElement("optgroup");
      group.label = entitlement.slice(0, 80);
      all.values.forEach((value, index) => { if (value[0] === place) group.append(new Option(value[1].slice(0, 80), index)); });
      choice.append(group);
    });
    document.querySelectorAll("[data-cohort]").forEach((item) => {
      const button = make("button", "Show them");
      button.type = "button";
      button.setAttribute("aria-label", `Show the ${count(all.cohorts[item.dataset.cohort][PEOPLE])} of cohort ${Number(item.dataset.cohort) + 1}`);
      button.addEventListener("click", () => {
        search.value = choice.value = "";
        setFilter("everyone");
        press(chips, null);
        cohort = Number(item.dataset.cohort);
        select();
        byId("people").scrollIntoView();
        list.focus({ preventScroll: true });
      });
      item.append(button);
    });
    byId("signs").textContent = `${MINUS} ${all.words.loses}, + ${all.words.gains}${all.words.drops ? `, ~ ${all.words.drops}` : ""}${all.words.wants ? `, ! ${all.words.wants}` : ""}${all.words.keeps ? `, = ${all.words.keeps}` : ""}`;
    for (const id of ["tools", "keys", "list"]) byId(id).hidden = false;
  };
  const show = (matrix) => {
    asMatrix = matrix;
    press([byId("as-list"), byId("as-matrix")], byId(matrix ? "as-matrix" : "as-list"));
    byId("signs").hidden = !matrix;
    const kept = at;
    chooseColumns();
    drawColumns();
    fit();
    move(kept);
  };
  const KEYS = {
    ArrowDown: () => move(at + 1), ArrowUp: () => (at === 0 ? search.focus() : move(at - 1)),
    PageDown: () => move(at + 10), PageUp: () => move(at - 10),
    Home: () => move(0), End: () => move(shown.length - 1), Enter: open, " ": open,
  };
  list.addEventListener("keydown", (event) => {
    if (event.target !== list || !KEYS[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  list.addEventListener("click", (event) => {
    const row = event.target.closest("[data-place]");
    if (!row) return;
    move(Number(row.dataset.place));
    open();
  });
  let waiting = false;
  list.addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  });
  search.addEventListener("input", select);
  choice.addEventListener("change", select);
  search.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") { event.preventDefault(); list.focus(); }
    if (event.key === "Enter") { event.preventDefault(); open(); }
    if (event.key === "Escape" && search.value) { event.preventDefault(); search.value = ""; select(); }
  });
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest && event.target.closest("input, select, textarea");
    if (event.key !== "/" || typing || dialog.open || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    search.focus();
    search.select();
  });
  const step = (by) => { move(at + by); fillPerson(shown[at]); byId("person-name").focus(); };
  byId("previous").addEventListener("click", () => step(-1));
  byId("following").addEventListener("click", () => step(1));
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft" && at > 0) step(-1);
    if (event.key === "ArrowRight" && at < shown.length - 1) step(1);
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => list.focus({ preventScroll: true }));
  byId("as-list").addEventListener("click", () => show(false));
  byId("as-matrix").addEventListener("click", () => show(true));
  narrow.addEventListener("change", () => { fit(); draw(); });
  new ResizeObserver(() => draw()).observe(list);
  prepare();
  select();
  // Milliseconds from the beginning of loading to the first rows, for whoever measures.
  document.documentElement.dataset.ready = String(Math.round(performance.now()));
})();
