// Loads the page again when a part of it did not come, which its modules cannot say themselves: if one of them is missing, none
// runs. A plain script, so that it needs nothing else. It must never know what the page is for.

(() => {
  /** Until the page is loaded again for the first time, and at most, seconds. */
  const FIRST_WAIT_S = 1;
  const MAX_WAIT_S = 30;
  /** A page without its looks is left so after this wait, the third. */
  const MAX_UNDRESSED_WAIT_S = 4;
  const STORED = 'treecast.again';
  const WORDS = [
    ['en', 'A part of this page did not come. It is loaded again by itself.'],
    ['ru', 'Часть страницы не пришла. Она загрузится снова сама.'],
  ];

  // A browser that keeps nothing begins with the first wait each time.
  const attempt = (work) => {
    try {
      return work();
    } catch {
      return null;
    }
  };
  const waited = () => Number(attempt(() => sessionStorage.getItem(STORED))) || 0;
  let isComing = false;

  const say = () => {
    const place = document.createElement('div');
    place.className = 'incomplete';
    place.setAttribute('role', 'alert');
    for (const [language, words] of WORDS) {
      const line = document.createElement('p');
      line.lang = language;
      line.textContent = words;
      place.append(line);
    }
    document.body.append(place);
  };

  /** The time is over, or the browser has a network again. */
  const pause = (seconds) => new Promise((done) => {
    setTimeout(done, seconds * 1000);
    addEventListener('online', done, { once: true });
  });

  // A browser that reloads while there is no server has its own page afterwards, which does not come back.
  const isThere = () => fetch(location.pathname, { method: 'HEAD', cache: 'no-store' }).then(({ ok }) => ok, () => false);

  const again = async () => {
    if (isComing) return;
    isComing = true;
    say();
    let wait = Math.min(MAX_WAIT_S, Math.max(FIRST_WAIT_S, waited() * 2));
    await pause(wait);
    while (!await isThere()) {
      wait = Math.min(MAX_WAIT_S, wait * 2);
      await pause(wait);
    }
    attempt(() => sessionStorage.setItem(STORED, String(wait)));
    location.reload();
  };

  // A sheet that did not come has no rule, or refuses to be read.
  const isDressed = () => [...document.querySelectorAll('link[rel="stylesheet"]')]
    .filter(({ href, disabled }) => href.startsWith(location.origin) && !disabled)
    .every(({ sheet }) => attempt(() => sheet.cssRules.length) > 0);

  const look = () => {
    const runs = 'runs' in document.documentElement.dataset;
    if (runs && isDressed()) attempt(() => sessionStorage.removeItem(STORED));
    // A page can be used without its looks: whatever else may take them away, a session is not loaded again and again.
    else if (!runs || waited() < MAX_UNDRESSED_WAIT_S) again();
  };

  // What a page loads later, it says itself.
  addEventListener('incomplete', again);
  if (document.readyState === 'complete') look();
  else addEventListener('load', look, { once: true });
})();
