// Saves what is typed some seconds after the last key and when the page is left. What the server did not get stays on the device.
// Without it the button 存草稿 does the same.
"use strict";

for (const form of document.querySelectorAll("form[data-draft]")) {
  const said = form.querySelector("[data-draft-said]"), revision = form.elements["+revision"];
  const key = `draft ${form.dataset.person} ${form.dataset.draft}`;
  let timer = 0, dirty = false, running = false, disputed = false;
  const clock = () => new Date().toTimeString().slice(0, 5);
  const entries = () => [...new FormData(form)].filter(([name, value]) => typeof value === "string" && !/^(\+|csrf_token)/.test(name));
  const hold = () => {
    try { localStorage.setItem(key, JSON.stringify({ at: clock(), entries: entries() })); } catch { /* no room: the server has it, or the page */ }
  };
  const say = (words, ...buttons) => said.replaceChildren(words, ...buttons.flatMap(([name, act]) => {
    const button = Object.assign(document.createElement("button"), { type: "button", className: "btn btn-quiet", textContent: name });
    button.addEventListener("click", act);
    return [" ", button];
  }));

  async function save(leaving) {
    clearTimeout(timer);
    if (!dirty || (running && !leaving) || (disputed && !leaving)) return;
    hold();
    if (disputed) return;
    dirty = false;
    running = true;
    const body = new URLSearchParams([...entries(), ["csrf_token", form.elements.csrf_token.value], ["+revision", revision.value]]);
    try {
      const answer = await fetch(form.dataset.draft, { method: "POST", body, headers: { Accept: "application/json" }, keepalive: leaving && `${body}`.length < 60000 });
      const told = await answer.json();
      if (answer.ok) {
        revision.value = told.revision;
        if (!dirty) localStorage.removeItem(key);
        say(`草稿 ${told.saved} 已存`);
      } else {
        dirty = true;
        disputed = answer.status === 409;
        const over = () => { disputed = false; revision.value = ""; save(); };
        say(`${told.advice}这里所填留在本机。`, ...(disputed ? [["存这里所填的", over], ["看另一份", () => location.reload()]] : []));
      }
    } catch {
      dirty = true;
      say(`没有网络，所填 ${clock()} 存在本机，接通后自动存`);
    }
    running = false;
  }

  function restore(held) {
    for (const [name] of held) {
      const list = name.includes(".") && form.querySelector(`[data-rows][id="${name.split(".")[0]}"]`);
      while (list && !form.elements[name]) {
        const more = list.querySelector("button[name='+']:not([hidden])");
        if (!more) break;
        more.click();
      }
    }
    for (const control of form.querySelectorAll("input, select, textarea")) {
      if (!control.name || /^(\+|csrf_token)/.test(control.name) || control.type === "file" || control.type === "hidden") continue;
      const values = held.filter(([name]) => name === control.name).map(([, value]) => value);
      if (/^(radio|checkbox)$/.test(control.type)) control.checked = values.includes(control.value);
      else control.value = values[0] ?? "";
    }
    form.dispatchEvent(new Event("input", { bubbles: true }));
  }

  form.addEventListener("input", () => {
    dirty = true;
    clearTimeout(timer);
    timer = setTimeout(save, 3000);
  });
  addEventListener("online", () => save());
  addEventListener("pagehide", () => save(true));
  document.addEventListener("submit", (event) => {
    if (/logout$/.test(event.target.action)) localStorage.removeItem(key);
    else if (event.defaultPrevented || event.target !== form) return;
    dirty = false;
    clearTimeout(timer);
  });
  const left = JSON.parse(localStorage.getItem(key) ?? "null");
  if (left && JSON.stringify(left.entries) === JSON.stringify(entries())) localStorage.removeItem(key);
  else if (left) {
    say(`这台设备上还有 ${left.at} 没有存到服务器的一份。`, ["用这一份", () => { localStorage.removeItem(key); restore(left.entries); }],
      ["不要了", () => { localStorage.removeItem(key); say(""); }]);
  }
}
