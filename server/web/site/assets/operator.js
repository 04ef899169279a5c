// The operator's page: a token to come in, then everything that is known, refreshed by itself.

import { put } from './lib/dom.js';
import { shell } from './lib/shell.js';
import { forgetHere, recallHere, rememberHere } from './lib/store.js';
import { t } from './lib/texts.js';
import { dashboard } from './operator/dashboard.js';
import { signIn } from './operator/signin.js';

const STORED = 'operator-token';

const main = document.getElementById('main');
const out = document.getElementById('sign-out');
let leaving = new AbortController();

const show = (words = '') => {
  leaving.abort(new DOMException('another view is shown', 'AbortError'));
  leaving = new AbortController();
  document.title = t('shell.title', { words: t('operator.title') });
  const token = recallHere(STORED);
  out.hidden = !token;
  if (token) {
    put(main, dashboard({
      token,
      signal: leaving.signal,
      refused: () => {
        forgetHere(STORED);
        show(t('fault.unauthorized'));
      },
    }));
  } else {
    put(main, signIn({
      words,
      signal: leaving.signal,
      accepted: (good) => {
        rememberHere(STORED, good);
        show();
        main.querySelector('h1').focus();
      },
    }));
  }
};

out.addEventListener('click', () => {
  forgetHere(STORED);
  show();
  main.querySelector('input').focus();
});
shell(() => show());
document.documentElement.dataset.runs = '';
show();
