// Keeps a visit on the phone and sends it when there is a network. Without it the page is complete: one group, one POST.
"use strict";
const RETRY = 15_000;
const page = document.getElementById("visit");
const form = document.getElementById("answers");
const sections = form ? [...form.querySelectorAll(".section-of")] : [];
const visit = page?.dataset.visit;
const key = (at) => `${visit}/${at}`;
let db, running, again, timer;

// ---- what is kept here
const opened = () => new Promise((resolve, reject) => {
  const asked = indexedDB.open("visits", 1);
  asked.onupgradeneeded = () => ["sections", "photos"].forEach((name) => asked.result.createObjectStore(name));
  asked.onsuccess = () => resolve(asked.result);
  asked.onerror = () => reject(asked.error);
});
const act = (store, mode, what) => new Promise((resolve, reject) => {
  const change = db.transaction(store, mode);
  const asked = what(change.objectStore(store));
  change.oncomplete = () => resolve(asked.result);
  change.onerror = () => reject(change.error);
});
const put = (store, name, value) => act(store, "readwrite", (kept) => kept.put(value, name));
const drop = (store, name) => act(store, "readwrite", (kept) => kept.delete(name));
const all = (store) => act(store, "readonly", (kept) => kept.getAll());

async function forget(wanted) {
  for (const store of ["sections", "photos"])
    for (const each of await all(store)) if (wanted(each)) await drop(store, each.key);
  const cache = await self.caches?.open("visits");
  for (const each of await cache?.keys() ?? [])
    if (wanted({ visit: new URL(each.url).pathname.split("/")[2] })) await cache.delete(each);
}

// ---- what is typed
const isValue = (control) => control.name && !["file", "submit", "fieldset"].includes(control.type);
const values = (section) => [...section.elements].filter(isValue)
  .filter((each) => !["radio", "checkbox"].includes(each.type) || each.checked).map((each) => [each.name, each.value]);
const isPhoto = ([name]) => name.endsWith(".photos");

function fill(section, kept) {
  for (const control of [...section.elements].filter(isValue)) {
    const mine = kept.filter(([name]) => name === control.name).map(([, value]) => value);
    if (["radio", "checkbox"].includes(control.type)) control.checked = mine.includes(control.value);
    else if (isPhoto([control.name]) && !mine.includes(control.value)) control.closest("li").remove();
    else if (mine.length && !isPhoto([control.name])) control.value = mine[0];
  }
  for (const [name, id] of kept.filter(isPhoto)) if (!section.querySelector(`[value="${id}"]`)) showPhoto(name, id);
}

async function keep(section, changed = true) {
  const at = section.dataset.at;
  const stamp = crypto.getRandomValues(new Uint32Array(2)).join();
  await put("sections", key(at), { key: key(at), visit, person: page.dataset.person, at, values: values(section), changed, stamp, revision: +page.dataset.revision });
}

// ---- photos
function showPhoto(name, id, blob) {
  const list = form.querySelector(`[data-photos="${name}"]`);
  const one = document.createElement("li");
  one.innerHTML = '<span class="ph"><img alt="照片"></span><span class="sent"></span><input type="hidden"><button type="button" class="drop">移除</button>';
  one.querySelector("img").src = blob ? URL.createObjectURL(blob) : `/files/${id}/thumbnail`;
  Object.assign(one.querySelector("input"), { name, value: id });
  one.querySelector(".sent").textContent = blob ? "待上传" : "已上传";
  list.insertBefore(one, list.lastElementChild);
}

async function addPhotos(input) {
  const section = input.closest(".section-of");
  for (const file of [...input.files]) {
    const photo = await Upload.prepare(file);
    await put("photos", photo.id, { ...photo, key: photo.id, visit, person: page.dataset.person, field: input.name });
    showPhoto(input.name, photo.id, photo.blob);
    await keep(section);
  }
  input.value = "";
  sync();
}

// ---- sending
class Waits extends Error {}

async function post(address, body) {
  const answer = await fetch(address, { method: "POST", body, redirect: "manual", headers: { Accept: "application/json" } });
  if (answer.ok) return answer.json();
  if (answer.type === "opaqueredirect") throw new Waits("登录已过期，请重新登录后回到本页，内容已存在本机");
  if (answer.status === 400) throw new Waits("页面打开太久，请刷新本页，内容已存在本机");
  if (answer.status < 500) throw new Waits("没有存到服务器：这次督导可能已经提交，内容已存在本机");
  throw new TypeError(answer.statusText);
}

async function sendAll() {
  const mine = (each) => each.visit === visit && each.person === page.dataset.person;
  for (const kept of (await all("sections")).filter(mine).filter((each) => each.changed)) {
    const body = new URLSearchParams([["csrf_token", form.csrf_token.value], ...kept.values]);
    const { revision } = await post(form.action, body);
    page.dataset.revision = revision;
    const now = await act("sections", "readonly", (store) => store.get(kept.key));
    if (now?.stamp === kept.stamp) await put("sections", kept.key, { ...now, changed: false, revision });
    else again = true;
  }
  for (const photo of (await all("photos")).filter(mine)) {
    await Upload.send(photo, form.csrf_token.value);
    await drop("photos", photo.key);
    const sent = form.querySelector(`[value="${photo.key}"]`)?.parentElement.querySelector(".sent");
    if (sent) sent.textContent = "已上传";
  }
}

/** Whether all has arrived. One at a time; what is changed meanwhile is sent after it. */
function sync() {
  again = Boolean(running);
  running ??= (async () => {
    clearTimeout(timer);
    try {
      do { again = false; await sendAll(); } while (again);
      say(`已存 ${new Date().toTimeString().slice(0, 5)}`);
      return true;
    } catch (error) {
      const photos = (await all("photos")).filter((each) => each.visit === visit).length;
      say(error instanceof TypeError ? `网络不稳，${photos ? `${photos} 张照片待上传，` : ""}内容已存在本机` : error.message, true);
      timer = setTimeout(sync, RETRY);
      return false;
    } finally { running = null; }
  })();
  return running;
}

function say(words, unsure = false) {
  document.getElementById("state-words").textContent = words;
  document.getElementById("state").classList.toggle("unsure", unsure);
}

// ---- moving about
function count() {
  let done = 0;
  for (const section of sections) {
    const items = [...section.querySelectorAll(".item")];
    const answered = items.filter((each) => each.querySelector("input[type=radio]:checked")).length;
    done += answered;
    for (const each of form.querySelectorAll(`[data-done-of="${section.dataset.at}"]`)) each.textContent = `${answered}/${items.length}`;
    for (const item of items) {
      const told = form.querySelector(`[data-told="${item.dataset.item}"]`);
      told.hidden = !item.querySelector(".no:checked");
      told.querySelector("[data-seen]").textContent = item.querySelector("textarea").value || "还没有写看到的事实";
    }
  }
  form.querySelector("[data-told-none]").hidden = Boolean(form.querySelector("[data-told]:not([hidden])"));
  const total = page.querySelector("[data-done]");
  total.textContent = `${done}/${total.textContent.split("/")[1]}`;
}

async function go(at, address) {
  const sent = at === "submit" && await sync();
  if (sent) return location.assign(address); // the server says what is missing
  show(at);
  history.pushState({ at }, "", address);
  scrollTo(0, 0);
}

function show(at) {
  for (const section of sections) section.hidden = section.dataset.at !== at;
  const group = form.querySelector(`#at-${at} .item`);
  for (const step of page.querySelectorAll("[data-step]"))
    step.toggleAttribute("aria-current", group ? step.dataset.step === "check" : step.dataset.at === at);
}

async function begin() {
  db = await opened();
  if (!page) {
    const over = document.getElementById("visit-over")?.dataset.visit;
    const list = document.getElementById("visits")?.dataset;
    await forget((each) => over ? each.visit === over : each.visit && !list.open.split(" ").includes(each.visit));
    return;
  }
  await forget((each) => each.person && each.person !== page.dataset.person);
  const kept = (await all("sections")).filter((each) => each.visit === visit);
  const stale = kept.some((each) => each.revision > +page.dataset.revision);
  const photos = new Map((await all("photos")).map((each) => [each.key, each]));
  for (const section of sections) {
    section.disabled = false;
    const mine = kept.find((each) => each.at === section.dataset.at);
    if (mine && (mine.changed || stale)) fill(section, mine.values);
    else if (!stale) await keep(section, false);
  }
  for (const [id, photo] of photos) {
    const shown = form.querySelector(`[value="${id}"]`)?.parentElement;
    if (!shown) continue;
    shown.querySelector("img").src = URL.createObjectURL(photo.blob);
    shown.querySelector(".sent").textContent = "待上传";
  }
  show(new URLSearchParams(location.search).get("at") ?? page.dataset.at);
  count();
  form.addEventListener("input", async (event) => {
    if (event.target.type === "file") return addPhotos(event.target);
    count();
    await keep(event.target.closest(".section-of"));
    clearTimeout(timer);
    timer = setTimeout(sync, 800);
  });
  page.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-at], button[name=go], .drop");
    if (!link) return;
    if (link.className === "drop") {
      const section = link.closest(".section-of");
      await drop("photos", link.parentElement.querySelector("input").value);
      link.parentElement.remove();
      await keep(section);
      return sync();
    }
    event.preventDefault();
    const at = link.dataset.at ?? link.value;
    if (at !== "send") return link.closest(".dock")?.firstElementChild === link ? sync() : go(at, link.href ?? `?at=${at}`);
    if (await sync()) form.requestSubmit ? (form.insertAdjacentHTML("beforeend", '<input type="hidden" name="go" value="send">'), form.submit()) : 0;
  });
  addEventListener("popstate", () => show(new URLSearchParams(location.search).get("at") ?? "arrive"));
  addEventListener("online", sync);
  sync();
  const worker = navigator.serviceWorker;
  if (!worker) return;
  await worker.register(page.dataset.worker, { scope: "/visits" });
  const cache = await caches.open("visits");
  const needed = [...document.querySelectorAll("link[rel=stylesheet], script[src]")].map((each) => each.href ?? each.src);
  await cache.addAll([location.pathname, ...needed, document.querySelector("use").href.baseVal.split("#")[0]]);
}

begin();
