"use strict";
(async () => {
  const ROW = 34, SPARE = 6;
  const byId = (id) => document.getElementById(id);
  if (!window.DecompressionStream) {
    byId("found").textContent = "This browser is too old to unpack the transcripts: they are in calls.jsonl.";
    return;
  }
  const packed = Uint8Array.from(atob(byId("records").textContent), (letter) => letter.charCodeAt(0));
  const inflated = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  const data = JSON.parse(await new Response(inflated).text());
  const column = data.columns, total = column.replicate.length;
  const named = { cell: data.cells, model: data.models, status: data.statuses, action: data.actions };
  const filters = ["cell", "replicate", "round", "agent", "model", "status", "action"];
  const text = (index) => (index < 0 ? "" : data.texts[index]);
  const prompt = (index) => (index < 0 ? "" : data.prompts[index].map(text).join("\n"));
  const word = (name, row) => (named[name] ? named[name][column[name][row]] : column[name][row]);

  const element = (tag, className, content) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (content !== undefined) made.textContent = content; // never markup: models wrote it
    return made;
  };

  const chosen = new Map();
  const address = new URLSearchParams(location.hash.slice(1));
  for (const name of filters) {
    const values = [...new Set(column[name])].sort((a, b) => a - b);
    if (values.length < 2) continue;
    const label = element("label", "", name);
    const select = element("select");
    select.name = name;
    select.append(new Option("all", ""));
    for (const value of values) select.append(new Option(named[name] ? named[name][value] : value, value));
    const wanted = address.get(name);
    const option = [...select.options].find((each) => each.value !== "" && each.text === wanted);
    if (option) select.value = option.value;
    label.append(select);
    byId("filters").append(label);
    chosen.set(name, select);
  }
  const sought = element("input");
  sought.type = "search";
  sought.name = "words";
  sought.placeholder = "in prompt, strategy, reply";
  sought.value = address.get("words") || "";
  const label = element("label", "", "words");
  label.append(sought);
  byId("filters").append(label);

  const list = byId("list"), rows = byId("rows"), detail = byId("detail");
  let shown = [], selected = -1, lowered;

  const holding = (words) => {
    const wanted = words.toLowerCase();
    lowered ||= data.texts.map((each) => each.toLowerCase()); // once, not at every key
    const texts = lowered.map((each) => each.includes(wanted));
    const prompts = data.prompts.map((lines) => lines.some((line) => texts[line]));
    const fields = ["strategy", "planned", "reply", "reasoning", "reason"];
    return (row) => prompts[column.prompt[row]] || fields.some((name) => texts[column[name][row]]);
  };

  const filter = () => {
    const tests = [];
    for (const [name, select] of chosen) {
      if (select.value === "") continue;
      const value = Number(select.value), values = column[name];
      tests.push((row) => values[row] === value);
    }
    if (sought.value) tests.push(holding(sought.value));
    shown = [];
    for (let row = 0; row < total; row++) if (tests.every((test) => test(row))) shown.push(row);
    byId("found").textContent = `${shown.length.toLocaleString("en")} of ${total.toLocaleString("en")} decisions`;
    rows.style.height = `${shown.length * ROW}px`;
    if (!shown.includes(selected)) selected = shown.length ? shown[0] : -1;
    list.scrollTop = Math.max(0, shown.indexOf(selected) * ROW - ROW);
    draw();
    show();
  };

  const remember = () => {
    const kept = new URLSearchParams();
    for (const [name, select] of chosen) {
      if (select.value !== "") kept.set(name, select.selectedOptions[0].text);
    }
    if (sought.value) kept.set("words", sought.value);
    try {
      history.replaceState(null, "", String(kept) ? `#${kept}` : location.pathname + location.search);
    } catch { // a page shown inside another, as MLflow shows it, has no address of its own
    }
  };

  addEventListener("hashchange", () => { // a link of the page to some of the decisions
    const wanted = new URLSearchParams(location.hash.slice(1));
    for (const [name, select] of chosen) {
      const option = [...select.options].find((each) => each.value !== "" && each.text === wanted.get(name));
      select.value = option ? option.value : "";
    }
    filter();
    byId("transcripts").scrollIntoView();
  });

  const place = (row) => {
    const words = [`replicate ${column.replicate[row]}`, `round ${column.round[row]}`, `match ${column.match[row]}`];
    if (column.turn[row] > 1) words.push(`turn ${column.turn[row]}`);
    return words.join(", ");
  };

  const line = (row) => {
    const made = element("div", row === selected ? "row on" : "row");
    made.setAttribute("role", "option");
    made.setAttribute("aria-selected", row === selected);
    made.id = `row-${row}`;
    const met = column.coplayer[row] < 0 ? "all" : column.coplayer[row];
    made.append(
      element("span", "where", `${column.replicate[row]}.${column.round[row]}.${column.match[row]}`),
      element("span", "who", `${column.agent[row]} → ${met}`),
      element("span", "what", word("model", row)),
      element("span", `act ${word("action", row)}`, column.action[row] ? word("action", row) : word("status", row)),
    );
    made.addEventListener("click", () => choose(row));
    return made;
  };

  const draw = () => {
    if (selected < 0) list.removeAttribute("aria-activedescendant");
    else list.setAttribute("aria-activedescendant", `row-${selected}`);
    const first = Math.max(0, Math.floor(list.scrollTop / ROW) - SPARE);
    const last = Math.min(shown.length, first + Math.ceil(list.clientHeight / ROW) + 2 * SPARE);
    rows.replaceChildren(...shown.slice(first, last).map((row, number) => {
      const made = line(row);
      made.style.top = `${(first + number) * ROW}px`;
      return made;
    }));
  };

  const part = (title, content, folded) => {
    if (!content) return [];
    const made = element("details");
    made.open = !folded;
    made.append(element("summary", "", title), element("pre", "", content));
    return [made];
  };

  const side = (title, row) => {
    const made = element("section");
    made.append(element("h3", "", title));
    if (row < 0) {
      made.append(element("p", "faint", "nobody of its own"));
      return made;
    }
    const facts = [];
    if (column.payoff[row] !== null) facts.push(`${column.payoff[row]} points`);
    if (column.p[row] !== null) facts.push(`P(COOPERATE) ${column.p[row]}`);
    if (column.wording[row]) facts.push(`wording ${column.wording[row]}`);
    if (column.substituted[row]) facts.push("a substitute answered");
    const head = element("p");
    const act = column.action[row] ? word("action", row) : `no action: ${word("status", row)}`;
    head.append(element("strong", `act ${word("action", row)}`, act));
    head.append(element("span", "faint", ` agent ${column.agent[row]}, ${word("model", row)}`));
    made.append(head);
    if (facts.length) made.append(element("p", "faint", facts.join(" · ")));
    if (column.reason[row] >= 0) made.append(element("p", "", text(column.reason[row])));
    made.append(
      ...part("Reply", text(column.reply[row])),
      ...part("Reasoning of the model", text(column.reasoning[row])),
      ...part("Strategy", text(column.strategy[row])),
      ...part("Reasoning with the strategy", text(column.planned[row])),
      ...part("Prompt", prompt(column.prompt[row])),
    );
    return made;
  };

  const show = () => {
    detail.replaceChildren();
    if (selected < 0) {
      detail.append(element("p", "faint", "No decision fits these filters."));
      return;
    }
    const title = place(selected) + (data.cells.length > 1 ? `, ${word("cell", selected)}` : "");
    const sides = element("div", "sides");
    sides.append(side("The agent", selected), side("Its co-player", column.partner[selected]));
    detail.append(element("p", "faint", title), sides);
  };

  const choose = (row) => {
    selected = row;
    draw();
    show();
  };

  list.addEventListener("scroll", () => requestAnimationFrame(draw));
  list.addEventListener("keydown", (event) => {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -total, End: total }[event.key];
    if (!step || !shown.length) return;
    event.preventDefault();
    const at = Math.min(shown.length - 1, Math.max(0, shown.indexOf(selected) + step));
    if (at * ROW < list.scrollTop) list.scrollTop = at * ROW;
    if ((at + 1) * ROW > list.scrollTop + list.clientHeight) list.scrollTop = (at + 1) * ROW - list.clientHeight;
    choose(shown[at]);
  });
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("filters").addEventListener("input", () => {
    filter();
    remember();
  });
  addEventListener("resize", draw);
  filter();
})();
