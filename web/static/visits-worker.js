// Shows the pages of a visit while there is no network: the network first, else what was kept of the last time.
"use strict";
const KEPT = "visits";

addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  const page = request.mode === "navigate";
  if (page ? !/^\/visits(\/[\w-]+)?$/.test(url.pathname) : !/^\/(static|vendor)\/|\/thumbnail$/.test(url.pathname)) return;
  event.respondWith(answer(request, page ? url.pathname : request.url));
});

async function answer(request, key) {
  const cache = await caches.open(KEPT);
  try {
    const fresh = await fetch(request);
    if (fresh.ok && !fresh.redirected) await cache.put(key, fresh.clone());
    return fresh;
  } catch (error) {
    const kept = await cache.match(key);
    if (kept) return kept;
    throw error;
  }
}
