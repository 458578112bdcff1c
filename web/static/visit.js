// Keeps a visit on the phone and sends it when there is a network. Without it the page is complete.
"use strict";
const page = document.getElementById("visit"), form = document.getElementById("answers");
const state = document.getElementById("state"), { visit, person, revision } = page?.dataset ?? {};
const sections = form ? [...form.querySelectorAll(".section-of")] : [];
const $ = (wanted, within = form) => within.querySelector(wanted);
const $$ = (wanted, within = form) => [...within.querySelectorAll(wanted)];
const here = () => new URLSearchParams(location.search).get("at") ?? page.dataset.at;
const place = (name) => `${person} ${visit} ${name}`;
for (const each of sections) each.disabled = true; // until what was kept is there again
let db, sending, again, timer, saved, known = +revision, pending = 0;

const wish = (asked) => new Promise((done, failed) => {
  asked.onsuccess = () => done(asked.result);
  asked.onerror = () => failed(asked.error);
});
const store = (mode = "readonly") => db.transaction("sections", mode).objectStore("sections");
const put = (kept) => wish(store("readwrite").put(kept, place(kept.at)));

async function forget(wanted) {
  for (const key of await wish(store().getAllKeys())) if (wanted(...key.split(" "))) await wish(store("readwrite").delete(key));
  const cache = await self.caches?.open("visits");
  for (const each of (await cache?.keys()) ?? []) {
    const [, first, id] = new URL(each.url).pathname.split("/");
    if (first === "visits" && id && wanted(person, id)) await cache.delete(each);
  }
}

const values = (section) => [...new FormData(form)].filter(([name, value]) => typeof value === "string" && section.elements[name]);

function fill(section, kept) {
  for (const each of section.elements) {
    const mine = kept.filter(([name]) => name === each.name).map(([, value]) => value);
    if (/radio|checkbox/.test(each.type)) each.checked = mine.includes(each.value);
    else if (mine.length && each.type !== "file") [each.value] = mine;
  }
  for (const [name, id] of kept) if (name.endsWith(".photos") && !$(`[value="${id}"]`)) showPhoto(name, id);
}

const isTouched = ({ elements }) => [...elements].some((each) => each.checked !== each.defaultChecked || (each.defaultValue ?? each.value) !== each.value);

const keep = (section, changed = true) => put({ at: section.dataset.at, values: values(section), changed, stamp: Math.random(), revision: known });

function showPhoto(name, id) {
  const list = $(`[data-photos="${name}"]`), one = $("template", page).content.firstElementChild.cloneNode(true);
  list.insertBefore(one, list.lastElementChild);
  $("img", one).src = `/files/${id}/thumbnail`;
  Object.assign($("input", one), { name, value: id });
  return one;
}

async function send(name, made) {
  const one = $(`[value="${made.id}"]`)?.closest("li") ?? showPhoto(name, made.id), told = $(".sent", one);
  $("img", one).src = URL.createObjectURL(made.blob);
  pending += 1;
  try {
    await bihuan.upload(made, (words) => { told.textContent = words; });
    told.textContent = "已上传";
  } catch (refused) { told.textContent = refused.message; }
  pending -= 1;
  sync();
}

async function addPhotos(input) {
  for (const file of [...input.files]) {
    const made = await bihuan.record(file, place(input.name));
    showPhoto(input.name, made.id);
    await keep(input.closest(".section-of"));
    send(input.name, made);
  }
  input.value = "";
}

async function post(address, values) {
  const body = new URLSearchParams([["csrf_token", form.csrf_token.value], ...values]);
  const answer = await fetch(address, { method: "POST", body, headers: { Accept: "application/json" } });
  if (answer.ok) return answer.redirected ? {} : answer.json();
  throw answer.status < 500 ? await answer.json() : answer; // with the words of a refusal, or without
}

async function sendAll() {
  const mine = (await wish(store().getAll(IDBKeyRange.bound(place(""), place("￿"))))).filter((each) => each.changed);
  for (const kept of mine) {
    if (kept.at === "danger") {
      await post($("#danger-form", page).action, kept.values);
      return location.assign(location.pathname);
    }
    ({ revision: known, at: saved } = await post(form.action, kept.values));
    const now = await wish(store().get(place(kept.at)));
    if (now.stamp === kept.stamp) await put({ ...now, changed: false, revision: known });
    else again = true;
  }
}

function sync() {
  again = true;
  clearTimeout(timer);
  return sending ??= (async () => {
    try {
      while (again) { again = false; await sendAll(); }
      if (pending || saved) say(pending ? `${pending} 张照片待上传，内容已存` : `已存 ${saved}`, pending);
      return !pending;
    } catch ({ advice }) {
      const danger = await wish(store().get(place("danger")));
      const why = advice ?? (danger ? "险情还没有报出，请立即打电话报告，联网后自动上报" : `网络不稳${pending ? `，${pending} 张照片待上传` : ""}`);
      say(`${why}，内容已存在本机`, true);
      timer = setTimeout(sync, 15000);
      return false;
    } finally { sending = null; }
  })();
}

function say(words, unsure) {
  $("span", state).textContent = words;
  state.classList.toggle("unsure", !!unsure);
}

function count() {
  let done = 0;
  for (const item of $$(".item")) {
    const told = $(`[data-told="${item.dataset.item}"]`);
    told.hidden = !$(".no:checked", item);
    $("[data-seen]", told).textContent = $("textarea", item).value || "还没有写看到的事实";
  }
  for (const section of sections) {
    const answered = $$(".item > :checked", section).length;
    done += answered;
    for (const each of $$(`[data-done-of="${section.dataset.at}"]`)) each.textContent = `${answered}/${$$(".item", section).length}`;
  }
  $("[data-done]", page).textContent = `${done}/${$$(".item").length}`;
}

function show(at) {
  for (const section of sections) section.hidden = section.dataset.at !== at;
  const step = $(`#at-${at} .item`) ? "check" : at;
  for (const each of $$("[data-step]", page)) each.ariaCurrent = each.dataset.step === step ? "step" : null;
  $(`#at-${at} [aria-current]`)?.scrollIntoView({ block: "nearest", inline: "center" });
}

async function go(at, address) {
  const sent = sync();
  if (at === "send") return (await sent) && form.requestSubmit($("#at-submit [value=send]"));
  if (at === "submit" && (await sent)) return location.assign(address); // the server says what is missing
  show(at);
  if (at === "submit") $("#at-submit .panel").textContent = "没有联网，内容都存在本机。联网后再核对、提交。";
  history.pushState(null, "", address);
  scrollTo(0, 0);
}

function listen() {
  form.addEventListener("input", async ({ target }) => {
    if (target.type === "file") return addPhotos(target);
    count();
    await keep(target.closest(".section-of"));
    clearTimeout(timer);
    timer = setTimeout(sync, 800);
  });
  page.addEventListener("click", (event) => {
    const pressed = event.target.closest("a[data-at], button[name=go]");
    if (!pressed) return;
    event.preventDefault();
    go(pressed.dataset.at ?? pressed.value, pressed.href ?? `?at=${pressed.value}`);
  });
  $("#danger-form", page).addEventListener("submit", async (event) => {
    event.preventDefault();
    await put({ at: "danger", values: [["danger", event.target.danger.value]], changed: true });
    sync();
  });
  addEventListener("popstate", () => show(here()));
  addEventListener("online", sync);
}

async function begin() {
  const opening = indexedDB.open("visits", 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore("sections");
  db = await wish(opening);
  if (!page) {
    const over = document.getElementById("visit-over"), list = document.getElementById("visits");
    return forget((who, id) => (over ? id === over.dataset.visit : !list.dataset.open.includes(id)));
  }
  await forget((who) => who !== person);
  const kept = await Promise.all(sections.map((each) => wish(store().get(place(each.dataset.at)))));
  for (const [index, section] of sections.entries()) {
    section.disabled = false;
    if (kept[index] && (kept[index].changed || kept[index].revision >= known)) fill(section, kept[index].values);
    else await keep(section, isTouched(section));
  }
  show(here());
  count();
  listen();
  for (const { dataset } of $$("[data-photos]")) for (const made of await bihuan.kept(place(dataset.photos))) send(dataset.photos, made);
  sync();
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name);
  const cache = await caches.open("visits");
  await navigator.serviceWorker.register(page.dataset.worker, { scope: "/visits" });
  await cache.addAll(["/visits", location.pathname, ...loaded.filter((name) => /static|vendor/.test(name))]);
}

begin().catch(() => { // no network, or no place to keep anything: then the page is the server's
  for (const each of sections) each.disabled &&= each.hidden;
});
