// The visitor's pages: one document whose views follow the address after "#", so that reload, links and the back
// button work.

import { put } from './lib/dom.js';
import { parse } from './lib/routes.js';
import { shell } from './lib/shell.js';
import { t } from './lib/texts.js';
import { application } from './views/application.js';
import { booking } from './views/booking.js';
import { home } from './views/home.js';
import { join } from './views/join.js';
import { lost } from './views/lost.js';
import { plan } from './views/plan.js';
import { session } from './views/session.js';

const VIEWS = { home, application, plan, booking, session, join, lost };

const main = document.getElementById('main');
let leaving = new AbortController();

/** Shows the view of the address; `isMove`: one came here from another view, so the focus goes to the beginning. */
const show = (isMove) => {
  leaving.abort(new DOMException('another view is shown', 'AbortError'));
  leaving = new AbortController();
  const route = parse(location.hash);
  const context = {
    route,
    signal: leaving.signal,
    title: (words) => { document.title = t('shell.title', { words }); },
    // The address is altered, the view stays.
    replace: (hash) => history.replaceState(null, '', hash),
    go: (hash, { replace = false } = {}) => {
      if (!replace) {
        location.hash = hash;
        return;
      }
      history.replaceState(null, '', hash);
      show(true);
    },
  };
  main.dataset.view = route.view;
  put(main, VIEWS[route.view](context));
  if (isMove) {
    scrollTo(0, 0);
    (main.querySelector('h1') ?? main).focus({ preventScroll: true });
  }
};

shell(() => show(false));
addEventListener('hashchange', () => show(true));
// The way back from a session's page may bring this one back as it was; its clocks are then old.
addEventListener('pageshow', (event) => { if (event.persisted) show(false); });
document.documentElement.dataset.runs = '';
show(false);
